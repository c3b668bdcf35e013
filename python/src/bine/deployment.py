"""Deployments: models that answer."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Optional, Union

from .errors import Error
from .tensor import clean
from .transport import Transport


class Deployment:
    """A model version that answers requests."""

    def __init__(self, transport: Transport, project: str, name: str) -> None:
        self._transport = transport
        self._project = project
        self.name = name

    def info(self) -> Mapping[str, Any]:
        """How it stands: ``state``, ``model``, ``version``, ``serving``, ``reason`` …"""
        found: Mapping[str, Any] = self._transport.json("GET", *self._path())
        return found

    @property
    def state(self) -> str:
        """starting, ready, updating, stopped or failed."""
        return str(self.info()["state"])

    @property
    def url(self) -> str:
        """Where programs ask it by the Open Inference Protocol: add ``/v2/models/<model>/infer``."""
        return f"{self._transport.url}/serving/{self._project}/{self.name}"

    def deploy(self, model: str, version: int = 0) -> "Deployment":
        """Makes the deployment, or moves it to another version (0 is the newest); answers at once."""
        self._transport.json("PUT", *self._path(), json={"model": model, "version": version}, safe=True)
        return self

    def wait(self, timeout: Optional[float] = 120.0) -> "Deployment":
        """Waits until it is ready; one that failed is an error with the reason."""
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            info = self.info()
            if info["state"] == "ready":
                return self
            if info["state"] in ("failed", "stopped"):
                raise Error(f"deployment {self.name} is {info['state']}: {info.get('reason') or 'no reason given'}", kind="conflict")
            if end is not None and time.monotonic() > end:
                raise TimeoutError(f"deployment {self.name} is {info['state']} after {timeout} seconds")
            time.sleep(0.2)

    def predict(self, rows: Union[Mapping[str, Any], Sequence[Any], Any]) -> list[Any]:
        """One prediction for each row.

        Rows are a list of dicts by column name, one such dict, or a DataFrame.
        """
        body = {"instances": rows_of(rows)}
        return list(self._transport.json("POST", *self._path("predict"), json=body, safe=True)["predictions"])

    def stop(self) -> None:
        """Ends its servers and keeps its definition."""
        self._transport.json("POST", *self._path("stop"), safe=True)

    def _path(self, *more: str) -> tuple[str, ...]:
        return ("projects", self._project, "deployments", self.name, *more)

    def __repr__(self) -> str:
        return f"Deployment({self.name!r})"


def rows_of(rows: Any) -> list[Any]:
    """Rows in JSON's terms."""
    if hasattr(rows, "to_dict") and hasattr(rows, "columns"):
        rows = rows.to_dict("records")
    elif isinstance(rows, Mapping):
        rows = [rows]
    return [{str(k): clean(v) for k, v in r.items()} if isinstance(r, Mapping) else clean(r) for r in rows]
