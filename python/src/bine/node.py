"""Steps of a pipeline while its function is recorded, and what they will give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Optional

from .errors import Error
from .expression import ATOM, Expr
from .options import output_types, write


class Output(Expr):
    """What a step will give: a value for expressions, or an artifact to hand to another step.

    Of a fan-out, a value is a mapping from the items' keys, and an artifact a
    directory with an entry for each.
    """

    __slots__ = ("__bine_ref__", "type")

    def __init__(self, step: str, name: str, kind: str) -> None:
        super().__init__(f"steps.{step}.{name}", ATOM)
        self.__bine_ref__ = f"{step}.{name}"
        self.type = kind

    def rows(self) -> "Rows":
        """What the items of a fan-out gave, as an input to read row by row.

        For a function it is a list-like of ``{"key": …, "value": …}`` that is
        read from a file as it goes, however many items there are.
        """
        return Rows(self.__bine_ref__)

    def __str__(self) -> str:
        if self.type == "artifact":
            raise Error(
                f"{self.__bine_ref__} is a file, which an expression cannot read: hand it to a step as an argument or in inputs",
                kind="invalid",
            )
        return super().__str__()

    def __repr__(self) -> str:
        return f"Output({self.__bine_ref__!r}, {self.type})"


class Rows:
    """The values of a fan-out as an input; Output.rows makes one."""

    def __init__(self, ref: str) -> None:
        self.__bine_ref__ = ref


class Node:
    """A step of the pipeline that is being recorded. Its attributes are its outputs, and ``state``."""

    def __init__(self, name: str, outputs: Mapping[str, str]) -> None:
        self.__bine_step__ = name
        self._outputs = outputs

    def __getattr__(self, name: str) -> Output:
        if name.startswith("_"):
            raise AttributeError(name)
        if name == "state":
            return Output(self.__bine_step__, name, "string")
        if name not in self._outputs:
            has = ", ".join(sorted(self._outputs)) or "none"
            raise AttributeError(f"step {self.__bine_step__} has no output {name!r}; it has {has}")
        return Output(self.__bine_step__, name, self._outputs[name])

    def __getitem__(self, name: str) -> Output:
        return self.__getattr__(name)

    def __bine_expr__(self) -> Output:
        return self.__bine_only__()

    def __bine_only__(self) -> Output:
        """Its output, if it has exactly one: then the step stands for it."""
        if len(self._outputs) != 1:
            has = ", ".join(sorted(self._outputs)) or "none"
            raise Error(f"step {self.__bine_step__} does not have one output but {has}: say which", kind="invalid")
        return self.__getattr__(next(iter(self._outputs)))

    def __str__(self) -> str:
        return str(self.__bine_only__())

    def __dir__(self) -> list[str]:
        return [*self._outputs, "state"]

    def __repr__(self) -> str:
        return f"Step({self.__bine_step__!r})"


class Draft:
    """The steps of a pipeline while its function is called."""

    def __init__(self) -> None:
        self.steps: dict[str, dict[str, Any]] = {}
        self.phases: dict[str, str] = {}
        self.functions: list[Any] = []  # the tasks whose files belong to the code
        self.phase = "steps"

    def add(self, name: str, step: dict[str, Any], outputs: Mapping[str, str]) -> Node:
        if name in self.steps:
            raise Error(f"the pipeline has two steps {name}: give one another name, as .options(name=…) does", kind="invalid")
        self.steps[name] = step
        self.phases[name] = self.phase
        return Node(name, outputs)

    def of(self, phase: str) -> dict[str, dict[str, Any]]:
        """The steps of a phase, in the order in which they were called."""
        return {name: step for name, step in self.steps.items() if self.phases[name] == phase}


_current: ContextVar[Optional[Draft]] = ContextVar("bine_draft", default=None)


def recording() -> Optional[Draft]:
    """The draft of the pipeline whose function is being called; nothing outside of one."""
    return _current.get()


@contextmanager
def record() -> Iterator[Draft]:
    """Records the steps that are called inside."""
    draft = Draft()
    token = _current.set(draft)
    try:
        yield draft
    finally:
        _current.reset(token)


@contextmanager
def on_failure() -> Iterator[None]:
    """Steps that are called inside run when the others have ended and one of them failed."""
    with _phase("on_failure"):
        yield


@contextmanager
def finally_() -> Iterator[None]:
    """Steps that are called inside run at the end in any case, also after a cancel."""
    with _phase("finally"):
        yield


@contextmanager
def _phase(name: str) -> Iterator[None]:
    draft = recording()
    if draft is None:
        raise Error("on_failure and finally_ belong into the function of a pipeline", kind="invalid")
    if draft.phase != "steps":
        raise Error("on_failure and finally_ cannot stand in one another", kind="invalid")
    draft.phase = name
    try:
        yield
    finally:
        draft.phase = "steps"


def add(name: str, kind: str, action: Any, given: Mapping[str, str], options: Mapping[str, Any]) -> Node:
    """Adds a step to the pipeline being recorded; ``given`` are outputs that its kind has by itself."""
    draft = recording()
    if draft is None:
        raise Error(f"step {name} is made outside of a pipeline: call this in a function that has @pipeline", kind="invalid")
    declared = output_types(options.get("outputs") or {})
    return draft.add(name, write(kind, action, options), {**given, **declared})
