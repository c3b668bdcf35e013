"""What a process of a sweep sees: its trial."""

from __future__ import annotations

import json
import math
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, Optional, Union, cast

from .errors import Error
from .step import Params, _document, log_metric

CONFIG_EXIT = 78  # EX_CONFIG of sysexits.h
PATIENCE = 300.0  # seconds for which a report is sent again while the server does not answer


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
        self._next = 0.0  # the step at which the sweep wants to hear next

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

        Raises :class:`PauseTrial` when the budget is reached, and :class:`StopTrial` when the
        sweep says that the trial is not worth going on. Save the checkpoint before.
        """
        metrics = value if isinstance(value, Mapping) else {self.metric: value}
        if not isinstance(value, Mapping) and not self.metric:
            raise Error("report a mapping of metrics: outside of a sweep a number has no name", kind="invalid")
        for name, number in metrics.items():
            if number == number and abs(number) != float("inf"):
                log_metric(name, number, step)
        if os.environ.get("BINE_TRIAL") and os.environ.get("BINE_API") and step >= self._next:
            self._ask({name: _plain(float(number)) for name, number in metrics.items()}, step)
        if self.budget is not None and step >= self.budget:
            raise PauseTrial(f"step {step} is the budget of this rung")

    def _ask(self, metrics: Mapping[str, Any], step: int) -> None:
        """Tells the sweep, which answers at once whether to go on and when it wants to hear next."""
        url = f"{os.environ['BINE_API'].rstrip('/')}/api/v1/projects/{os.environ.get('BINE_PROJECT', '')}/trial-reports"
        headers = {"Authorization": f"Bearer {os.environ.get('BINE_TOKEN', '')}", "Content-Type": "application/json"}
        body = json.dumps({"at": step, "metrics": metrics}).encode()
        end, wait = time.monotonic() + PATIENCE, 0.1
        while True:
            try:
                with urllib.request.urlopen(urllib.request.Request(url, data=body, headers=headers), timeout=30) as answer:
                    told = json.load(answer)
                break
            except urllib.error.HTTPError as e:
                if e.code < 500:
                    raise Error(f"the report of step {step} was refused: {e.read().decode(errors='replace')[:500]}", status=e.code) from None
                fault: Exception = e
            except OSError as e:
                fault = e
            if time.monotonic() + wait > end:
                raise Error(f"no answer to the report of step {step}: {fault}", kind="unavailable") from None
            time.sleep(wait)
            wait = min(2 * wait, 5.0)
        self._next = float(told.get("next") or math.inf)
        if told.get("do") == "stop":
            raise StopTrial(str(told.get("reason") or ""))

    def __repr__(self) -> str:
        return f"Trial({self.number}, {dict(self.config)!r}, budget={self.budget})"


def _plain(number: float) -> Any:
    """A number as the API has it: what JSON cannot hold is a text."""
    if math.isnan(number):
        return "NaN"
    return number if math.isfinite(number) else ("Infinity" if number > 0 else "-Infinity")


def trial() -> Trial:
    """The trial that this process is of; outside of a sweep one with the step's params and no budget."""
    path = os.environ.get("BINE_TRIAL")
    if path:
        return Trial(cast("Mapping[str, Any]", _document(path)))
    with_ = os.environ.get("BINE_WITH")
    return Trial({"config": _document(with_) if with_ else {}})
