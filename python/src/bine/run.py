"""Runs of pipelines and jobs."""

from __future__ import annotations

import codecs
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Optional, Union

from .approval import answer
from .errors import Error
from .record import Approval, Continuation, ContinuationStep, Metric, Notice, StepRecord, read
from .step import to_json
from .transport import Transport, pages

ENDED = frozenset({"succeeded", "failed", "cancelled", "skipped", "cached", "lost"})

FIRST_POLL = 0.05  # seconds between two looks at a run, growing to LONGEST_POLL while nothing changes
LONGEST_POLL = 1.0

PLAIN = {"Accept-Encoding": "identity"}  # offsets count the bytes of the log itself


class Run:
    """One execution of a pipeline. ``refresh`` asks the server for how it stands now."""

    def __init__(self, transport: Transport, project: str, data: Mapping[str, Any]) -> None:
        self._transport = transport
        self._project = project
        self.data = dict(data)

    @property
    def id(self) -> str:
        return str(self.data["id"])

    @property
    def state(self) -> str:
        """pending, waiting, running, succeeded, failed or cancelled, when last looked at."""
        return str(self.data["state"])

    @property
    def reason(self) -> str:
        """Why it failed, or what it waits for."""
        return str(self.data.get("reason") or "")

    @property
    def params(self) -> Mapping[str, Any]:
        """Every parameter with its value in this run."""
        return self.data.get("params") or {}

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def ok(self) -> bool:
        """Whether it has succeeded."""
        return self.state in ("succeeded", "cached")

    def refresh(self) -> "Run":
        """Asks for the present state."""
        self.data = self._transport.json("GET", *self._path())
        return self

    def wait(
        self,
        timeout: Optional[float] = None,
        on_log: Optional[Callable[[str], Any]] = None,
        on_change: Optional[Callable[["Run"], Any]] = None,
    ) -> "Run":
        """Waits until the run has ended, and gives it; look at ``ok`` or ``state`` then.

        ``on_log`` gets each line of each step's log, with the step's name
        before it; ``on_change`` the run, whenever its state or the number of
        its steps in each state changes. Raises ``TimeoutError`` after
        ``timeout`` seconds.
        """
        end = None if timeout is None else time.monotonic() + timeout
        logs = _Logs(self, on_log) if on_log else None
        pause, seen = FIRST_POLL, None
        while True:
            self.refresh()
            ended = self.ended
            moved = logs.pump() if logs else False
            now = (self.state, self.reason, self.data.get("steps"))
            if now != seen:
                seen, moved = now, True
                if on_change:
                    on_change(self)
            if ended:
                return self
            if end is not None and time.monotonic() >= end:
                raise TimeoutError(f"run {self.id} is {self.state} after {timeout} seconds")
            pause = FIRST_POLL if moved else min(pause * 1.5, LONGEST_POLL)
            time.sleep(pause if end is None else max(0.0, min(pause, end - time.monotonic())))

    def steps(self) -> list[StepRecord]:
        """The steps in the order of the graph, without the items of fan-outs."""
        return [read(StepRecord, s) for s in self._transport.json("GET", *self._path("steps"))]

    def step(self, name: str) -> StepRecord:
        """One step by name."""
        for s in self.steps():
            if s.name == name:
                return s
        raise Error(f"run {self.id} has no step {name!r}", kind="not_found")

    def items(self, step: str) -> Iterator[StepRecord]:
        """The items of a fan-out."""
        for s in pages(self._transport, *self._path("steps", step, "items")):
            yield read(StepRecord, s)

    def metrics(self, step: str, item: str = "") -> list[Metric]:
        """What a step reported, in order."""
        found = self._transport.json("GET", *self._path("metrics"), params=_ref(step, item))
        return [read(Metric, m) for m in found]

    def logs(self, step: str, item: str = "", attempt: int = 0, follow: bool = False) -> Iterator[str]:
        """The lines of a step's log. With ``follow`` until the step has ended, whatever happens to the connection."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        offset, part, stop = 0, "", 0.0
        while True:
            params = {**_ref(step, item, attempt), "offset": str(offset), "follow": "true" if follow else "false"}
            try:
                with self._transport.stream("GET", *self._path("logs"), params=params, headers=PLAIN) as answer:
                    for chunk in answer.iter_bytes():
                        offset, stop = offset + len(chunk), 0.0
                        *lines, part = (part + decoder.decode(chunk)).split("\n")
                        yield from lines
                break
            except Error as e:
                if e.kind != "unavailable":
                    raise
                stop = stop or time.monotonic() + self._transport.patience
                if time.monotonic() > stop:
                    raise
                time.sleep(0.2)
        if part:
            yield part

    def cancel(self) -> "Run":
        """Asks the run to stop."""
        self.data = self._transport.json("POST", *self._path("cancel"), safe=True) or self.data
        return self

    def retry(self) -> "Run":
        """Starts a new run of the same version with the same params; what succeeded is not done again."""
        return Run(self._transport, self._project, self._transport.json("POST", *self._path("retry"), safe=True))

    def plan(
        self, start: Sequence[str] = (), *, version: int = 0, params: Optional[Mapping[str, Any]] = None
    ) -> Continuation:
        """What ``go_on`` would do, step by step and why, without doing it."""
        found = self._transport.json("POST", *self._path("continuation"), json=_continue(start, version, params), safe=True)
        plan = read(Continuation, found)
        return replace(plan, steps=[read(ContinuationStep, s) for s in found.get("steps") or ()])

    def go_on(
        self,
        start: Sequence[str] = (),
        *,
        version: int = 0,
        params: Optional[Mapping[str, Any]] = None,
        key: Optional[str] = None,
    ) -> "Run":
        """Starts a new run that goes on from this one, which has ended, and keeps the outputs that still hold.

        What did not succeed runs, and what needs it; so do the steps of
        ``start``, and those that a newer ``version`` or changed ``params`` touch.
        """
        asked = {**_continue(start, version, params), "key": key or str(uuid.uuid4())}
        return Run(self._transport, self._project, self._transport.json("POST", *self._path("continue"), json=asked, safe=True))

    def compare(self, earlier: Union["Run", str]) -> Mapping[str, Any]:
        """How this run differs from an earlier one: ``params``, ``steps``, and ``diff`` of the definitions."""
        left = earlier if isinstance(earlier, str) else earlier.id
        found: Mapping[str, Any] = self._transport.json("GET", *self._path("comparison"), params={"with": left})
        return found

    def notices(self) -> list[Notice]:
        """The messages about it, and how their delivery went."""
        return [read(Notice, n) for n in self._transport.json("GET", *self._path("notices"))]

    def approve(self, step: str, values: Optional[Mapping[str, Any]] = None, *, note: str = "", item: str = "") -> Approval:
        """Says yes to an approval that waits; ``values`` fill in its form."""
        return answer(self._transport, self._project, self.id, step, True, values, note, item)

    def reject(self, step: str, *, note: str = "", item: str = "") -> Approval:
        """Says no to an approval that waits."""
        return answer(self._transport, self._project, self.id, step, False, None, note, item)

    def _path(self, *more: str) -> tuple[str, ...]:
        return ("projects", self._project, "runs", self.id, *more)

    def __repr__(self) -> str:
        return f"Run({self.id!r}, {self.state!r})"


def _continue(start: Sequence[str], version: int, params: Optional[Mapping[str, Any]]) -> dict[str, Any]:
    asked: dict[str, Any] = {}
    if start:
        asked["from"] = [start] if isinstance(start, str) else list(start)
    if version:
        asked["version"] = version
    if params:
        asked["params"] = to_json(dict(params), "params")
    return asked


def _ref(step: str, item: str = "", attempt: int = 0) -> dict[str, str]:
    ref = {"step": step}
    if item:
        ref["item"] = item
    if attempt:
        ref["attempt"] = str(attempt)
    return ref


class _Logs:
    """Reads on in the logs of all steps of a run."""

    def __init__(self, run: Run, on_log: Callable[[str], Any]) -> None:
        self._run = run
        self._on_log = on_log
        self._offsets: dict[tuple[str, str, int], int] = {}
        self._done: set[tuple[str, str, int]] = set()

    def pump(self) -> bool:
        """Passes on what is new; says whether anything was."""
        moved = False
        for step in self._run.steps():
            rows = self._run.items(step.name) if step.items else iter([step])
            for row in rows:
                if row.attempts and row.state != "cached":
                    moved = self._pass_on(row) or moved
        return moved

    def _pass_on(self, row: StepRecord) -> bool:
        key = (row.name, row.item, row.attempts)
        if key in self._done:
            return False
        offset = self._offsets.get(key, 0)
        params = {**_ref(*key), "offset": str(offset), "follow": "false"}
        run = self._run
        try:
            text = run._transport.send("GET", *run._path("logs"), params=params).content
        except Error as e:
            if e.kind == "not_found":  # the attempt has written nothing yet
                return False
            raise
        ended = row.state in ENDED
        if not ended:
            text = text[: text.rfind(b"\n") + 1]  # whole lines only
        self._offsets[key] = offset + len(text)
        name = f"{row.name}[{row.item}]" if row.item else row.name
        for line in text.decode("utf-8", "replace").splitlines():
            self._on_log(f"{name}: {line}")
        if ended:
            self._done.add(key)
        return bool(text)
