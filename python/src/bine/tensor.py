"""Between the tensors of the Open Inference Protocol and what models take.

A model with named inputs takes a table: a pandas DataFrame, one column for
each input. A model with one unnamed input takes a numpy array of rows. Both
libraries are imported only where they are needed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from .errors import Error

# Name of the input of a model that takes rows of numbers without names.
ROWS = "input"

_INTEGERS = ("INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64")
_FLOATS = ("FP16", "FP32", "FP64")
DATATYPES = ("BOOL", *_INTEGERS, *_FLOATS, "BYTES")


def datatype_of(dtype: Any) -> str:
    """The protocol's name for a numpy or pandas dtype, or for a Python type."""
    name = str(getattr(dtype, "name", dtype)).lower()
    if name.startswith("bool"):
        return "BOOL"
    for prefix, ours in (("uint", "UINT"), ("int", "INT"), ("float", "FP")):
        if name.startswith(prefix):
            bits = name[len(prefix) :] or "64"
            if f"{ours}{bits}" in DATATYPES:
                return f"{ours}{bits}"
    return "FP64" if name in ("float", "double") else "BYTES"


def _datatype_of_value(value: Any) -> str:
    if hasattr(value, "dtype"):
        return datatype_of(value.dtype)
    if isinstance(value, bool):
        return "BOOL"
    if isinstance(value, int):
        return "INT64"
    return "BYTES" if isinstance(value, str) else "FP64"  # None: a number is missing


def plain(value: Any) -> Any:
    """value as lists of Python's own types."""
    return value.tolist() if hasattr(value, "tolist") else value


def clean(value: Any) -> Any:
    """value in JSON's terms: what is not a number becomes null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, (list, tuple)):
        return [clean(v) for v in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if hasattr(value, "tolist"):
        return clean(value.tolist())
    return None if value != value else str(value)  # pandas.NA and NaT, dates


def columns_of(example: Any) -> list[dict[str, Any]]:
    """The inputs that the example shows."""
    if hasattr(example, "columns"):
        return [{"name": str(c), "datatype": datatype_of(example[c].dtype), "shape": [-1]} for c in example.columns]
    if hasattr(example, "index") and hasattr(example, "items"):  # a pandas Series
        example = dict(example.items())
    if isinstance(example, Mapping):
        return [{"name": str(k), "datatype": _datatype_of_value(v), "shape": [-1]} for k, v in example.items()]
    rows = as_rows(example)
    kind = datatype_of(example.dtype) if hasattr(example, "dtype") else "FP64"
    return [{"name": ROWS, "datatype": kind, "shape": [-1, len(rows[0])]}]


def as_rows(example: Any) -> list[list[Any]]:
    """An example without names as a list of rows."""
    rows = plain(example)
    if not isinstance(rows, (list, tuple)) or not rows:
        raise Error("the example must be a DataFrame, a row by name, or an array of at least one row", kind="invalid")
    return [list(r) for r in rows] if isinstance(rows[0], (list, tuple)) else [list(rows)]


def first_row(example: Any) -> Any:
    """The first row of the example: by name where it has names, else a list."""
    if hasattr(example, "columns"):
        return {str(c): clean(plain(example[c].iloc[0])) for c in example.columns}
    if hasattr(example, "index") and hasattr(example, "items"):
        example = dict(example.items())
    if isinstance(example, Mapping):
        return {str(k): clean(plain(v)) for k, v in example.items()}
    return clean(as_rows(example)[0])


def one_row(example: Any, inputs: Sequence[Mapping[str, Any]]) -> Any:
    """The first row of the example in the form that the model takes."""
    if hasattr(example, "columns"):
        return example.iloc[:1]
    row = first_row(example)
    if isinstance(row, Mapping):
        return frame({name: [value] for name, value in row.items()}, inputs)
    return array([row], "FP64")


def named(inputs: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a model with these inputs takes a table of named columns."""
    return len(inputs) > 1 or (len(inputs) == 1 and len(inputs[0].get("shape") or [-1]) == 1)


def frame(columns: Mapping[str, list[Any]], inputs: Sequence[Mapping[str, Any]]) -> Any:
    """A DataFrame of the columns, each with the type that the schema gives it."""
    import pandas

    kinds = {str(i["name"]): str(i.get("datatype", "BYTES")) for i in inputs}
    return pandas.DataFrame({name: _series(pandas, name, values, kinds.get(name)) for name, values in columns.items()})


