"""Pipelines written in Python."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Optional, Union

from . import code, node, text
from .errors import Error
from .expression import ATOM, Expr, plain
from .options import Duration, Limit
from .step import step
from .task import Program, file_of, hints, module_file

if TYPE_CHECKING:
    from .project import Project
    from .run import Run
    from .stored import Pipeline

PROCESSES = ("python", "command", "notebook", "go", "sql")

_TYPES = {int: "int", float: "float", bool: "bool", str: "string", list: "list", dict: "map"}


class Param:
    """A param of a pipeline with more than a default; param makes it."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.fields = dict(fields)


def param(
    default: Any = inspect.Parameter.empty,
    *,
    type: Optional[str] = None,
    description: Optional[str] = None,
    min: Optional[float] = None,
    max: Optional[float] = None,
    choices: Optional[Sequence[Any]] = None,
) -> Any:
    """The default of a pipeline's parameter, with what else is known of it: ``days: int = param(90, min=7)``.

    Without a default every run must give a value. ``type`` is string, int,
    float, bool, list or map where the annotation does not say it.
    """
    named = {"type": type, "description": description, "min": min, "max": max, "choices": choices}
    fields = {k: v for k, v in named.items() if v is not None}
    if default is not inspect.Parameter.empty:
        fields["default"] = default
    return Param(fields)


def cron(
    fields: str,
    *,
    tz: Optional[str] = None,
    overlap: Optional[str] = None,
    catch_up: Optional[Duration] = None,
    jitter: Optional[Duration] = None,
) -> dict[str, Any]:
    """A schedule: five fields, or @daily and the like, in a time zone (UTC)."""
    named = {"time_zone": tz, "overlap": overlap, "catch_up": catch_up, "jitter": jitter}
    return {"cron": fields, **{k: v for k, v in named.items() if v is not None}}


class Definition:
    """A pipeline written in Python: ``@pipeline`` makes one of a function.

    The function is called once, with its params as expressions, when the
    definition is asked for; what it calls are the steps. A mapping that it
    gives are the run's outputs.
    """

    def __init__(self, function: Callable[..., Any], **options: Any) -> None:
        self.function = function
        self._options = options
        functools.update_wrapper(self, function)
        self.name: str = options.get("name") or function.__name__.replace("_", "-")

    @functools.cached_property
    def _recorded(self) -> tuple[dict[str, Any], node.Draft]:
        params = _params(self.function)
        with node.record() as draft:
            given = self.function(**{name: Expr(f"params.{name}", ATOM) for name in params})
        if given is not None and not isinstance(given, Mapping):
            raise Error(f"pipeline {self.name} gives {given!r}: give a mapping of names to values of the run, or nothing", kind="invalid")
        if not draft.steps:
            raise Error(f"pipeline {self.name} has no steps: call some in its function", kind="invalid")
        return self._document(params, draft, given or {}), draft

    def _document(self, params: dict[str, Any], draft: node.Draft, outputs: Mapping[str, Any]) -> dict[str, Any]:
        o = self._options
        about = inspect.getdoc(self.function)
        document: dict[str, Any] = {"name": self.name}
        description = o.get("description") or (about and about.split("\n\n")[0].replace("\n", " "))
        if description:
            document["description"] = description
        for key in ("priority", "timeout", "deadline", "concurrency", "schedule", "triggers"):
            if o.get(key) is not None:
                document[key] = plain(o[key])
        if params:
            document["params"] = params
        for phase in ("steps", "on_failure", "finally"):
            if phase == "steps" or draft.of(phase):
                document[phase] = {name: self._finished(s) for name, s in draft.of(phase).items()}
        if outputs:
            document["outputs"] = plain(outputs)
        if o.get("notify"):
            document["notify"] = plain(o["notify"])
        return document

    def _finished(self, made: Mapping[str, Any]) -> dict[str, Any]:
        """A step with the environment of the pipeline, where it is a process and names none."""
        version = self._options.get("environment")
        if version is None or "environment" in made or not any(kind in made for kind in PROCESSES):
            return dict(made)
        return {**made, "environment": version}

    def definition(self, environment: Optional[int] = None) -> dict[str, Any]:
        """The pipeline as the YAML has it: plain mappings, lists and texts."""
        document, draft = self._recorded
        root = self._root() if draft.functions else Path()
        out = dict(document)
        for phase in ("steps", "on_failure", "finally"):
            if phase in out:
                out[phase] = {name: _located(s, root, environment) for name, s in out[phase].items()}
        return out

    def yaml(self) -> str:
        """The pipeline's YAML: what store stores."""
        return text.dump(self.definition())

    def files(self) -> list[str]:
        """The files of the code, relative to its directory: what the steps name and import, and ``files``."""
        document, draft = self._recorded
        root = self._root()
        wanted = {file_of(t.function) for t in draft.functions}
        for phase in ("steps", "on_failure", "finally"):
            for s in document.get(phase, {}).values():
                wanted |= {root / name for name in _named(s)}
        for pattern in self._options.get("files") or ():
            matches = [p for p in sorted(root.glob(pattern)) if p.is_file()]
            if not matches:
                raise Error(f"files: there is no {pattern} in {root}", kind="not_found")
            wanted |= set(matches)
        for file in sorted(wanted):
            if not file.is_file():
                raise Error(f"a step names {file.relative_to(root)}, which is not in {root}", kind="not_found")
        return code.needed(root, sorted(wanted))

    def _root(self) -> Path:
        _, draft = self._recorded
        return code.root_of([module_file(self.function), *(file_of(t.function) for t in draft.functions)])

    def check(self, project: Union["Project", str, None] = None) -> Mapping[str, Any]:
        """Has the server check it, and gives its canonical form; faults are an ``invalid`` error with details."""
        from . import stored

        _ready("check")
        where = _project(project)
        checked = stored.check(where._transport, where.name, self.yaml(), f"pipeline {self.name}")
        self.files()
        found: Mapping[str, Any] = checked["dag"]
        return found

    def store(self, project: Union["Project", str, None] = None) -> "Pipeline":
        """Stores it, with the files of its code, as the next version. Unchanged, it stays the version that it is."""
        from . import stored

        _ready("store")
        where = _project(project)
        document = self.definition(self._environment(where))
        names = self.files()
        root = self._root() if names else Path()
        return stored.store_text(where._transport, where.name, text.dump(document), f"pipeline {self.name}", root, names)

    def run(self, project: Union["Project", str, None] = None, **params: Any) -> "Run":
        """Stores it and starts a run with these params; follow it with ``wait``."""
        return self.store(project).start(params)

    def _environment(self, where: "Project") -> Optional[int]:
        """The version of the project's environment that has what the pipeline requires; built where there is none."""
        from .requirements import ensure

        requires = self._options.get("requires")
        return ensure(where, list(requires)) if requires else None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if node.recording() is None:
            raise Error(f"{self.name} is a pipeline: start it with {self.function.__name__}.run(project, …)", kind="invalid")
        given = inspect.signature(self.function).bind_partial(*args, **kwargs).arguments
        return step.pipeline(self.function.__name__, self.name, params=given)

    def __repr__(self) -> str:
        return f"pipeline({self.name!r})"


