"""The Python side of Bine.

Inside a step (standard library only, nothing to install)::

    from bine import inputs, log_metric, outputs, params, save_model

    table = read(inputs["table"])            # pathlib.Path
    outputs["rows"] = len(table)             # a value
    write(outputs.path("clean"), table)      # an artifact
    log_metric("loss", 0.3, step=10)
    save_model(model, "model", example=row)  # a model that can be deployed

A pipeline, written in Python::

    from bine import cron, pipeline, step

    @step(retry=3, outputs={"table": "artifact", "rows": int})
    def load(days): ...

    @pipeline(schedule=cron("0 6 * * 1"))
    def sales(days: int = 90):
        load(days)

    sales.run("demo", days=7).wait()

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
from .step import Item, checkpoint, inputs, item_value, items, log_metric, outputs, params, resume, rows, step

if TYPE_CHECKING:
    from .client import Client, login
    from .definition import cron, param, pipeline
    from .expression import context, expr
    from .model import load_model, save_model
    from .node import finally_, on_failure
    from .project import Project
    from .run import Run
    from .task import each, loop, per
    from .autolog import autolog
    from .track import (
        Tracked,
        end_run,
        log_artifact,
        log_figure,
        log_metrics,
        log_param,
        log_params,
        log_tag,
        log_tags,
        start_run,
        sync,
        tracked,
    )
    from .trials import InvalidConfig, PauseTrial, StopTrial, Trial, TrialEnd, trial

__version__ = "0.1.0"

# Where the names live that are imported only when somebody asks for them.
_LATER = {
    "Client": ".client",
    "login": ".client",
    "Project": ".project",
    "Run": ".run",
    "load_model": ".model",
    "save_model": ".model",
    "pipeline": ".definition",
    "param": ".definition",
    "cron": ".definition",
    "each": ".task",
    "loop": ".task",
    "per": ".task",
    "expr": ".expression",
    "context": ".expression",
    "on_failure": ".node",
    "finally_": ".node",
    "Tracked": ".track",
    "autolog": ".autolog",
    "end_run": ".track",
    "log_artifact": ".track",
    "log_figure": ".track",
    "log_metrics": ".track",
    "log_param": ".track",
    "log_params": ".track",
    "log_tag": ".track",
    "log_tags": ".track",
    "start_run": ".track",
    "sync": ".track",
    "tracked": ".track",
    "trial": ".trials",
    "Trial": ".trials",
    "TrialEnd": ".trials",
    "PauseTrial": ".trials",
    "StopTrial": ".trials",
    "InvalidConfig": ".trials",
}

__all__ = [
    "Client",
    "Error",
    "InvalidConfig",
    "Item",
    "PauseTrial",
    "Project",
    "Run",
    "StopTrial",
    "Tracked",
    "Trial",
    "TrialEnd",
    "autolog",
    "checkpoint",
    "context",
    "cron",
    "each",
    "end_run",
    "expr",
    "finally_",
    "inputs",
    "item",
    "items",
    "load_model",
    "log_artifact",
    "log_figure",
    "log_metric",
    "log_metrics",
    "log_param",
    "log_params",
    "log_tag",
    "log_tags",
    "login",
    "loop",
    "on_failure",
    "outputs",
    "param",
    "params",
    "per",
    "pipeline",
    "resume",
    "rows",
    "save_model",
    "start_run",
    "step",
    "sync",
    "tracked",
    "trial",
]

if TYPE_CHECKING:
    item: Any  # in a fan-out, the element at hand; in a pipeline's function, the expression for it


def __getattr__(name: str) -> Any:
    if name == "item":
        if step.inside:
            return item_value()
        return import_module(".expression", __name__).context.item
    if name not in _LATER:
        raise AttributeError(f"module 'bine' has no attribute {name!r}")
    return getattr(import_module(_LATER[name], __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
