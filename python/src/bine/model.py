"""Saving and loading models.

A saved model is a directory: ``model.joblib`` (``model.pkl`` where joblib is
not installed) and ``model.json``, which says what goes in, what comes out,
an example, and the versions of the packages that made it. The same model
saved twice gives the same bytes.
"""

from __future__ import annotations

import json
import pickle
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

from . import tensor
from .errors import Error
from .step import Outputs
from .step import outputs as step_outputs
from .step import to_json, write_json

DESCRIPTION = "model.json"

# Distributions whose versions are worth knowing when a model misbehaves later.
_NOTED = ("joblib", "lightgbm", "numpy", "pandas", "scikit-learn", "scipy", "xgboost", "xgboost-cpu")


def save_model(
    model: Any,
    name: str = "model",
    *,
    example: Any = None,
    schema: Optional[Mapping[str, Any]] = None,
    metrics: Optional[Mapping[str, float]] = None,
    description: str = "",
    positive: str = "",
    outputs: Optional[Outputs] = None,
) -> Path:
    """Writes ``model`` as the artifact output ``name`` and gives its directory.

    ``example`` is input that the model takes: a DataFrame, a row as a dict, or
    an array. Its first row is kept, the schema is read from it (unless given),
    and the model must predict it, so that a model that cannot answer is found
    here and not when it is deployed. ``positive`` names, for a classifier of
    two classes, what the second class means: predictions then carry its
    probability under that name. ``outputs`` is an item's, in a batch.
    """
    directory = (outputs or step_outputs).path(name)
    directory.mkdir(parents=True, exist_ok=True)
    file = _dump(model, directory)
    about: dict[str, Any] = {
        "format": 1,
        "framework": _framework(model),
        "file": file,
        "description": description,
        "python": platform.python_version(),
        "packages": _packages(),
        "metrics": to_json(dict(metrics or {}), "metrics"),
    }
    if positive:
        about["positive"] = positive
    about["schema"] = to_json(dict(schema), "schema") if schema else {"inputs": [], "outputs": []}
    if example is not None:
        if not schema:
            about["schema"]["inputs"] = tensor.columns_of(example)
        about["example"] = tensor.first_row(example)
        answers = answer(model, tensor.one_row(example, about["schema"]["inputs"]), positive)
        if not about["schema"].get("outputs"):
            about["schema"]["outputs"] = [tensor.describe(k, v) for k, v in answers.items()]
    write_json(directory / DESCRIPTION, about)
    return directory


def load_model(path: Any) -> Any:
    """The model in a directory that ``save_model`` wrote.

    Loading runs code that the file holds: load only models of people you trust.
    """
    directory = Path(path)
    file = directory / describe(directory)["file"]
    if file.suffix == ".joblib":
        import joblib

        return joblib.load(file)
    with open(file, "rb") as f:
        return pickle.load(f)


def describe(path: Any) -> dict[str, Any]:
    """What ``model.json`` says about the model in the directory."""
    file = Path(path) / DESCRIPTION
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Error(f"{path} holds no model: {DESCRIPTION} is missing", kind="not_found") from None
    if not isinstance(about, dict) or "/" in str(about.get("file", "/")):
        raise Error(f"{file} does not describe a model", kind="invalid")
    return about


def answer(model: Any, rows: Any, positive: str = "") -> dict[str, Any]:
    """What the model says about rows, by output name.

    ``predict``; for a classifier also ``probability`` with one column for each
    class, and the second class's alone under the name ``positive``.
    """
    if not hasattr(model, "predict"):
        if callable(model):
            return {"predict": model(rows)}
        raise Error(f"a {type(model).__name__} has no predict method", kind="invalid")
    out = {"predict": model.predict(rows)}
    try:
        probability = getattr(model, "predict_proba", None)
    except Exception:  # scikit-learn says so where a part of a pipeline has none
        probability = None
    if probability is not None:
        out["probability"] = probability(rows)
        if positive:
            out[positive] = [row[1] for row in tensor.plain(out["probability"])]
    return out


def _dump(model: Any, directory: Path) -> str:
    try:
        import joblib
    except ImportError:
        name = "model.pkl"
        with open(directory / name, "wb") as f:
            pickle.dump(model, f, protocol=4)
    else:
        name = "model.joblib"
        joblib.dump(model, directory / name)
    if b"__main__" in (directory / name).read_bytes():
        raise Error(
            "the model holds a function or class that is defined in the step's own file, which the "
            "model server does not have; use what installed packages offer, or install yours",
            kind="invalid",
        )
    return name


def _framework(model: Any) -> str:
    for kind in type(model).__mro__:
        top = kind.__module__.split(".")[0]
        if top == "sklearn":
            return "sklearn"
        if top in ("xgboost", "lightgbm"):
            return top
    return "python"


def _packages() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in _NOTED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
