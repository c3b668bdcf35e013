"""Backfills: runs of a pipeline for many planned times or partitions."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Optional, Union

from .record import BackfillSlot, read
from .step import to_json
from .transport import Transport, pages

ENDED = frozenset({"succeeded", "failed", "cancelled"})
POLL = 0.5  # seconds between two looks

Time = Union[datetime, str]  # as RFC 3339, with a time zone


class Backfill:
    """A backfill. ``refresh`` asks the server for how it stands now."""

    def __init__(self, transport: Transport, project: str, data: Mapping[str, Any]) -> None:
        self._transport = transport
        self._project = project
        self.data = dict(data)

    @property
    def id(self) -> str:
        return str(self.data["id"])

    @property
    def state(self) -> str:
        """running, paused, cancelling, cancelled, succeeded or failed, when last looked at."""
        return str(self.data["state"])

    @property
    def reason(self) -> str:
        return str(self.data.get("reason") or "")

    @property
    def counts(self) -> Mapping[str, int]:
        """Number of slots in each state."""
        return self.data.get("slots") or {}

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    def refresh(self) -> "Backfill":
        """Asks for the present state."""
        self.data = self._transport.json("GET", *self._path())
        return self

    def slots(self) -> Iterator[BackfillSlot]:
        """Its planned times or partitions, in its order."""
        for slot in pages(self._transport, *self._path("slots")):
            yield read(BackfillSlot, slot)

    def pause(self) -> "Backfill":
        """Starts no further runs; those that go on end."""
        return self._ask("pause")

    def resume(self) -> "Backfill":
        """Goes on with a paused backfill."""
        return self._ask("resume")

    def cancel(self) -> "Backfill":
        """Cancels the runs that go on, and starts no others."""
        return self._ask("cancel")

    def wait(self, timeout: Optional[float] = None) -> "Backfill":
        """Waits until it has ended. Raises ``TimeoutError`` after ``timeout`` seconds."""
        end = None if timeout is None else time.monotonic() + timeout
        while not self.refresh().ended:
            if end is not None and time.monotonic() >= end:
                raise TimeoutError(f"backfill {self.id} is {self.state} after {timeout} seconds")
            time.sleep(POLL)
        return self

    def _ask(self, verb: str) -> "Backfill":
        self.data = self._transport.json("POST", *self._path(verb), safe=True) or self.data
        return self

    def _path(self, *more: str) -> tuple[str, ...]:
        return ("projects", self._project, "backfills", self.id, *more)

    def __repr__(self) -> str:
        return f"Backfill({self.id!r}, {self.state!r})"


def body(
    start: Optional[Time],
    end: Optional[Time],
    partitions: Optional[Sequence[str]],
    param: str,
    params: Optional[Mapping[str, Any]],
    **fields: Any,
) -> dict[str, Any]:
    """The request for a backfill; fields that are not given are left out."""
    out = {key: value for key, value in fields.items() if value}
    if start is not None:
        out["from"] = start if isinstance(start, str) else start.isoformat()
    if end is not None:
        out["to"] = end if isinstance(end, str) else end.isoformat()
    if partitions is not None:
        out["partitions"], out["param"] = list(partitions), param
    if params:
        out["params"] = to_json(dict(params), "params")
    out.setdefault("key", str(uuid.uuid4()))
    return out
