"""The Python side of Bine.

Inside a step (standard library only, nothing to install)::

    from bine import inputs, log_metric, outputs, params, save_model

    table = read(inputs["table"])            # pathlib.Path
    outputs["rows"] = len(table)             # a value
    write(outputs.path("clean"), table)      # an artifact
    log_metric("loss", 0.3, step=10)
    save_model(model, "model", example=row)  # a model that can be deployed

Outside a step (needs httpx)::

    import bine

    client = bine.login("http://127.0.0.1:7070", key="bine_...")
    run = client.project("demo").pipeline("flights").start({"sample": 0.1})
    run.wait()

Importing this package reads no file, opens no connection and costs a few
milliseconds; everything is looked up when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .errors import Error
from .step import Item, items, inputs, log_metric, outputs, params, step

if TYPE_CHECKING:
    from .client import Client, login
    from .model import load_model, save_model
    from .project import Project
    from .run import Run

__version__ = "0.1.0"

__all__ = [
    "Client",
    "Error",
    "Item",
    "Project",
    "Run",
    "inputs",
    "items",
    "load_model",
    "log_metric",
    "login",
    "outputs",
    "params",
    "save_model",
    "step",
]

# Where the names live that are imported only when somebody asks for them.
_LATER = {
    "Client": ".client",
    "login": ".client",
    "Project": ".project",
    "Run": ".run",
    "load_model": ".model",
    "save_model": ".model",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'bine' has no attribute {name!r}")
    return getattr(import_module(_LATER[name], __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
