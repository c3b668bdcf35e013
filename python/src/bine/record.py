"""Records of the REST API as data classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from .errors import Error

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
class Limit:
    """The quota of a directory, with what counts towards it."""

    path: str = ""  # of the directory; empty is the project's
    quota: Mapping[str, int] = field(default_factory=dict)  # bytes and names; what is absent has no limit
    bytes: int = 0
    names: int = 0
    counting: bool = False  # what was there before is being counted, and nothing refused until that is done


@dataclass(frozen=True)
class Policy:
    """How what is below a directory is kept."""

    name: str = ""  # HOT, DB or BLOCKS
    inline: int = 0  # up to how many bytes of a file lie in the database
    block_size: int = 0  # bytes of a block at most; 0 is that of the installation
    path: str = ""  # of the directory that has it; empty is the project's
    installed: bool = False  # no directory has one: it is that of the installation


@dataclass(frozen=True)
class Entry:
    """An entry of an access list."""

    type: str = ""  # user, group, mask or other
    name: str = ""  # project user or group; empty is the owner, or the group, of the file
    perm: str = ""  # of the form r-x
    default: bool = False  # for what is made in the directory

    @staticmethod
    def parse(text: str) -> "Entry":
        """Reads an entry as setfacl has it: ``user:demo__maria:r-x``, ``default:group::rwx``."""
        parts = text.strip().split(":")
        default = parts[0] in ("default", "d")
        parts = parts[1:] if default else parts
        kinds = {"u": "user", "g": "group", "m": "mask", "o": "other"}
        kind = kinds.get(parts[0], parts[0]) if parts else ""
        if kind not in kinds.values() or not 2 <= len(parts) <= 3:
            raise Error(f"{text!r} is no entry of an access list: write it like user:demo__maria:r-x", kind="invalid")
        return Entry(kind, parts[1], parts[2] if len(parts) == 3 else "", default)

    def __str__(self) -> str:
        return f"{'default:' if self.default else ''}{self.type}:{self.name}:{self.perm}"


@dataclass(frozen=True)
class ACL:
    """What is allowed to whom with a file or directory."""

    owner: str = ""
    group: str = ""
    mode: int = 0
    entries: list[Entry] = field(default_factory=list)


@dataclass(frozen=True)
class Snapshot:
    """A directory as it was at one moment."""

    name: str = ""
    path: str = ""  # where it is read
    by: str = ""
    at: str = ""


@dataclass(frozen=True)
class SnapshotChange:
    """A difference between two snapshots."""

    kind: str = ""  # created, deleted, modified or renamed
    path: str = ""  # below the directory
    target: str = ""  # where it is in the later one, if it was renamed
    dir: bool = False


@dataclass(frozen=True)
class Change:
    """What became of a file or directory."""

    id: int = 0
    at: str = ""
    op: str = ""  # created, written, renamed, removed or altered
    path: str = ""
    dir: bool = False
    size: int = 0
    by: str = ""
    origin: str = ""  # of a rename: the path before


@dataclass(frozen=True)
class Trashed:
    """Something in the trash."""

    number: int = 0
    path: str = ""  # where it was
    dir: bool = False
    size: int = 0
    by: str = ""
    removed: str = ""
    expires: str = ""


@dataclass(frozen=True)
class Share:
    """A dataset of one project, and what another may do with it."""

    owner: str = ""
    dataset: str = ""
    to: str = ""  # the project that may use it; * is everyone
    offered: str = ""
    wanted: str = ""
    offered_by: str = ""
    wanted_by: str = ""
    access: str = ""  # what may be done now: read, write, or empty
    at: str = ""


@dataclass(frozen=True)
class Connector:
    """What leads from a project to files that are kept elsewhere."""

    name: str = ""
    kind: str = ""  # s3, webhdfs or directory
    description: str = ""
    access: str = ""  # who writes: read is nobody, owners or members
    endpoint: str = ""
    bucket: str = ""
    root: str = ""


@dataclass(frozen=True)
class TransferRecord:
    """An import or export as it stands."""

    id: str = ""
    direction: str = ""
    connector: str = ""
    path: str = ""  # in the connector
    files_path: str = ""  # in the project
    state: str = ""  # running, cancelling, cancelled, succeeded or failed
    reason: str = ""
    copied: int = 0
    bytes: int = 0
    skipped: int = 0
    failed: int = 0
    omitted: int = 0
    created_by: str = ""
    created_at: str = ""
    ended_at: str = ""


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
