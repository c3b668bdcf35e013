"""Functions that are steps."""

from __future__ import annotations

import functools
import inspect
import json
import sys
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Optional, Union

from . import node
from .errors import Error
from .expression import context
from .node import Node, Rows
from .options import Foreach, Options, Text, output_type, output_types

if TYPE_CHECKING:
    from typing_extensions import Unpack

ONE = "result"  # the output of a function whose annotation names a type only


class Task:
    """A function that is a step of pipelines: ``@step`` makes one.

    In the function of a pipeline a call adds the step; its arguments are the
    step's params (``with``) or, where they are artifacts of other steps, its
    inputs. Elsewhere a call is a call, so that the function can be tested.
    """

    def __init__(self, function: Callable[..., Any], options: Mapping[str, Any], name: str = "") -> None:
        self.function = function
        self._options = dict(options)
        self._name = name
        functools.update_wrapper(self, function)
        for p in inspect.signature(function).parameters.values():
            if p.kind in (p.POSITIONAL_ONLY, p.VAR_POSITIONAL):
                raise Error(f"step {function.__name__}: its parameter {p.name} cannot be given by name", kind="invalid")
        self.__bine_step__ = name or function.__name__

    def options(self, *, name: Optional[str] = None, **options: "Unpack[Options]") -> "Task":
        """The same function with other options, or as a step of another name."""
        return Task(self.function, {**self._options, **options}, name or self._name)

    def foreach(
        self,
        *items: Any,
        key: Optional[Text] = None,
        max_parallel: Optional[int] = None,
        batch: Optional[int] = None,
    ) -> "Task":
        """The step once for each item of a list, or for each way through several loops; see each.

        The one required parameter that is not given in the call gets the item.
        """
        return self.options(foreach=each(*items, key=key, max_parallel=max_parallel, batch=batch))

    def per(self, fan_out: Union[Node, str], max_parallel: Optional[int] = None) -> "Task":
        """The step once for each item of another fan-out, as soon as that item is done; see per."""
        return self.options(foreach=per(fan_out, max_parallel=max_parallel))

    def when(self, condition: Text) -> "Task":
        """The step only where the expression is true."""
        return self.options(when=condition)

    def after(self, *steps: Any) -> "Task":
        """The step after these, whose outputs it need not read."""
        return self.options(needs=list(steps))

    def outputs(self) -> dict[str, str]:
        """The declared outputs with their types: those of the decorator, else those of the annotation."""
        declared = self._options.get("outputs")
        return output_types(declared) if declared is not None else outputs_of(self.function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        draft = node.recording()
        if draft is None:
            return self.function(*args, **kwargs)
        options = {"description": _first_line(self.function), **self._options}
        bound = self._arguments(args, kwargs, "foreach" in options, "sweep" in options)
        given = {n: v for n, v in bound.items() if not hasattr(v, "__bine_ref__") or getattr(v, "type", "artifact") != "artifact"}
        inputs = {n: v for n, v in bound.items() if n not in given}
        options["with_"] = {**options.get("with_", {}), **given}
        options["inputs"] = {**options.get("inputs", {}), **inputs}
        options["outputs"] = self.outputs()
        draft.functions.append(self)
        added = node.add(self.__bine_step__, "python", "", {}, options)
        by_row = [n for n, v in options["inputs"].items() if isinstance(v, Rows)]
        draft.steps[self.__bine_step__]["python"] = Program(self, by_row)
        return added

    def _arguments(self, args: Any, kwargs: Any, fan_out: bool, sweep: bool) -> dict[str, Any]:
        """The arguments of a call by name; in a sweep those that are not given are the trial's."""
        signature = inspect.signature(self.function)
        try:
            bound = signature.bind_partial(*args, **kwargs).arguments
        except TypeError as e:
            raise Error(f"step {self.__bine_step__}: {e}", kind="invalid") from None
        missing = []
        for p in signature.parameters.values():
            if p.kind is p.VAR_KEYWORD:
                bound.update(bound.pop(p.name, {}))
            elif p.name not in bound and p.default is p.empty:
                missing.append(p.name)
        if fan_out and len(missing) == 1:
            bound[missing.pop()] = context.item
        preset = {*self._options.get("with_", {}), *self._options.get("inputs", {})}
        missing = [name for name in missing if name not in preset]
        if missing and not sweep:
            raise Error(f"step {self.__bine_step__}: {', '.join(missing)} is not given", kind="invalid")
        return {n: v.__bine_only__() if isinstance(v, Node) else v for n, v in bound.items()}

    def __repr__(self) -> str:
        return f"step({self.__bine_step__!r})"


class Program:
    """The program of a step that is a function; its text is known once it is clear where the code lies."""

    def __init__(self, task: Task, by_row: Sequence[str]) -> None:
        self.task = task
        self.by_row = list(by_row)

    def text(self, root: Path) -> str:
        """The program: it calls the function in its file, relative to the directory of the code."""
        name = file_of(self.task.function).relative_to(root).as_posix()
        more = f", rows={json.dumps(self.by_row)}" if self.by_row else ""
        return f'from bine import entry\n\nentry.call("code/{name}", "{self.task.function.__qualname__}"{more})\n'


def task(function: Optional[Callable[..., Any]] = None, *, name: Optional[str] = None, **options: "Unpack[Options]") -> Any:
    """Makes a function a step: ``@step`` or ``@step(retry=3, memory="1GiB")``."""
    if function is None:
        return lambda f: Task(f, options, name or "")
    if not callable(function):
        raise Error("@step stands before a function, or takes options by name", kind="invalid")
    return Task(function, options, name or "")


def each(
    *items: Any, key: Optional[Text] = None, max_parallel: Optional[int] = None, batch: Optional[int] = None
) -> Any:
    """A fan-out: a list or an expression for one, or several loops made by loop, outermost first.

    ``key`` names an item, and may read ``context.item``; ``max_parallel`` is how
    many go on at a time, ``batch`` how many one process works through.
    """
    more = {k: v for k, v in (("max_parallel", max_parallel), ("batch", batch)) if v is not None}
    loops = [i for i in items if isinstance(i, Loop)]
    if not items or (loops and len(loops) != len(items)) or (not loops and len(items) > 1):
        raise Error("foreach takes one list, or several loop(…)", kind="invalid")
    if loops:
        if key is not None:
            raise Error("nested loops have a key each: give it to loop", kind="invalid")
        return [{**one.fields, **(more if i == 0 else {})} for i, one in enumerate(loops)]
    out: dict[str, Any] = {"items": items[0]}
    if key is not None:
        out["key"] = key
    return {**out, **more}


def per(fan_out: Union[Node, Task, str], max_parallel: Optional[int] = None) -> Foreach:
    """A fan-out that follows the items of another one by one, without waiting for all of them."""
    name = fan_out if isinstance(fan_out, str) else fan_out.__bine_step__
    return {"per": name} if max_parallel is None else {"per": name, "max_parallel": max_parallel}


class Loop:
    """One of several loops in one another; loop makes it."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.fields = dict(fields)


def loop(name: str, items: Any, key: Optional[Text] = None) -> Loop:
    """A loop whose element is ``item.<name>``, also for the loops inside of it."""
    return Loop({"as": name, "items": items, **({} if key is None else {"key": key})})


def outputs_of(function: Callable[..., Any]) -> dict[str, str]:
    """The outputs that the annotation of a function's result names.

    A mapping of names to types, a TypedDict, NamedTuple or dataclass names
    each; any other type is one output, ``result``; None is none.
    """
    kind = hints(function).get("return", inspect.Signature.empty)
    if kind in (inspect.Signature.empty, None, type(None), "None"):
        return {}
    if isinstance(kind, Mapping):
        return output_types(kind)
    fields = getattr(kind, "__annotations__", None)
    if isinstance(kind, type) and isinstance(fields, Mapping) and fields:
        return output_types(typing.get_type_hints(kind))
    return {ONE: output_type(kind, ONE)}


def hints(function: Callable[..., Any]) -> Mapping[str, Any]:
    """The annotations of a function as values, also where they are written as texts."""
    names = getattr(function, "__globals__", {})
    out = {}
    for name, kind in getattr(function, "__annotations__", {}).items():
        for _ in range(2):  # a text in a file whose annotations are all texts
            if not isinstance(kind, str):
                break
            try:
                kind = eval(kind, names)  # noqa: S307 — the function's own text, as typing does it
            except Exception:
                break
        out[name] = kind
    return out


def file_of(function: Callable[..., Any]) -> Path:
    """The file that a step's function is in, at its top."""
    if "<" in function.__qualname__:
        raise Error(f"step {function.__qualname__}: only a function at the top of a file can be a step", kind="invalid")
    return module_file(function)


def module_file(function: Callable[..., Any]) -> Path:
    """The file that a function is in."""
    file = getattr(sys.modules.get(function.__module__), "__file__", None)
    if not file or not str(file).endswith(".py"):
        raise Error(
            f"{function.__qualname__} is not in a file: write it into a .py file, so that the server can be given the code",
            kind="invalid",
        )
    return Path(file).resolve()


def _first_line(function: Callable[..., Any]) -> Optional[str]:
    text = inspect.getdoc(function)
    return text.strip().split("\n\n")[0].replace("\n", " ") if text else None