def pipeline(
    function: Optional[Callable[..., Any]] = None,
    *,
    name: Optional[str] = None,
    description: Optional[str] = None,
    schedule: Optional[Mapping[str, Any]] = None,
    triggers: Optional[Sequence[Mapping[str, Any]]] = None,
    notify: Optional[Sequence[Mapping[str, Any]]] = None,
    timeout: Optional[Duration] = None,
    deadline: Optional[Duration] = None,
    priority: Optional[str] = None,
    concurrency: Union[int, Limit, Sequence[Limit], None] = None,
    environment: Optional[int] = None,
    requires: Sequence[str] = (),
    files: Sequence[str] = (),
) -> Any:
    """Makes a function a pipeline: ``@pipeline`` or ``@pipeline(schedule=cron("0 6 * * 1"))``.

    ``triggers`` and ``notify`` have the keys of the YAML. ``environment`` is the
    version of the project's environment that processes run in; ``requires``
    are packages that it must have, which storing sees to. ``files`` are
    patterns of files that the steps read beside what they import.
    """
    options = dict(
        name=name, description=description, schedule=schedule, triggers=triggers, notify=notify, timeout=timeout,
        deadline=deadline, priority=priority, concurrency=concurrency, environment=environment, requires=requires, files=files,
    )
    if function is None:
        return lambda f: Definition(f, **options)
    return Definition(function, **options)


def _params(function: Callable[..., Any]) -> dict[str, Any]:
    kinds = hints(function)
    out = {}
    for p in inspect.signature(function).parameters.values():
        if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            raise Error(f"a pipeline has a fixed number of params: {p.name} stands for any", kind="invalid")
        fields = dict(p.default.fields) if isinstance(p.default, Param) else {}
        if not isinstance(p.default, Param) and p.default is not p.empty:
            fields["default"] = p.default
        kind = fields.pop("type", None) or _param_type(kinds.get(p.name), fields.get("default"))
        if kind is None:
            raise Error(f"param {p.name} has no type: annotate it with int, float, bool, str, list or dict", kind="invalid")
        order = ("default", "min", "max", "choices", "description")
        out[p.name] = {"type": kind, **{k: plain(fields[k]) for k in order if k in fields}}
    return out


def _param_type(kind: Any, default: Any) -> Optional[str]:
    kind = getattr(kind, "__origin__", kind)
    if kind is None and default is not None:
        kind = type(default)
    return _TYPES.get(kind) if isinstance(kind, type) else None


def _located(made: Mapping[str, Any], root: Path, environment: Optional[int]) -> dict[str, Any]:
    """A step whose program knows where the code lies."""
    out = dict(made)
    if isinstance(out.get("python"), Program):
        out["python"] = out["python"].text(root)
    if environment is not None and "environment" not in out and any(kind in out for kind in PROCESSES):
        out["environment"] = environment
    return out


def _named(made: Mapping[str, Any]) -> list[str]:
    """The files of the code that a step names."""
    python, notebook, sql = made.get("python"), made.get("notebook"), made.get("sql")
    if isinstance(python, str) and "\n" not in python:
        return [python]
    if notebook:
        return [notebook]
    if sql and sql["query"].endswith(".sql") and not any(c in sql["query"] for c in " \n\t;"):
        return [sql["query"]]
    if made.get("go"):
        return [made["go"]["program"]]
    return []


def _project(project: Union["Project", str, None]) -> "Project":
    if project is None or isinstance(project, str):
        from .client import login

        return login().project(project)
    return project


def _ready(verb: str) -> None:
    from . import entry

    if entry.importing():
        raise Error(
            f"the file of a pipeline is imported by its steps, and must not {verb} it then: "
            f'put this under `if __name__ == "__main__":`',
            kind="invalid",
        )


