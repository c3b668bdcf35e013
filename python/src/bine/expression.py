"""Expressions of a pipeline, written as Python.

What a pipeline's function sees of its params, and of what its steps will give,
are expressions: they stand for values that are known only when a run is there.
Operators and methods on them make further expressions; nothing is computed.
The text of one is ``${{ … }}``, so that it may stand in an f-string.
"""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Callable, Union

from .errors import Error


# How tightly operators bind; what is not known binds least.
RANKS = {"||": 2, "&&": 3, **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "in"), 4), "+": 5, "-": 5, "*": 6, "/": 6, "%": 6}
UNARY = 7
ATOM = 8


class Expr:
    """A value that is known only in a run.

    ``expr("params.days * 2")`` makes one of CEL's text. The operators
    ``+ - * / % == != < <= > >=`` work on them, ``&``, ``|`` and ``~`` are and,
    or and not, ``[…]`` and ``.name`` look into lists and mappings. Methods are
    functions of the language; an entry that has the name of a method is
    reached with ``[…]``.
    """

    __slots__ = ("_rank", "_text")

    def __init__(self, text: str, rank: int = 0) -> None:
        self._text = text.strip()
        self._rank = rank  # how tightly its outermost operator binds

    def __str__(self) -> str:
        return "${{ " + self._text + " }}"

    def __format__(self, how: str) -> str:
        if how:
            raise _not_known("has a format")
        return str(self)

    def __repr__(self) -> str:
        return f"expr({self._text!r})"

    def __bool__(self) -> bool:
        raise _not_known(
            "decides what the pipeline looks like: use when=, step.branch, & for and, | for or, ~ for not"
        )

    def __iter__(self) -> Any:
        raise _not_known("is gone through: use foreach, or .map")

    def __len__(self) -> int:
        raise _not_known("has a length: use .size()")

    def __contains__(self, _: object) -> bool:
        raise _not_known("is searched: use .contains(…)")

    def __hash__(self) -> int:
        return hash(self._text)

    def __getattr__(self, name: str) -> "Expr":
        if name.startswith("_"):
            raise AttributeError(name)
        return Expr(f"{operand(self, ATOM)}.{name}", ATOM)

    def __getitem__(self, key: Any) -> "Expr":
        return Expr(f"{operand(self, ATOM)}[{cel(key)}]", ATOM)

    def __eq__(self, other: Any) -> "Expr":  # type: ignore[override]
        return _binary(self, "==", other)

    def __ne__(self, other: Any) -> "Expr":  # type: ignore[override]
        return _binary(self, "!=", other)

    def __lt__(self, other: Any) -> "Expr":
        return _binary(self, "<", other)

    def __le__(self, other: Any) -> "Expr":
        return _binary(self, "<=", other)

    def __gt__(self, other: Any) -> "Expr":
        return _binary(self, ">", other)

    def __ge__(self, other: Any) -> "Expr":
        return _binary(self, ">=", other)

    def __add__(self, other: Any) -> "Expr":
        return _binary(self, "+", other)

    def __radd__(self, other: Any) -> "Expr":
        return _binary(other, "+", self)

    def __sub__(self, other: Any) -> "Expr":
        return _binary(self, "-", other)

    def __rsub__(self, other: Any) -> "Expr":
        return _binary(other, "-", self)

    def __mul__(self, other: Any) -> "Expr":
        return _binary(self, "*", other)

    def __rmul__(self, other: Any) -> "Expr":
        return _binary(other, "*", self)

    def __truediv__(self, other: Any) -> "Expr":
        return _binary(self, "/", other)

    def __rtruediv__(self, other: Any) -> "Expr":
        return _binary(other, "/", self)

    def __mod__(self, other: Any) -> "Expr":
        return _binary(self, "%", other)

    def __neg__(self) -> "Expr":
        return Expr("-" + operand(self), UNARY)

    def __and__(self, other: Any) -> "Expr":
        return _binary(self, "&&", other)

    def __or__(self, other: Any) -> "Expr":
        return _binary(self, "||", other)

    def __invert__(self) -> "Expr":
        return Expr("!" + operand(self), UNARY)

    def keys(self) -> "Expr":
        """The keys of a mapping, in order; of a fan-out's output, those of its items."""
        return call("keys", self)

    def values(self) -> "Expr":
        """The values of a mapping, in the order of their keys."""
        return call("values", self)

    def size(self) -> "Expr":
        """The number of elements, entries or characters."""
        return call("size", self)

    def max(self) -> "Expr":
        """The greatest element of a list."""
        return call("max", self)

    def min(self) -> "Expr":
        """The least element of a list."""
        return call("min", self)

    def sum(self) -> "Expr":
        """The sum of a list."""
        return call("sum", self)

    def contains(self, value: Any) -> "Expr":
        """Whether a list has the element, or a mapping the key."""
        return Expr(f"{operand(value, RANKS['in'])} in {operand(self, RANKS['in'] + 1)}", RANKS["in"])

    def map(self, each: Callable[["Expr"], Any]) -> "Expr":
        """A list of what ``each`` makes of every element."""
        return self._macro("map", each)

    def filter(self, wanted: Callable[["Expr"], Any]) -> "Expr":
        """The elements for which ``wanted`` is true."""
        return self._macro("filter", wanted)

    def all(self, wanted: Callable[["Expr"], Any]) -> "Expr":
        """Whether ``wanted`` is true of every element."""
        return self._macro("all", wanted)

    def exists(self, wanted: Callable[["Expr"], Any]) -> "Expr":
        """Whether ``wanted`` is true of some element."""
        return self._macro("exists", wanted)

    def then(self, yes: Any, no: Any) -> "Expr":
        """``yes`` where this is true, else ``no``."""
        return Expr(f"{operand(self, RANKS['||'])} ? {operand(yes, RANKS['||'])} : {operand(no, RANKS['||'])}")

    def _macro(self, name: str, of: Callable[["Expr"], Any]) -> "Expr":
        element = _element(of)
        outer = _elements.get()
        token = _elements.set((*outer, element))
        try:
            inner = cel(of(Expr(element, ATOM)))
        finally:
            _elements.reset(token)
        return Expr(f"{operand(self, ATOM)}.{name}({element}, {inner})", ATOM)