def _series(pandas: Any, name: str, values: list[Any], kind: Any) -> Any:
    missing = any(v is None for v in values)
    try:
        if kind == "BYTES" or (kind is None and any(isinstance(v, str) for v in values)):
            return pandas.Series([None if v is None else str(v) for v in values], dtype=object)
        if any(isinstance(v, str) for v in values):
            raise ValueError("text where a number is expected")
        if kind == "BOOL" and not missing:
            return pandas.Series(values, dtype=bool)
        if kind in _INTEGERS and not missing and all(float(v).is_integer() for v in values):
            return pandas.Series(values, dtype=str(kind).lower())
        return pandas.Series([math.nan if v is None else float(v) for v in values], dtype="float64")
    except (TypeError, ValueError, OverflowError) as e:
        raise Error(f"input {name!r} ({kind}): {e}", kind="invalid") from None


def array(rows: list[Any], kind: str) -> Any:
    """A numpy array of rows, or the rows themselves where numpy is missing."""
    if kind == "BYTES":
        return rows
    try:
        import numpy
    except ImportError:
        return rows
    try:
        return numpy.asarray([[math.nan if v is None else v for v in r] for r in rows], dtype=float)
    except (TypeError, ValueError) as e:
        raise Error(f"input {ROWS!r}: {e}", kind="invalid") from None


def shape_of(value: Any) -> list[int]:
    """Lengths of nested lists, outermost first."""
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        value = value[0] if value else None
    return shape


def flat(value: Any) -> list[Any]:
    """The elements of nested lists, row by row."""
    if not isinstance(value, list):
        return [value]
    if value and isinstance(value[0], list):
        return [e for v in value for e in flat(v)]
    return value


def describe(name: str, values: Any) -> dict[str, Any]:
    """An output as the schema lists it: the number of rows is open."""
    rows = plain(values)
    shape = [-1, *shape_of(rows)[1:]]
    return {"name": name, "datatype": _output_type(values, rows), "shape": shape}


def encode(name: str, values: Any) -> dict[str, Any]:
    """An output tensor of the protocol."""
    rows = plain(values)
    rows = list(rows) if isinstance(rows, (list, tuple)) else [rows]
    return {"name": name, "datatype": _output_type(values, rows), "shape": shape_of(rows), "data": clean(flat(rows))}


def _output_type(values: Any, rows: Any) -> str:
    if hasattr(values, "dtype"):
        return datatype_of(values.dtype)
    elements = flat(rows)
    return _datatype_of_value(elements[0]) if elements else "FP64"


def decode(tensor: Any) -> tuple[str, str, list[int], list[Any]]:
    """Name, datatype, shape and elements (row by row) of an input tensor."""
    if not isinstance(tensor, Mapping) or not isinstance(tensor.get("name"), str):
        raise Error("an input needs name, shape, datatype and data", kind="invalid")
    name, kind, shape, data = (tensor.get(k) for k in ("name", "datatype", "shape", "data"))
    if kind not in DATATYPES:
        raise Error(f"input {name!r}: datatype {kind!r} is not one of {', '.join(DATATYPES)}", kind="invalid")
    if not isinstance(data, list):
        raise Error(f"input {name!r}: data must be an array", kind="invalid")
    if not isinstance(shape, list) or not shape or not all(type(n) is int and n >= 0 for n in shape):
        raise Error(f"input {name!r}: shape must be an array of sizes, for example [1] or [2, 3]", kind="invalid")
    elements = flat(data)
    if len(elements) != math.prod(shape):
        raise Error(f"input {name!r}: shape {shape} takes {math.prod(shape)} elements, data has {len(elements)}", kind="invalid")
    for e in elements:
        check_element(str(name), str(kind), e)
    return str(name), str(kind), list(shape), elements


def check_element(name: str, kind: str, value: Any) -> None:
    """Says so if the value is not of the datatype; null, which is missing, is of any."""
    if value is None:
        return
    if kind == "BYTES":
        good = isinstance(value, str)
    elif kind == "BOOL":
        good = isinstance(value, bool) or value in (0, 1)
    elif kind in _INTEGERS:
        good = type(value) is int
    else:
        good = type(value) in (int, float)
    if not good:
        raise Error(f"input {name!r}: {value!r} is not {kind}", kind="invalid")


def compatible(wanted: str, given: str) -> bool:
    """Whether an input of one datatype can stand where the schema has another."""
    return (wanted == "BYTES") == (given == "BYTES")
