"""Datasets that projects share, and files that are kept elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Optional

from .errors import Error
from .record import Connector, Share, TransferRecord, read
from .transport import Transport, pages


class Datasets:
    """The datasets that a project shares with others, and those that others share with it."""

    def __init__(self, transport: Transport, project: str) -> None:
        self._transport = transport
        self._project = project

    def list(self) -> "list[Share]":
        """What is shared, asked for or offered, in both directions; ``access`` says what may be done now."""
        return [read(Share, one) for one in self._transport.json("GET", "projects", self._project, "shares")]

    def offer(self, dataset: str, to: str, access: str = "read") -> Share:
        """Offers a directory at the top of the project to another one, or with ``*`` to all; ``access`` is read or write."""
        where = ("projects", self._project, "offers", dataset, to)
        return read(Share, self._transport.json("PUT", *where, json={"access": access}, safe=True))

    def withdraw(self, dataset: str, to: str) -> None:
        """Takes an offer back; the dataset's use ends at once."""
        self._transport.send("DELETE", "projects", self._project, "offers", dataset, to, safe=True)

    def want(self, dataset: str, access: str = "read") -> Share:
        """Accepts a dataset of another project, as ``weather::stations``, or asks for it."""
        where = ("projects", self._project, "wishes", *_foreign(dataset))
        return read(Share, self._transport.json("PUT", *where, json={"access": access}, safe=True))

    def leave(self, dataset: str) -> None:
        """Gives up a dataset of another project."""
        self._transport.send("DELETE", "projects", self._project, "wishes", *_foreign(dataset), safe=True)


def _foreign(dataset: str) -> "tuple[str, str]":
    owner, separator, name = dataset.partition("::")
    if not (owner and separator and name):
        raise Error(f"{dataset!r} is no dataset of another project: write it like weather::stations", kind="invalid")
    return owner, name


class Transfer:
    """A copy between a connector and the project's files, which goes on after any crash."""

    def __init__(self, transport: Transport, project: str, data: Any) -> None:
        self._transport = transport
        self._project = project
        self.record = read(TransferRecord, data)

    @property
    def id(self) -> str:
        """Its name, for example ``import-1``."""
        return self.record.id

    def refresh(self) -> "Transfer":
        """Looks how far it is."""
        self.record = read(TransferRecord, self._transport.json("GET", *self._path()))
        return self

    def wait(self, timeout: Optional[float] = None) -> "Transfer":
        """Waits for its end; one that did not succeed is an error with the reason."""
        end = None if timeout is None else time.monotonic() + timeout
        while self.refresh().record.state not in ("succeeded", "failed", "cancelled"):
            if end is not None and time.monotonic() > end:
                raise TimeoutError(f"{self.id} is {self.record.state} after {timeout} seconds")
            time.sleep(0.5)
        if self.record.state != "succeeded":
            raise Error(f"{self.id} is {self.record.state}: {self.record.reason}", kind="conflict")
        return self

    def faults(self) -> "list[tuple[str, str]]":
        """The files that were not copied, at most 1,000, each with the reason."""
        return [(one["path"], one["reason"]) for one in self._transport.json("GET", *self._path("faults"))]

    def cancel(self) -> None:
        """Stops it; what was copied stays."""
        self._transport.json("POST", *self._path("cancel"), safe=True)

    def _path(self, *more: str) -> "tuple[str, ...]":
        return ("projects", self._project, "transfers", self.id, *more)

    def __repr__(self) -> str:
        return f"Transfer({self.id!r}, {self.record.state})"


class Lakes:
    """The connectors of a project, and what was copied through them."""

    def __init__(self, transport: Transport, project: str) -> None:
        self._transport = transport
        self._project = project

    def connectors(self) -> "list[Connector]":
        """The connectors by name; what one leads to is read below ``.lake/<name>``."""
        return [read(Connector, one) for one in self._transport.json("GET", "projects", self._project, "connectors")]

    def fetch(self, connector: str, to: str, source: str = "") -> Transfer:
        """Starts to import a file or directory of a connector, all of it without ``source``, into a directory."""
        return self._start("import", connector, source, to)

    def give(self, source: str, connector: str, to: str = "") -> Transfer:
        """Starts to export a file or directory of the project into a directory of a connector."""
        return self._start("export", connector, to, source)

    def transfers(self) -> "Iterator[Transfer]":
        """Imports and exports, newest first."""
        for one in pages(self._transport, "projects", self._project, "transfers"):
            yield Transfer(self._transport, self._project, one)

    def _start(self, direction: str, connector: str, path: str, files: str) -> Transfer:
        body = {"direction": direction, "connector": connector, "path": path, "files": files}
        made = self._transport.json("POST", "projects", self._project, "transfers", json=body)
        return Transfer(self._transport, self._project, made)