# The elements of the macros that are being written, outermost first.
_elements: "ContextVar[tuple[str, ...]]" = ContextVar("bine_elements", default=())


def _element(of: Callable[..., Any]) -> str:
    """What a macro calls its element: as the function does, unless that means something else there."""
    names = getattr(getattr(of, "__code__", None), "co_varnames", ())
    wanted = str(names[0]) if names and str(names[0]).isascii() and not str(names[0]).startswith("_") else "x"
    taken = {*_elements.get(), "params", "steps", "item", "key", "run", "project", "tick", "event", "link", "reason"}
    if wanted not in taken and not keyword.iskeyword(wanted):
        return wanted
    return next(f"{wanted}{i}" for i in range(2, 1000) if f"{wanted}{i}" not in taken)


class Functions:
    """``expr("…")`` is an expression of CEL's text; ``expr.round(x)`` calls a function of the language."""

    def __call__(self, text: str) -> Expr:
        """An expression of CEL: ``expr("params.n + 1")``."""
        return Expr(text, ATOM if re.fullmatch(r"[A-Za-z_][\w.]*", text.strip()) else 0)

    def __getattr__(self, name: str) -> Callable[..., Expr]:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *arguments: call(name, *arguments)


class Context:
    """What expressions can read beside params and steps.

    ``run`` (``id``, ``number``, ``pipeline``, at the end ``state`` and
    ``reason``), ``project``, ``tick``, ``item`` and ``key`` in a fan-out,
    ``event`` in a trigger, ``link``, ``event`` and ``reason`` in a message.
    """

    run = Expr("run", ATOM)
    project = Expr("project", ATOM)
    tick = Expr("tick", ATOM)
    item = Expr("item", ATOM)
    key = Expr("key", ATOM)
    event = Expr("event", ATOM)
    link = Expr("link", ATOM)
    reason = Expr("reason", ATOM)


expr = Functions()
context = Context()


def call(function: str, *arguments: Any) -> Expr:
    """An expression that calls a function of the language."""
    return Expr(f"{function}({', '.join(cel(a) for a in arguments)})", ATOM)


def cel(value: Any) -> str:
    """The CEL text of an expression or of a plain value."""
    if isinstance(value, Expr):
        return value._text
    expressed = getattr(value, "__bine_expr__", None)
    if expressed is not None:
        return cel(expressed())
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{cel(str(k))}: {cel(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(cel(v) for v in value) + "]"
    if isinstance(value, float):
        return repr(value)
    if value is None or isinstance(value, (bool, int, str)):
        return json.dumps(value, ensure_ascii=False)
    raise Error(f"a {type(value).__name__} cannot stand in an expression", kind="invalid")


def operand(value: Any, rank: int = UNARY) -> str:
    """The text of a value as a part of another expression, whose operator binds with rank."""
    if isinstance(value, Expr) and value._rank < rank:
        return f"({value._text})"
    return cel(value)


def plain(value: Any) -> Any:
    """A value of the pipeline's text: expressions become ``${{ … }}``, paths texts."""
    expressed = getattr(value, "__bine_expr__", None)
    if expressed is not None:
        value = expressed()
    if isinstance(value, Expr):
        return str(value)
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, Path):
        return value.as_posix()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise Error(
        f"a {type(value).__name__} cannot stand in a pipeline: give numbers, texts, lists, mappings or expressions",
        kind="invalid",
    )


def _binary(left: Any, operator: str, right: Any) -> Expr:
    rank = RANKS[operator]
    return Expr(f"{operand(left, rank)} {operator} {operand(right, rank + 1)}", rank)


def _not_known(what: str) -> Error:
    return Error(f"this value is known only when a run is there, so it is not here that it {what}", kind="invalid")


Value = Union[Expr, str, int, float, bool, None, "list[Any]", "Mapping[str, Any]"]
