"""What a running step sees: its parameters, inputs and outputs.

The agent that starts a step describes it in environment variables
(``BINE_WITH``, ``BINE_INPUTS``, ``BINE_OUTPUTS`` …). This module reads them
when they are first used and needs the standard library only, so that it works
in any environment.
"""

from __future__ import annotations

import json
import math
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional, cast

from .errors import Error

if TYPE_CHECKING:
    from .kinds import Kinds
else:
    Kinds = object  # read when a pipeline is written, not in every step

VALUES = "values.json"
METRICS = "metrics.jsonl"

_lock = threading.Lock()


def _env(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise Error(
            f"{name} is not set: this program does not run as a step of a pipeline. "
            "Start it with `bine run start`, or set the BINE_* variables by hand to try it.",
            kind="invalid",
        )
    return value


@lru_cache(maxsize=16)
def _document(path: str) -> Any:
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def _did_you_mean(what: str, name: str, known: Any) -> str:
    names = sorted(str(k) for k in known)
    return f"the step has no {what} {name!r}; it has " + (", ".join(names) if names else "none")


class Params(Mapping[str, Any]):
    """The parameters of the step: its ``with`` after evaluation.

    Read them as a mapping (``params["depth"]``) or as attributes
    (``params.depth``).
    """

    def __init__(self, values: Optional[Mapping[str, Any]] = None) -> None:
        self._given = values

    def _values(self) -> Mapping[str, Any]:
        if self._given is not None:
            return self._given
        return cast("Mapping[str, Any]", _document(_env("BINE_WITH")) or {})

    def __getitem__(self, name: str) -> Any:
        try:
            return self._values()[name]
        except KeyError:
            raise KeyError(_did_you_mean("parameter", name, self._values())) from None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError as e:
            raise AttributeError(e.args[0]) from None

    def __contains__(self, name: object) -> bool:
        return name in self._values()

    def __iter__(self) -> Iterator[str]:
        return iter(self._values())

    def __len__(self) -> int:
        return len(self._values())

    def __repr__(self) -> str:
        return f"params({dict(self._values())!r})"


class Inputs(Mapping[str, Path]):
    """The inputs of the step: name to path of a file or directory, read-only.

    An input that gathers what the items of a fan-out made is a directory with
    one entry per item; ``inputs.items_of("models")`` gives them by key.
    """

    def _values(self) -> Mapping[str, str]:
        return cast("Mapping[str, str]", _document(_env("BINE_INPUTS")) or {})

    def __getitem__(self, name: str) -> Path:
        try:
            return Path(self._values()[name])
        except KeyError:
            raise KeyError(_did_you_mean("input", name, self._values())) from None

    def __contains__(self, name: object) -> bool:
        return name in self._values()

    def __iter__(self) -> Iterator[str]:
        return iter(self._values())

    def __len__(self) -> int:
        return len(self._values())

    def items_of(self, name: str) -> dict[str, Path]:
        """The entries of an input that gathers a fan-out, ordered by item key."""
        return {p.name: p for p in sorted(self[name].iterdir(), key=lambda p: p.name)}

    def __repr__(self) -> str:
        return f"inputs({dict(self._values())!r})"


class Outputs:
    """Where the step puts what it makes.

    ``outputs["rows"] = 5`` sets an output that is a value;
    ``outputs.path("table")`` is where the file or directory of an artifact goes.
    """

    def __init__(self, directory: Optional[Path] = None) -> None:
        self._directory = directory

    @property
    def directory(self) -> Path:
        """The directory of all outputs; it exists."""
        directory = self._directory or Path(_env("BINE_OUTPUTS"))
        directory.mkdir(parents=True, exist_ok=True)
        return directory

    def path(self, name: str) -> Path:
        """Path of the artifact output ``name``: make a file or a directory there."""
        _check_output(name)
        return self.directory / name

    def __getitem__(self, name: str) -> Any:
        return self._read()[name]

    def __setitem__(self, name: str, value: Any) -> None:
        _check_output(name)
        plain = to_json(value, f"output {name}")
        with _lock:
            values = self._read()
            values[name] = plain
            write_json(self.directory / VALUES, values)

    def update(self, values: Mapping[str, Any]) -> None:
        """Sets several value outputs at once."""
        for name, value in values.items():
            self[name] = value

    def _read(self) -> dict[str, Any]:
        try:
            return cast("dict[str, Any]", json.loads((self.directory / VALUES).read_bytes()))
        except FileNotFoundError:
            return {}


class Step(Kinds):
    """Which step this is. Empty strings and 0 outside of a step.

    ``@step`` before a function makes it a step of pipelines written in Python,
    and ``step.sql(…)``, ``step.approval(…)`` and so on are steps that are no functions.
    """

    def __call__(self, function: Optional[Callable[..., Any]] = None, **options: Any) -> Any:
        """Makes a function a step: ``@step``, or ``@step(retry=3, memory="1GiB")``; see bine.options.Options."""
        from .task import task

        return task(function, **options)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if not name.startswith("_"):
                from .kinds import Kinds

                if hasattr(Kinds, name):
                    return getattr(Kinds(), name)
            raise AttributeError(f"step has no {name!r}")

    @property
    def project(self) -> str:
        return os.environ.get("BINE_PROJECT", "")

    @property
    def run(self) -> str:
        return os.environ.get("BINE_RUN", "")

    @property
    def name(self) -> str:
        return os.environ.get("BINE_STEP", "")

    @property
    def item(self) -> str:
        """Key of the item, in a fan-out."""
        return os.environ.get("BINE_ITEM", "")

    @property
    def attempt(self) -> int:
        return int(os.environ.get("BINE_ATTEMPT") or 0)

    @property
    def inside(self) -> bool:
        """Whether this program runs as a step."""
        return bool(os.environ.get("BINE_OUTPUTS"))


class Rows:
    """What the items of a fan-out gave, in the order of their keys; see rows."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __iter__(self) -> Iterator[Any]:
        with open(self.path, encoding="utf-8") as f:
            for line in f:
                yield json.loads(line)

    def __repr__(self) -> str:
        return f"rows({str(self.path)!r})"


class Item:
    """One item of a batch, or the whole step where there is no batch."""

    def __init__(self, key: str, params: Params, outputs: Outputs, value: Any = None) -> None:
        self.key = key
        self.value = value
        self.params = params
        self.outputs = outputs

    def log_metric(self, name: str, value: float, step: Optional[int] = None) -> None:
        """Like ``bine.log_metric``, for this item."""
        _append_metric(self.outputs, name, value, step)

    def __repr__(self) -> str:
        return f"Item({self.key!r})"


params = Params()
inputs = Inputs()
outputs = Outputs()
step = Step()


def items() -> Iterator[Item]:
    """The items that this process works through, one after the other.

    A step with ``foreach`` and ``batch`` gets several items, any other exactly
    one (itself), so that a program written over ``items()`` works as both.
    """
    batch = os.environ.get("BINE_BATCH", "")
    if not batch:
        yield Item(step.item, params, outputs, item_value())
        return
    base = Path(_env("BINE_OUTPUTS")) / "items"
    for one in _document(batch):
        key = str(one["key"])
        yield Item(key, Params(one.get("with") or {}), Outputs(base / key), one.get("item"))


def item_value() -> Any:
    """The element of the list that this item of a fan-out is; None outside of one."""
    path = os.environ.get("BINE_ITEM_VALUE", "")
    return _document(path) if path else None


def rows(name: str) -> Rows:
    """The rows of an input that holds a value output of a fan-out: ``{"key": …, "value": …}`` for each item.

    They are read as one goes through them, however many there are.
    """
    return Rows(inputs[name])


def checkpoint() -> Path:
    """The directory for what a later attempt needs to go on from here; it exists.

    What is in it when the attempt ends without success (because it was asked
    to make room, its host was stopped, or it failed) is kept, and the next
    attempt finds it in :func:`resume`. Write a file under another name first
    and rename it: the process may be ended at any moment. When it is asked to
    make room, it gets SIGTERM and has 30 seconds.
    """
    path = Path(_env("BINE_CHECKPOINT"))
    path.mkdir(parents=True, exist_ok=True)
    return path


def resume() -> Optional[Path]:
    """The checkpoint that the attempt before left, to be read; None where there is none."""
    path = os.environ.get("BINE_RESUME")
    return Path(path) if path else None


def log_metric(name: str, value: float, step: Optional[int] = None) -> None:
    """Reports a number of this step, or outside of one of the active run (bine.start_run); ``step`` counts epochs, iterations and the like."""
    from .track import log_metrics

    log_metrics({name: value}, step)


def _append_metric(to: Outputs, name: str, value: float, step: Optional[int]) -> None:
    append_lines(to.directory / METRICS, [metric_line(name, value, step)])


def metric_line(name: str, value: float, step: Optional[int]) -> dict[str, Any]:
    """What is written down of one number. JSON has no NaN and nothing infinite: they are texts."""
    number = float(value)
    plain: Any = number if math.isfinite(number) else ("NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity")
    record: dict[str, Any] = {"name": str(name), "value": plain}
    if step is not None:
        record["step"] = int(step)
    record["at"] = datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")
    return record


def append_lines(path: Path, records: list[dict[str, Any]]) -> None:
    """Adds lines to a file by one write: those of several threads or processes never mix."""
    text = "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def _check_output(name: str) -> None:
    if not name or not all(c.isalnum() or c == "_" for c in name):
        raise Error(
            f"{name!r} is not the name of an output: letters, digits and underscores are expected",
            kind="invalid",
        )


def to_json(value: Any, what: str) -> Any:
    """The plain JSON form of value; numbers of numpy become Python's."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Error(f"{what} is {value}, which JSON cannot hold", kind="invalid")
        return float(value)
    if isinstance(value, Mapping):
        return {str(k): to_json(v, f"{what}.{k}") for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(v, f"{what}[{i}]") for i, v in enumerate(value)]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if hasattr(value, "tolist"):  # numpy scalars and arrays, pandas Series
        return to_json(value.tolist(), what)
    raise Error(f"{what} is a {type(value).__name__}, which has no JSON form", kind="invalid")


def write_json(path: Path, value: Any) -> None:
    """Writes a JSON file so that a reader sees the old or the new one, never half."""
    partial = path.with_name(path.name + ".partial")
    with open(partial, "w", encoding="utf-8") as f:
        json.dump(value, f, ensure_ascii=False, allow_nan=False, sort_keys=True)
        f.write("\n")
    os.replace(partial, path)
