"""A model as it is served: requests of both protocols in, answers out, no HTTP."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from . import model as models
from . import tensor
from .errors import Error


@dataclass
class Served:
    """A model as it is served."""

    name: str
    version: str
    about: dict[str, Any] = field(default_factory=dict)
    model: Any = None
    ready: bool = False

    @property
    def inputs(self) -> list[dict[str, Any]]:
        return list((self.about.get("schema") or {}).get("inputs") or [])

    def load(self, directory: str) -> None:
        """Loads the model and lets it predict its example, so that the first request is not the slow one."""
        self.about = models.describe(directory)
        self.model = models.load_model(directory)
        example = self.about.get("example")
        if example is not None:
            models.answer(self.model, tensor.one_row(example, self.inputs), self._positive)
        self.ready = True

    @property
    def _positive(self) -> str:
        return str(self.about.get("positive") or "")

    def metadata(self) -> dict[str, Any]:
        """The protocol's description of the model."""
        schema = self.about.get("schema") or {}
        return {
            "name": self.name,
            "versions": [self.version] if self.version else [],
            "platform": f"bine_{self.about.get('framework', 'python')}",
            "inputs": schema.get("inputs") or [],
            "outputs": schema.get("outputs") or [],
        }

    def infer(self, request: Any) -> dict[str, Any]:
        """Answers a request of the protocol."""
        if not isinstance(request, dict) or not isinstance(request.get("inputs"), list) or not request["inputs"]:
            raise Error('the body must be an object with "inputs", an array of tensors', kind="invalid")
        answers = self._answer(self._rows([tensor.decode(t) for t in request["inputs"]]))
        wanted = request.get("outputs")
        if wanted:
            names = [str(o.get("name")) if isinstance(o, dict) else str(o) for o in wanted]
            for name in names:
                if name not in answers:
                    raise Error(f"the model has no output {name!r}; it has {', '.join(answers)}", kind="invalid")
            answers = {name: answers[name] for name in names}
        out: dict[str, Any] = {"model_name": self.name, "model_version": self.version}
        if request.get("id") is not None:
            out["id"] = request["id"]
        out["outputs"] = [tensor.encode(name, values) for name, values in answers.items()]
        return out

    def predict(self, request: Any) -> dict[str, Any]:
        """Answers ``{"instances": [row, …]}`` with one prediction for each row."""
        rows = request.get("instances") if isinstance(request, dict) else None
        if not isinstance(rows, list) or not rows:
            raise Error('the body must be an object with "instances", an array of rows', kind="invalid")
        answers = self._answer(self._instances(rows))
        if self._positive in answers:
            return {"predictions": [{self._positive: p} for p in tensor.clean(tensor.plain(answers[self._positive]))]}
        return {"predictions": tensor.clean(tensor.plain(answers["predict"]))}

    def _answer(self, rows: Any) -> dict[str, Any]:
        try:
            return models.answer(self.model, rows, self._positive)
        except (ValueError, TypeError, KeyError) as e:
            raise Error(f"the model refuses the input: {e}", kind="invalid") from e

    def _rows(self, tensors: list[tuple[str, str, list[int], list[Any]]]) -> Any:
        if not tensor.named(self.inputs) and len(tensors) == 1:
            name, kind, shape, elements = tensors[0]
            width = len(elements) // shape[0] if shape[0] else 0
            want = (self.inputs[0].get("shape") or [-1])[-1] if self.inputs else -1
            if len(shape) == 1 and want == shape[0]:  # a single row, written without its brackets
                shape, width = [1], shape[0]
            if want not in (-1, width):
                raise Error(f"input {name!r}: rows of {want} numbers are expected, these have {width}", kind="invalid")
            return tensor.array([elements[i * width : (i + 1) * width] for i in range(shape[0])], kind)
        columns: dict[str, list[Any]] = {}
        kinds = {str(i["name"]): str(i.get("datatype")) for i in self.inputs}
        for name, kind, shape, elements in tensors:
            if len(shape) > 2 or (len(shape) == 2 and shape[1] != 1):
                raise Error(f"input {name!r}: shape [n] or [n, 1] is expected, not {shape}", kind="invalid")
            if name in columns:
                raise Error(f"input {name!r} is given twice", kind="invalid")
            if name in kinds and not tensor.compatible(kinds[name], kind):
                raise Error(f"input {name!r} is {kinds[name]}, not {kind}", kind="invalid")
            columns[name] = elements
        lengths = {name: len(v) for name, v in columns.items()}
        if len(set(lengths.values())) > 1:
            raise Error(f"the inputs have different numbers of rows: {lengths}", kind="invalid")
        return self._frame(columns)

    def _instances(self, rows: list[Any]) -> Any:
        if not tensor.named(self.inputs) and all(isinstance(r, list) for r in rows):
            return tensor.array(rows, "FP64")
        names = [str(i["name"]) for i in self.inputs]
        columns: dict[str, list[Any]] = {}
        for n, row in enumerate(rows):
            if isinstance(row, list) and len(row) == len(names):
                row = dict(zip(names, row))
            if not isinstance(row, dict):
                raise Error(f"instance {n} must be an object with the inputs by name", kind="invalid")
            for name in row.keys() | columns.keys():
                if name not in row or (n and name not in columns):
                    raise Error(f"instance {n} has other inputs than the first: {name!r}", kind="invalid")
                columns.setdefault(name, []).append(row[name])
        for i in self.inputs:
            for value in columns.get(str(i["name"]), []):
                if str(i.get("datatype")) == "BYTES" or isinstance(value, str):
                    tensor.check_element(str(i["name"]), str(i.get("datatype")), value)
        return self._frame(columns)

    def _frame(self, columns: dict[str, list[Any]]) -> Any:
        """The columns as a table in the order of the schema."""
        names = [str(i["name"]) for i in self.inputs]
        if not names:
            return tensor.frame(columns, [])
        missing = [n for n in names if n not in columns]
        unknown = [n for n in columns if n not in names]
        if missing or unknown:
            faults = [f"input {n!r} is missing" for n in missing] + [f"the model has no input {n!r}" for n in unknown]
            raise Error("; ".join(faults), kind="invalid")
        return tensor.frame({n: columns[n] for n in names}, self.inputs)
