"""Signing in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Optional

from .config import _context
from .errors import Error
from .project import Project
from .record import Approval, Share, read
from .transport import Transport


def login(
    url: Optional[str] = None,
    key: Optional[str] = None,
    *,
    user: Optional[str] = None,
    password: Optional[str] = None,
    project: Optional[str] = None,
    patience: float = 120.0,
) -> "Client":
    """A client of the installation at ``url``.

    What is not given comes from the environment (``BINE_API``,
    ``BINE_API_KEY``, ``BINE_PROJECT``; in a step its own job token), then from
    what the CLI keeps. ``user`` and ``password`` sign in as a person instead
    of by key. ``patience`` is how many seconds a safe request is repeated
    while the server does not answer.
    """
    kept = _context()
    url = url or os.environ.get("BINE_API") or kept.get("url")
    if not url:
        raise Error(
            "no server is named: give bine.login the address, set BINE_API, or sign in with the CLI (bine login)",
            kind="unauthenticated",
        )
    if key is None and user is None:
        key = os.environ.get("BINE_API_KEY") or os.environ.get("BINE_TOKEN")
        if not key and kept.get("url", "").rstrip("/") == url.rstrip("/"):
            key = kept.get("key")  # never to another server than the one that it is for
    project = project or os.environ.get("BINE_PROJECT") or kept.get("project")
    client = Client(Transport(url, key or "", patience), project or "")
    if user is not None:
        client.transport.json("POST", "auth", "login", json={"user": user, "password": password or ""})
    return client


class Client:
    """An installation as one identity. Use it as a context manager to close its connections."""

    def __init__(self, transport: Transport, project: str = "") -> None:
        self.transport = transport
        self.default_project = project

    def project(self, name: Optional[str] = None) -> Project:
        """A project by name; without one, that of the environment or of the CLI."""
        name = name or self.default_project
        if not name:
            raise Error("which project? give its name, or set BINE_PROJECT", kind="invalid")
        return Project(self.transport, name)

    def projects(self) -> list[str]:
        """Names of the projects that the identity sees."""
        return [p["name"] for p in self.transport.json("GET", "projects")]

    def create_project(
        self, name: str, *, description: str = "", requires: Optional[list[str]] = None, python: str = ""
    ) -> Project:
        """Starts the provisioning of a project; ``wait`` on it until it is ready."""
        body = {"name": name, "description": description, "requires": requires or [], "python": python}
        self.transport.json("POST", "projects", json=body)
        return Project(self.transport, name)

    def me(self) -> Mapping[str, Any]:
        """Who the requests are made as: ``user``, ``admin``, ``via``, ``scopes``, ``project``."""
        found: Mapping[str, Any] = self.transport.json("GET", "auth", "me")
        return found

    def approvals(self) -> list[Approval]:
        """Over all projects, the approvals that wait and that the identity may answer."""
        return [read(Approval, a) for a in self.transport.json("GET", "approvals")]

    def public_datasets(self) -> list[Share]:
        """The datasets that projects offer to everyone."""
        return [read(Share, one) for one in self.transport.json("GET", "datasets")]

    def version(self) -> str:
        """Version of the server."""
        return str(self.transport.json("GET", "version")["version"])

    def close(self) -> None:
        self.transport.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self.transport.url!r})"
