"""Stored pipelines and jobs."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

from . import code
from .backfill import Backfill, Time, body
from .errors import Error
from .record import BackfillSlot, Trigger, read
from .run import Run
from .step import to_json
from .transport import Transport, pages


class Pipeline:
    """A pipeline of a project, or a job."""

    def __init__(self, transport: Transport, project: str, name: str, job: bool = False) -> None:
        self._transport = transport
        self._project = project
        self._job = job
        self.name = name

    def info(self) -> Mapping[str, Any]:
        """How it stands: ``latest`` version, ``runs``, ``last_run`` …"""
        found: Mapping[str, Any] = self._transport.json("GET", *self._path())
        return found

    def start(
        self,
        params: Optional[Mapping[str, Any]] = None,
        *,
        key: Optional[str] = None,
        version: Optional[int] = None,
        cache: bool = True,
    ) -> Run:
        """Starts a run and answers at once.

        ``params`` are those that differ from their defaults. The same ``key``
        gives the same run, so a cell that is executed twice starts one; without
        it each call starts a new one. ``version`` is the newest if not given.
        ``cache=False`` does every step anew.
        """
        asked: dict[str, Any] = {"params": to_json(dict(params or {}), "params"), "key": key or str(uuid.uuid4())}
        if version:
            asked["version"] = version
        if not cache:
            asked["no_cache"] = True
        what = "executions" if self._job else "runs"
        return Run(self._transport, self._project, self._transport.json("POST", *self._path(what), json=asked, safe=True))

    def backfill(
        self,
        start: Optional[Time] = None,
        end: Optional[Time] = None,
        *,
        partitions: Optional[Sequence[str]] = None,
        param: str = "",
        params: Optional[Mapping[str, Any]] = None,
        mode: str = "missing",
        order: str = "oldest",
        cap: int = 1,
        cron: str = "",
        time_zone: str = "",
        version: int = 0,
        key: str = "",
    ) -> Backfill:
        """Runs it for every planned time from ``start`` until before ``end``, or for every partition.

        A partition is given to the run as ``param``. ``mode`` is missing, failed
        or all, ``cap`` how many go on at a time. The planned times are those of
        the pipeline's schedule, or of ``cron``.
        """
        asked = body(
            start, end, partitions, param, params, mode=mode, order=order, cap=cap, cron=cron, time_zone=time_zone, version=version, key=key
        )
        return Backfill(self._transport, self._project, self._transport.json("POST", *self._path("backfills"), json=asked, safe=True))

    def plan_backfill(
        self,
        start: Optional[Time] = None,
        end: Optional[Time] = None,
        *,
        partitions: Optional[Sequence[str]] = None,
        param: str = "",
        params: Optional[Mapping[str, Any]] = None,
        mode: str = "missing",
        order: str = "oldest",
        cron: str = "",
        time_zone: str = "",
        version: int = 0,
    ) -> list[BackfillSlot]:
        """What ``backfill`` would run, without running it."""
        asked = body(start, end, partitions, param, params, mode=mode, order=order, cron=cron, time_zone=time_zone, version=version)
        found = self._transport.json("POST", *self._path("backfills"), json={**asked, "dry_run": True}, safe=True)
        return [read(BackfillSlot, slot) for slot in found.get("all") or ()]

    def triggers(self) -> list[Trigger]:
        """What starts it when something happens."""
        found = self._transport.json("GET", "projects", self._project, "triggers", params={"pipeline": self.name})
        return [read(Trigger, t) for t in found]

    def pause_trigger(self, number: int, paused: bool = True) -> Trigger:
        """Stops a trigger or, with ``paused=False``, lets it go on from now."""
        verb = "pause" if paused else "resume"
        return read(Trigger, self._transport.json("POST", *self._path("triggers", str(number), verb), safe=True))

    def diff(self, start: int, end: int) -> str:
        """The difference of two versions' texts, in unified form."""
        found = self._transport.json("GET", *self._path("diff"), params={"from": str(start), "to": str(end)})
        return str(found.get("diff") or "")

    def runs(self, state: str = "") -> list[Run]:
        """Its runs, newest first."""
        params = {"pipeline": self.name, **({"state": state} if state else {})}
        found = pages(self._transport, "projects", self._project, "runs", params=params)
        return [Run(self._transport, self._project, r) for r in found]

    def _path(self, *more: str) -> tuple[str, ...]:
        return ("projects", self._project, "jobs" if self._job else "pipelines", self.name, *more)

    def __repr__(self) -> str:
        return f"{'Job' if self._job else 'Pipeline'}({self.name!r})"


def store(transport: Transport, project: str, path: "os.PathLike[str] | str") -> Pipeline:
    """Stores the pipeline in a YAML file, with the files beside it that its steps name, and what those import."""
    source = Path(path)
    text = source.read_bytes().decode()
    checked = check(transport, project, text, str(source))
    root = source.parent.resolve()
    files = [root / name for name in checked.get("files") or ()]
    return store_text(transport, project, text, str(source), root, code.needed(root, files))


def check(transport: Transport, project: str, text: str, what: str) -> Mapping[str, Any]:
    """What the server makes of a pipeline's text; faults are an error."""
    headers = {"Content-Type": "application/yaml"}
    checked: Mapping[str, Any] = transport.json(
        "POST", "projects", project, "pipelines", "check", content=text.encode(), headers=headers, safe=True
    )
    if checked.get("faults"):
        raise Error(f"{what} has faults", "invalid", checked["faults"])
    return checked


def store_text(transport: Transport, project: str, text: str, what: str, root: Path, files: Sequence[str]) -> Pipeline:
    """Stores the text of a pipeline with the files of its code, which lie below root."""
    check(transport, project, text, what)
    uploaded = upload(transport, project, root, files)
    headers = {"Content-Type": "application/yaml"}
    stored = transport.json(
        "POST", "projects", project, "pipelines", content=text.encode(), headers=headers, params={"code": uploaded}, safe=True
    )
    return Pipeline(transport, project, stored["pipeline"])


def upload(transport: Transport, project: str, directory: Path, names: Sequence[str]) -> str:
    """Stores files as a directory artifact and gives its hash; of no files, an empty one."""
    if not names:
        return ""
    entries, content = [], {}
    for name in sorted(names):
        data = (directory / name).read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        content[digest] = data
        entries.append({"path": name, "hash": digest, "size": len(data)})
    artifacts = ("projects", project, "artifacts")
    for digest in transport.json("POST", *artifacts, "missing", json=sorted(content), safe=True) or ():
        octets = {"Content-Type": "application/octet-stream"}
        transport.json("PUT", *artifacts, digest, content=content[digest], headers=octets, safe=True)
    return str(transport.json("POST", *artifacts, "manifests", json=entries, safe=True)["hash"])
