"""Projects."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Optional

from . import stored
from .backfill import Backfill
from .deployment import Deployment
from .errors import Error
from .file import Files
from .record import Approval, EnvironmentVersion, ModelVersion, Pool, Tick, Trigger, read
from .run import Run
from .share import Datasets, Lakes
from .stored import Pipeline
from .transport import Transport, pages


class Project:
    """A project, as the identity of the client sees it."""

    def __init__(self, transport: Transport, name: str) -> None:
        self._transport = transport
        self.name = name
        self.files = Files(transport, name)
        self.datasets = Datasets(transport, name)
        self.lakes = Lakes(transport, name)

    def info(self) -> Mapping[str, Any]:
        """How it stands: ``state``, ``role``, ``reason`` …"""
        found: Mapping[str, Any] = self._transport.json("GET", *self._path())
        return found

    def experiments(self) -> list[Mapping[str, Any]]:
        """The experiments: ``id``, ``name``, ``runs``, ``tags`` …"""
        found: list[Mapping[str, Any]] = self._transport.json("GET", *self._path("experiments"))
        return found

    def tracked_runs(
        self, filter: str = "", *, experiment: str = "", order_by: Sequence[str] = (), limit: int = 1000
    ) -> list[Mapping[str, Any]]:
        """Tracked runs that fit, at most ``limit``, each with its ``params``, ``tags`` and ``metrics``.

        ``filter`` is written like ``metrics.auc > 0.9 and params.depth = '5'``,
        ``order_by`` like ``["metrics.auc DESC"]``.
        """
        body: dict[str, Any] = {"filter": filter, "order_by": list(order_by)}
        if experiment:
            body["experiments"] = [e["id"] for e in self.experiments() if e["name"] == experiment]
            if not body["experiments"]:
                raise Error(f"project {self.name} has no experiment {experiment!r}", kind="not_found")
        runs: list[Mapping[str, Any]] = []
        while len(runs) < limit:
            body["limit"] = min(limit - len(runs), 1000)
            page = self._transport.json("POST", *self._path("tracked-runs", "search"), json=body, safe=True)
            runs += page["runs"]
            if not page.get("next"):
                break
            body["after"] = page["next"]
        return runs

    def curves(self, runs: Sequence[str], metrics: Sequence[str], points: int = 400) -> list[Mapping[str, Any]]:
        """Metrics of tracked runs over their steps: ``run``, ``metric``, ``points``; at most ``points`` of each."""
        body = {"runs": list(runs), "metrics": list(metrics), "points": points}
        found: list[Mapping[str, Any]] = self._transport.json("POST", *self._path("curves"), json=body, safe=True)
        return found

    def wait(self, timeout: Optional[float] = 600.0) -> "Project":
        """Waits until a new project is ready; one that failed is an error with the reason."""
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            info = self.info()
            if info["state"] == "ready":
                return self
            if info["state"] == "failed":
                raise Error(f"project {self.name} failed: {info.get('reason')}", kind="conflict")
            if end is not None and time.monotonic() > end:
                raise TimeoutError(f"project {self.name} is {info['state']} after {timeout} seconds")
            time.sleep(0.2)

    def pipeline(self, name: str) -> Pipeline:
        """A pipeline by name."""
        return Pipeline(self._transport, self.name, name)

    def pipelines(self) -> list[Pipeline]:
        """All pipelines, by name."""
        return [self.pipeline(p["name"]) for p in self._transport.json("GET", *self._path("pipelines"))]

    def store(self, path: "os.PathLike[str] | str") -> Pipeline:
        """Stores the pipeline in a YAML file as its next version, with the step files beside it."""
        return stored.store(self._transport, self.name, path)

    def job(self, name: str) -> Pipeline:
        """A job by name: start it like a pipeline."""
        return Pipeline(self._transport, self.name, name, job=True)

    def run(self, id: str) -> Run:
        """A run by id, for example ``flights-1``."""
        return Run(self._transport, self.name, self._transport.json("GET", *self._path("runs", id)))

    def runs(self, pipeline: str = "", state: str = "") -> Iterator[Run]:
        """Runs, newest first."""
        params = {k: v for k, v in {"pipeline": pipeline, "state": state}.items() if v}
        for r in pages(self._transport, *self._path("runs"), params=params):
            yield Run(self._transport, self.name, r)

    def approvals(self, state: str = "waiting") -> Iterator[Approval]:
        """Questions of its runs to people, oldest first; with an empty ``state`` those that have ended too."""
        for a in pages(self._transport, *self._path("approvals"), params={"state": state} if state else {}):
            yield read(Approval, a)

    def backfills(self, pipeline: str = "") -> Iterator[Backfill]:
        """Backfills, newest first."""
        for b in pages(self._transport, *self._path("backfills"), params={"pipeline": pipeline} if pipeline else {}):
            yield Backfill(self._transport, self.name, b)

    def backfill(self, id: str) -> Backfill:
        """A backfill by id."""
        return Backfill(self._transport, self.name, self._transport.json("GET", *self._path("backfills", id)))

    def pools(self) -> list[Pool]:
        """The pools whose slots its steps share."""
        return [read(Pool, p) for p in self._transport.json("GET", *self._path("pools"))]

    def set_pool(self, name: str, slots: int, description: str = "") -> Pool:
        """Makes a pool, or changes how many slots it has; what is held stays held."""
        body = {"slots": slots, **({"description": description} if description else {})}
        return read(Pool, self._transport.json("PUT", *self._path("pools", name), json=body, safe=True))

    def delete_pool(self, name: str) -> None:
        """Removes a pool that nobody holds or waits for."""
        self._transport.send("DELETE", *self._path("pools", name), safe=True)

    def triggers(self) -> list[Trigger]:
        """What starts runs of its pipelines when something happens."""
        return [read(Trigger, t) for t in self._transport.json("GET", *self._path("triggers"))]

    def ticks(self, schedule: str, last: int = 0, next: int = 0) -> list[Tick]:
        """The last planned times of a schedule, with what became of them, and the next ones."""
        params = {k: str(v) for k, v in {"last": last, "next": next}.items() if v}
        return [read(Tick, t) for t in self._transport.json("GET", *self._path("schedules", schedule, "ticks"), params=params)]

    def models(self) -> list[str]:
        """Names of the registered models."""
        return [m["name"] for m in self._transport.json("GET", *self._path("models"))]

    def model(self, name: str, version: int = 0) -> ModelVersion:
        """A version of a model; 0 is the newest."""
        return read(ModelVersion, self._transport.json("GET", *self._path("models", name, "versions", str(version))))

    def deployment(self, name: str) -> Deployment:
        """A deployment by name, whether it exists yet or not."""
        return Deployment(self._transport, self.name, name)

    def deployments(self) -> list[Deployment]:
        """All deployments, by name."""
        return [self.deployment(d["name"]) for d in self._transport.json("GET", *self._path("deployments"))]

    def environments(self) -> list[EnvironmentVersion]:
        """Versions of the project's environment, newest first, without their packages."""
        return [read(EnvironmentVersion, e) for e in self._transport.json("GET", *self._path("environments"))]

    def environment(self, version: int) -> EnvironmentVersion:
        """One version of the environment, with its packages."""
        return read(EnvironmentVersion, self._transport.json("GET", *self._path("environments", str(version))))

    def change_environment(
        self, add: Sequence[str] = (), remove: Sequence[str] = (), base: Optional[int] = None
    ) -> EnvironmentVersion:
        """Starts to build the next version of the environment from ``base`` (the current one)."""
        body: dict[str, Any] = {"add": list(add), "remove": list(remove)}
        if base is not None:
            body["base"] = base
        return read(EnvironmentVersion, self._transport.json("POST", *self._path("environments"), json=body))

    def _path(self, *more: str) -> tuple[str, ...]:
        return ("projects", self.name, *more)

    def __repr__(self) -> str:
        return f"Project({self.name!r})"
