"""Steps that are no functions: step.sql, step.approval and so on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Optional, Union

from . import node
from .expression import Expr, plain
from .node import Node
from .options import Duration, Text, need_names, reference

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .options import Options


_TRANSFERRED = {"transfer": "string", "copied": "int", "skipped": "int", "bytes": "int"}


class Kinds:
    """One method for each kind of step of the language.

    Each takes the step's name first and, by name, whatever every step can be
    told (see bine.options.Options), and gives the step, whose attributes are
    its outputs. They are called in the function of a pipeline.
    """

    def python(self, name: str, /, program: str, **options: "Unpack[Options]") -> Node:
        """A Python file of the code, or a program of several lines."""
        return node.add(name, "python", program, {}, options)

    def command(self, name: str, /, program: Union[str, Sequence[Any]], **options: "Unpack[Options]") -> Node:
        """A list of a program and its arguments, or a text for ``sh -c``."""
        return node.add(name, "command", program, {}, options)

    def notebook(self, name: str, /, file: str, **options: "Unpack[Options]") -> Node:
        """A notebook of the code. ``with_`` sets its parameters; outputs ``notebook`` and ``html``."""
        return node.add(name, "notebook", file, {"notebook": "artifact", "html": "artifact"}, options)

    def sql(
        self, name: str, /, query: str, *, files: Optional[Mapping[str, Text]] = None, **options: "Unpack[Options]"
    ) -> Node:
        """Statements for DuckDB, or a .sql file of the code, over inputs and project files as views."""
        return node.add(name, "sql", _some(query=query, files=files), {}, options)

    def go(self, name: str, /, program: str, func: str, **options: "Unpack[Options]") -> Node:
        """A function of a compiled Go program, which is a file of the code."""
        return node.add(name, "go", {"program": program, "func": func}, {}, options)

    def values(self, name: str, /, *, options: Optional["Options"] = None, **values: Any) -> Node:
        """Values that are computed from others; what every step can be told is in ``options``."""
        return node.add(name, "values", values, {key: "json" for key in values}, options or {})

    def http(
        self,
        name: str,
        /,
        url: Text,
        *,
        method: Optional[str] = None,
        headers: Optional[Mapping[str, Text]] = None,
        body: Any = None,
        expect: Optional[Sequence[int]] = None,
        **options: "Unpack[Options]",
    ) -> Node:
        """A request to an address outside; outputs ``status`` and ``body``."""
        action = _some(url=url, method=method, headers=headers, body=body, expect=expect)
        return node.add(name, "http", action, {"status": "int", "body": "json"}, options)

    def copy(self, name: str, /, source: Any, to: Text, **options: "Unpack[Options]") -> Node:
        """A path of the project's files, or an artifact of a step, to a path of the project's files; output ``path``."""
        if hasattr(source, "__bine_ref__"):
            action = {"artifact": reference(source, "source"), "to": to}
        else:
            action = {"from": source, "to": to}
        return node.add(name, "copy", action, {"path": "string"}, options)

    def import_(
        self, name: str, /, connector: str, to: Text, *, source: Optional[Text] = None, **options: "Unpack[Options]"
    ) -> Node:
        """Copies a file or directory of a connector, all of it without ``source``, into a directory of the project.

        It waits without holding a worker; outputs ``transfer``, ``copied``, ``skipped`` and ``bytes``.
        """
        action = _some(connector=connector, to=to)
        if source is not None:
            action["from"] = source
        return node.add(name, "import", action, dict(_TRANSFERRED), options)

    def export(
        self, name: str, /, source: Text, connector: str, *, to: Optional[Text] = None, **options: "Unpack[Options]"
    ) -> Node:
        """Copies a file or directory of the project into a directory of a connector, its top without ``to``.

        It waits without holding a worker; outputs ``transfer``, ``copied``, ``skipped`` and ``bytes``.
        """
        return node.add(name, "export", {"from": source, **_some(connector=connector, to=to)}, dict(_TRANSFERRED), options)

    def wait(
        self,
        name: str,
        /,
        *,
        for_: Union[Duration, Expr, None] = None,
        until: Optional[Text] = None,
        file: Optional[Text] = None,
        partition: Optional[Text] = None,
        http: Optional[Mapping[str, Any]] = None,
        run: Optional[Mapping[str, Any]] = None,
        every: Optional[Duration] = None,
        **options: "Unpack[Options]",
    ) -> Node:
        """Waits, without holding a worker, for one thing: a time, a file, a partition, an answer, a run."""
        action = _some(until=until, file=file, partition=partition, http=http, run=run, every=every)
        if for_ is not None:
            action = {"for": for_, **action}
        return node.add(name, "wait", action, {}, options)

    def approval(
        self,
        name: str,
        /,
        message: Text,
        *,
        form: Optional[Mapping[str, Mapping[str, Any]]] = None,
        by: Optional[Sequence[str]] = None,
        deadline: Optional[Duration] = None,
        otherwise: Optional[str] = None,
        on_reject: Optional[str] = None,
        remind: Optional[Duration] = None,
        escalate: Optional[Mapping[str, Any]] = None,
        notify: Optional[Sequence[Mapping[str, Any]]] = None,
        **options: "Unpack[Options]",
    ) -> Node:
        """Asks people; outputs ``approved``, ``by``, ``note`` and the fields of the form."""
        action = _some(
            message=message, form=form, by=by, deadline=deadline, otherwise=otherwise, on_reject=on_reject,
            remind=remind, escalate=escalate, notify=notify,
        )
        fields = {key: str(field.get("type", "json")) for key, field in (form or {}).items()}
        return node.add(name, "approval", action, {"approved": "bool", "by": "string", "note": "string", **fields}, options)

    def branch(
        self, name: str, /, *cases: "tuple[Text, Any]", otherwise: Any = None, **options: "Unpack[Options]"
    ) -> Node:
        """Chooses the steps of the first case whose condition is true, else those of ``otherwise``; output ``chosen``.

        A case is a condition and a step or a list of steps, which may be named
        before they are called.
        """
        action: dict[str, Any] = {"cases": [{"when": plain(when), "steps": need_names(steps)} for when, steps in cases]}
        if otherwise is not None:
            action["else"] = need_names(otherwise)
        return node.add(name, "branch", action, {"chosen": "json"}, options)

    def pipeline(
        self,
        name: str,
        /,
        pipeline: str,
        *,
        params: Optional[Mapping[str, Any]] = None,
        version: Optional[int] = None,
        **options: "Unpack[Options]",
    ) -> Node:
        """A run of another pipeline; outputs ``run``, its id, and ``outputs``."""
        action = _some(name=pipeline, version=version, params=params or None)
        return node.add(name, "pipeline", action, {"run": "string", "outputs": "json"}, options)

    def job(
        self,
        name: str,
        /,
        job: str,
        *,
        params: Optional[Mapping[str, Any]] = None,
        version: Optional[int] = None,
        **options: "Unpack[Options]",
    ) -> Node:
        """An execution of a stored job; outputs ``run``, its id, and ``outputs``."""
        action = _some(name=job, version=version, params=params or None)
        return node.add(name, "job", action, {"run": "string", "outputs": "json"}, options)

    def notify(
        self,
        name: str,
        /,
        message: Text,
        *,
        webhook: Optional[str] = None,
        slack: Optional[str] = None,
        mail: Union[str, Sequence[str], None] = None,
        **options: "Unpack[Options]",
    ) -> Node:
        """Sends a message to a webhook, a Slack-compatible webhook, or by mail."""
        return node.add(name, "notify", _some(webhook=webhook, slack=slack, mail=mail, message=message), {}, options)

    def model(
        self,
        name: str,
        /,
        model: str,
        artifact: Any,
        *,
        metrics: Any = None,
        notes: Optional[Text] = None,
        **options: "Unpack[Options]",
    ) -> Node:
        """Registers an artifact that save_model wrote as the next version of a model; output ``version``."""
        ref = reference(artifact.__bine_only__() if isinstance(artifact, Node) else artifact, "artifact")
        return node.add(name, "model", _some(name=model, artifact=ref, metrics=metrics, description=notes), {"version": "int"}, options)

    def deploy(
        self,
        name: str,
        /,
        deployment: str,
        model: str,
        *,
        version: Union[int, Expr, None] = None,
        **options: "Unpack[Options]",
    ) -> Node:
        """Makes a deployment serve a version of a model, the newest if none is given; output ``version``."""
        return node.add(name, "deploy", _some(name=deployment, model=model, version=version), {"version": "int"}, options)


def _some(**fields: Any) -> dict[str, Any]:
    """The fields that are given. A comparison with an expression would be one, so only None is left out."""
    return {key: value for key, value in fields.items() if value is not None}
