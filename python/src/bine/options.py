"""What a step or a pipeline can be told: the keys of the YAML, as types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Optional, TypedDict, Union

from .errors import Error
from .expression import Expr, plain

if TYPE_CHECKING:
    from .node import Node
    from .task import Task

Need = Union["Node", "Task", str]
Duration = Union[str, int, float]  # 90s, 30m, 1h30m, 2d, or seconds
Text = Union[str, Expr]


class Retry(TypedDict, total=False):
    """When a failed attempt is followed by another. ``on`` names kinds of failure."""

    attempts: int
    backoff: Duration
    factor: float
    on: Sequence[str]
    within: Duration


class Timeout(TypedDict, total=False):
    """The longest that one attempt, and the step with all attempts, may take."""

    attempt: Duration
    step: Duration


class Limit(TypedDict, total=False):
    """How many may go on at once that have the same key."""

    key: Text
    limit: int


class Cache(TypedDict, total=False):
    """How a step uses the cache: mode on, off, read or write."""

    mode: str
    expires: Duration
    ignore: Sequence[str]
    salt: str


class Foreach(TypedDict, total=False):
    """Made by each and per."""

    items: Any
    key: Text
    per: str
    max_parallel: int
    batch: int


class Options(TypedDict, total=False):
    """What every step can be told; those from ``with_`` to ``gpus`` only one that is a process."""

    description: str
    needs: Union[Need, Sequence[Need]]
    join: str  # all_succeeded, all_done, any_succeeded, none_failed
    when: Text
    foreach: Union[Foreach, Sequence[Mapping[str, Any]]]
    sweep: Union[str, Mapping[str, Any]]  # the keys of a W&B sweep and Bine's, or a YAML file of the code
    retry: Union[int, Retry, Sequence[Retry]]
    timeout: Union[Duration, Timeout]
    concurrency: Union[int, Limit, Sequence[Limit]]
    pools: Union[str, Sequence[str], Mapping[str, int]]
    with_: Mapping[str, Any]
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    env: Mapping[str, Any]
    environment: int
    cache: Union[bool, str, Cache]
    cpu: float
    memory: str
    gpus: Union[int, float, str]  # 4, 0.5, "20 GPUs on 2 hosts with Infiniband_P100"


_TYPES = {int: "int", float: "float", bool: "bool", str: "string", list: "json", dict: "json"}


def output_types(outputs: Mapping[str, Any]) -> dict[str, str]:
    """The types of outputs as the language names them; Python's types are understood."""
    return {name: output_type(t, name) for name, t in outputs.items()}


def output_type(kind: Any, name: str) -> str:
    """One type: a word of the language, or int, float, bool, str, Path, and anything else that JSON can hold."""
    if isinstance(kind, str):
        return {"str": "string", "Path": "artifact", "pathlib.Path": "artifact"}.get(kind, kind)
    if isinstance(kind, type):
        from pathlib import PurePath

        if issubclass(kind, PurePath):
            return "artifact"
        if kind in _TYPES:
            return _TYPES[kind]
    if kind is Any or getattr(kind, "__origin__", None) in (list, dict):
        return "json"
    raise Error(
        f"output {name}: {kind!r} is no type of an output: give artifact, string, int, float, bool or json, "
        "or Path, str, int, float, bool, list or dict",
        kind="invalid",
    )


def need_names(needs: Any) -> list[str]:
    """The names of steps that are given as handles, functions or names."""
    if isinstance(needs, (list, tuple)):
        return [name for need in needs for name in need_names(need)]
    name = needs if isinstance(needs, str) else getattr(needs, "__bine_step__", None)
    if not isinstance(name, str):
        raise Error(f"{needs!r} is no step: give what a step gave in the pipeline's function, or its name", kind="invalid")
    return [name]


def write(kind: str, action: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """A step as the YAML has it, its keys in the usual order."""
    unknown = sorted(set(options) - set(Options.__annotations__))
    if unknown:
        raise Error(f"a step has no option {unknown[0]}; it has {', '.join(Options.__annotations__)}", kind="invalid")
    out: dict[str, Any] = {}
    given = {k: v for k, v in options.items() if v is not None}
    if "description" in given:
        out["description"] = given["description"]
    out[kind] = plain(action)
    if "needs" in given:
        out["needs"] = need_names(given["needs"])
    for key in ("join", "when", "foreach", "sweep"):
        if key in given:
            out[key] = plain(given[key])
    for key, yaml in (("with_", "with"), ("inputs", "inputs"), ("outputs", "outputs")):
        if given.get(key):
            out[yaml] = _mapping(key, given[key])
    resources = {k: given[k] for k in ("cpu", "memory", "gpus") if k in given}
    if resources:
        out["resources"] = resources
    for key in ("environment", "env", "retry", "timeout", "concurrency", "pools"):
        if key in given:
            out[key] = plain(given[key])
    if "cache" in given:
        mode = given["cache"]
        out["cache"] = ("on" if mode else "off") if isinstance(mode, bool) else plain(mode)
    return out


def _mapping(key: str, value: Mapping[str, Any]) -> Any:
    if key == "outputs":
        return output_types(value)
    if key == "inputs":
        return {name: reference(ref, name) for name, ref in value.items()}
    return plain(value)


def reference(value: Any, name: str) -> str:
    """The form step.output of an input."""
    if isinstance(value, str):
        return value
    found: Optional[str] = getattr(value, "__bine_ref__", None)
    if found is None:
        raise Error(f"input {name} is {value!r}: give an output of a step", kind="invalid")
    return found
