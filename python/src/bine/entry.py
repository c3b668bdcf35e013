"""Calls the function that is a step: the program that the step of a pipeline written in Python runs."""

from __future__ import annotations

import importlib
import inspect
import os
import shutil
import sys
import traceback
from collections import abc
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, Callable, Optional

from .errors import Error
from .step import Item, Outputs, Params, inputs, items, outputs, params
from .step import rows as rows_of
from .task import ONE, Task, hints

_state = {"importing": False}


def importing() -> bool:
    """Whether the file of a step is being imported in order to run the step."""
    return _state["importing"]


def call(file: str, name: str, rows: Sequence[str] = ()) -> None:
    """Calls the function ``name`` of a file of the code for the step, or for each item of its batch.

    ``rows`` are the inputs that it reads row by row.
    """
    task = _find(file, name)
    if not os.environ.get("BINE_BATCH"):
        _one(task, params, outputs, rows)
        return
    failed = []
    for item in items():
        try:
            with _as_step(item):
                _one(task, item.params, item.outputs, rows)
        except Exception:
            print(f"item {item.key}:", file=sys.stderr)
            traceback.print_exc()
            failed.append(item.key)
    if failed:
        sys.exit(f"{len(failed)} items failed: {', '.join(failed[:10])}{' …' if len(failed) > 10 else ''}")


def _find(file: str, name: str) -> Task:
    """The function, from its file imported as the module that it is."""
    module_name = ".".join(PurePath(file).relative_to("code").with_suffix("").parts)
    code = str(Path("code").resolve())
    if code not in sys.path:
        sys.path.insert(0, code)
    _state["importing"] = True
    try:
        found: Any = importlib.import_module(module_name)
    finally:
        _state["importing"] = False
    where = getattr(found, "__file__", None)
    if where is None or Path(where).resolve() != Path(file).resolve():
        raise Error(f"{file} cannot be imported: {module_name} is {where or 'another module'}; give the file another name", kind="invalid")
    for part in name.split("."):
        found = getattr(found, part)
    if not isinstance(found, Task):
        raise Error(f"{name} in {file} is no step: it has lost its @step", kind="invalid")
    return found


class _as_step:
    """Lets ``bine.params`` and ``bine.outputs`` be those of an item while its function is called."""

    def __init__(self, item: Item) -> None:
        self._item = item

    def __enter__(self) -> None:
        outputs._directory, params._given = self._item.outputs._directory, self._item.params._given

    def __exit__(self, *_: object) -> None:
        outputs._directory, params._given = None, None


def _one(task: Task, given: Params, to: Outputs, by_row: Sequence[str]) -> None:
    result = task.function(**_arguments(task.function, given, by_row))
    if result is not None:
        put(result, task.outputs(), to)


def _arguments(function: Callable[..., Any], given: Params, by_row: Sequence[str]) -> dict[str, Any]:
    kinds = hints(function)
    out: dict[str, Any] = dict(given)
    for name, path in inputs.items():
        kind = getattr(kinds.get(name), "__origin__", kinds.get(name))
        if name in by_row:
            out[name] = rows_of(name)
        elif kind in (dict, abc.Mapping):
            out[name] = inputs.items_of(name)
        else:
            out[name] = path
    accepted = inspect.signature(function).parameters
    if any(p.kind is p.VAR_KEYWORD for p in accepted.values()):
        return out
    return {k: v for k, v in out.items() if k in accepted}


def put(result: Any, declared: Mapping[str, str], to: Outputs) -> None:
    """Sets the outputs that a function gave: by name, or the only one that the step declares."""
    named = _named(result)
    if named is None or (list(declared) == [ONE] and list(named) != [ONE]):
        named = {ONE: result}
    for name, value in named.items():
        if isinstance(value, PurePath) and declared.get(name) == "artifact":
            _keep(Path(value), to.path(name))
        elif isinstance(value, (bytes, str)) and declared.get(name) == "artifact":
            to.path(name).write_bytes(value.encode() if isinstance(value, str) else value)
        elif declared.get(name) == "artifact":
            raise Error(
                f"output {name} is an artifact, and the step gave a {type(value).__name__}: give a Path, a text or "
                f"bytes, or write to bine.outputs.path({name!r})",
                kind="invalid",
            )
        else:
            to[name] = value


def _named(result: Any) -> Optional[Mapping[str, Any]]:
    if isinstance(result, Mapping):
        return result
    if hasattr(result, "_asdict"):
        return dict(result._asdict())
    if hasattr(type(result), "__dataclass_fields__"):
        return {name: getattr(result, name) for name in type(result).__dataclass_fields__}
    return None


def _keep(path: Path, target: Path) -> None:
    """Makes a file or directory that a function gave the artifact, unless it is there already."""
    if path.resolve() == target.resolve():
        return
    if path.is_dir():
        shutil.copytree(path, target)
    else:
        shutil.copyfile(path, target)
