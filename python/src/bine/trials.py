"""What a process of a sweep sees: its trial."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any, Optional, Union, cast

from .errors import Error
from .step import Params, _document, log_metric

CONFIG_EXIT = 78  # EX_CONFIG of sysexits.h


class TrialEnd(SystemExit):
    """Raised by :meth:`Trial.report` when the process is to end. Nobody need catch it: the process then ends well.

    Whatever the step declares as outputs is to be written before, or after catching it.
    """

    def __init__(self, reason: str = "") -> None:
        super().__init__(0)
        self.reason = reason


class PauseTrial(TrialEnd):
    """The trial came to its budget. It goes on from its checkpoint, in another process, if it is among the best."""


class StopTrial(TrialEnd):
    """The trial is not to go on."""


class InvalidConfig(SystemExit):
    """The configuration can't be: another one takes its place, and it does not count as a failure."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(CONFIG_EXIT)
        self.reason = reason
        if reason:
            print(f"invalid configuration: {reason}", file=sys.stderr)


class Trial:
    """One configuration of a sweep, and how far this process trains it; see trial."""

    def __init__(self, segment: Mapping[str, Any]) -> None:
        self._segment = segment
        self.config = Params(segment.get("config") or {})

    @property
    def number(self) -> int:
        """Which trial of its sweep it is, from 1."""
        return int(self._segment.get("trial") or 0)

    @property
    def segment(self) -> int:
        """Which process of the trial this is, from 1."""
        return int(self._segment.get("segment") or 0)

    @property
    def rung(self) -> int:
        """The rung towards which it is trained, from 0."""
        return int(self._segment.get("rung") or 0)

    @property
    def start(self) -> int:
        """The resource up to which what :func:`bine.resume` gives was trained; 0 where the trial begins."""
        return int(self._segment.get("from") or 0)

    @property
    def budget(self) -> Optional[int]:
        """The resource up to which to train in all, counted as the sweep counts it; None is until the program ends."""
        return int(self._segment.get("budget") or 0) or None

    @property
    def metric(self) -> str:
        """The name of what is to be best."""
        return str(self._segment.get("metric") or "")

    def report(self, value: Union[float, Mapping[str, float]], step: int) -> None:
        """Tells how good the trial is after ``step``: a number, or several metrics by name.

        Raises :class:`PauseTrial` when the budget is reached. Save the checkpoint before.
        """
        metrics = value if isinstance(value, Mapping) else {self.metric: value}
        if not isinstance(value, Mapping) and not self.metric:
            raise Error("report a mapping of metrics: outside of a sweep a number has no name", kind="invalid")
        for name, number in metrics.items():
            if number == number and abs(number) != float("inf"):
                log_metric(name, number, step)
        if self.budget is not None and step >= self.budget:
            raise PauseTrial(f"step {step} is the budget of this rung")

    def __repr__(self) -> str:
        return f"Trial({self.number}, {dict(self.config)!r}, budget={self.budget})"


def trial() -> Trial:
    """The trial that this process is of; outside of a sweep one with the step's params and no budget."""
    path = os.environ.get("BINE_TRIAL")
    if path:
        return Trial(cast("Mapping[str, Any]", _document(path)))
    with_ = os.environ.get("BINE_WITH")
    return Trial({"config": _document(with_) if with_ else {}})
