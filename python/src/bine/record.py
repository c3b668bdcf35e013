"""Records of the REST API as data classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

T = TypeVar("T")


def read(kind: type[T], data: Mapping[str, Any]) -> T:
    """A record of the data; what this version does not know is left out."""
    known = {f.name for f in fields(kind)}  # type: ignore[arg-type]
    return kind(**{k: v for k, v in data.items() if k in known and v is not None})


@dataclass(frozen=True)
class StepRecord:
    """A step of a run as it went, or one item of a fan-out."""

    name: str = ""
    item: str = ""
    kind: str = ""
    state: str = ""
    reason: str = ""
    attempts: int = 0
    items: int = 0
    values: Mapping[str, Any] = field(default_factory=dict)
    artifacts: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    cached_from: str = ""
    started_at: str = ""
    ended_at: str = ""


@dataclass(frozen=True)
class Metric:
    """One reported number."""

    name: str = ""
    value: float = 0.0
    step: int = 0
    at: str = ""


@dataclass(frozen=True)
class File:
    """A file or directory of a project."""

    path: str = ""
    name: str = ""
    dir: bool = False
    link: str = ""  # of a symbolic link in a list: where it leads to
    size: int = 0
    owner: str = ""
    group: str = ""
    mode: int = 0
    modified: str = ""
    created: str = ""
    etag: str = ""  # of a file: changes with the content
    attrs: Mapping[str, str] = field(default_factory=dict)  # extended attributes; lists leave them out


@dataclass(frozen=True)
class FileLease:
    """Who writes to a file alone; without a holder nobody does."""

    path: str = ""
    id: int = 0
    size: int = 0
    epoch: int = 0
    holder: str = ""
    by: str = ""
    taken: str = ""
    renewed: str = ""
    yields: str = ""  # when somebody else may take it over


@dataclass(frozen=True)
class ModelVersion:
    """One immutable version of a registered model."""

    model: str = ""
    version: int = 0
    framework: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    schema: Mapping[str, Any] = field(default_factory=dict)
    example: Any = None
    description: str = ""
    artifact: Mapping[str, Any] = field(default_factory=dict)
    run: str = ""
    step: str = ""
    created_by: str = ""
    created_at: str = ""


@dataclass(frozen=True)
class EnvironmentVersion:
    """One immutable version of a project's Python environment."""

    version: int = 0
    state: str = ""
    reason: str = ""
    python: str = ""
    requires: list[str] = field(default_factory=list)
    packages: list[Mapping[str, str]] = field(default_factory=list)
    hosts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Approval:
    """A question of a run to people. ``state`` is waiting, approved, rejected or withdrawn."""

    project: str = ""
    run: str = ""
    step: str = ""
    item: str = ""
    pipeline: str = ""
    state: str = ""
    message: str = ""
    form: list[Mapping[str, Any]] = field(default_factory=list)
    by: list[str] = field(default_factory=list)
    asked_at: str = ""
    deadline_at: str = ""
    otherwise: str = ""
    answered_at: str = ""
    answered_by: str = ""
    via: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    may_answer: bool = False


@dataclass(frozen=True)
class BackfillSlot:
    """One planned time or partition of a backfill, and the run that it got."""

    key: str = ""
    tick: str = ""
    state: str = ""
    run: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Pool:
    """A number of slots that steps share."""

    name: str = ""
    slots: int = 0
    description: str = ""
    used: int = 0
    waiting: int = 0


@dataclass(frozen=True)
class Trigger:
    """What starts runs of a pipeline when something happens."""

    pipeline: str = ""
    number: int = 0
    kind: str = ""
    source: str = ""
    on: str = ""
    settle_seconds: float = 0.0
    params: Mapping[str, Any] = field(default_factory=dict)
    paused: bool = False
    position: str = ""
    fired_at: str = ""
    last_run: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Notice:
    """A message about a run, and how its delivery went."""

    id: int = 0
    run: str = ""
    step: str = ""
    item: str = ""
    event: str = ""
    channel: str = ""
    to: str = ""
    state: str = ""
    attempts: int = 0
    reason: str = ""
    at: str = ""
    sent_at: str = ""


@dataclass(frozen=True)
class ContinuationStep:
    """What continuing a run does with one step, and why."""

    step: str = ""
    runs: bool = False
    why: str = ""
    items: int = 0


@dataclass(frozen=True)
class Continuation:
    """What continuing a run would do."""

    of: str = ""
    version: int = 0
    steps: list[ContinuationStep] = field(default_factory=list)
    diff: str = ""


@dataclass(frozen=True)
class Tick:
    """A planned time of a schedule, and what became of it."""

    at: str = ""
    state: str = ""  # planned, run or missed
    run: str = ""
    run_state: str = ""
    reason: str = ""
