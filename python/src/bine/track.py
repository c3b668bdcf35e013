"""Params, metrics, tags, files and figures of what this program does.

In a step of a pipeline everything goes to the tracked run of the step; outside
of one, to the run that ``start_run`` began, or to one that begins with the
first thing that is logged. Nothing here waits for the network but
``log_artifact``; what cannot be sent waits in files (see :mod:`bine.spool`)
and goes when the server is back, or by ``bine.sync()``.
"""

from __future__ import annotations

import atexit
import io
import json
import os
import shutil
import sys
import threading
import time
import uuid
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Optional, Union
from urllib.parse import quote

from .config import _context
from .errors import Error
from .spool import ABOUT, METRICS, Sender, Wire, directory
from .step import METRICS as STEP_METRICS
from .step import append_lines, metric_line, outputs, step, write_json

PATIENCE = 60.0  # seconds of silence after which a run from outside is lost

_lock = threading.RLock()
_active: Optional["Tracked"] = None


class Tracked:
    """One tracked run that this process reports for."""

    def __init__(self, wire: Wire, run: str, place: Path, metrics: Path, source: str, fence: int) -> None:
        self.id, self._wire, self._place, self._metrics = run, wire, place, metrics
        self._sender = Sender(wire, run, place, metrics, source, fence)
        self._experiment: Optional[int] = None
        self._ended = False

    @property
    def order(self) -> str:
        """What the server said with its last answer: ``continue``, ``stop`` or ``pause``."""
        return self._sender.order

    def log_metrics(self, values: Mapping[str, float], step: Optional[int] = None) -> None:
        """Reports numbers; NaN and infinite ones too."""
        append_lines(self._metrics, [metric_line(name, value, step) for name, value in values.items()])

    def log_params(self, values: Mapping[str, Any]) -> None:
        """Says what the run was given; each param is set once."""
        append_lines(self._place / ABOUT, [{"params": {str(k): _text(v) for k, v in values.items()}}])

    def log_tags(self, values: Mapping[str, Any]) -> None:
        """Sets tags; a later value replaces an earlier one."""
        append_lines(self._place / ABOUT, [{"tags": {str(k): _text(v) for k, v in values.items()}}])

    def log_artifact(self, path: Union[str, "os.PathLike[str]"], name: str = "") -> None:
        """Puts a file, or a directory with all that is in it, among the files of the run."""
        source = Path(path)
        base = name or source.name
        if not source.is_dir():
            self._put(base, source.read_bytes())
            return
        for file in sorted(p for p in source.rglob("*") if p.is_file()):
            self._put(f"{base}/{file.relative_to(source).as_posix()}", file.read_bytes())

    def log_figure(self, figure: Any, name: str) -> None:
        """Puts a figure of Matplotlib (``savefig``) or Plotly (``write_html``) among the files of the run."""
        if hasattr(figure, "savefig"):
            picture = io.BytesIO()
            kind = os.path.splitext(name)[1][1:] or "png"
            figure.savefig(picture, format=kind)
            self._put(name if "." in os.path.basename(name) else f"{name}.png", picture.getvalue())
        elif hasattr(figure, "to_html"):
            self._put(name if name.endswith(".html") else f"{name}.html", figure.to_html().encode())
        else:
            raise Error(f"a {type(figure).__name__} is no figure of Matplotlib or Plotly: save it and use log_artifact", kind="invalid")

    def _put(self, name: str, content: bytes) -> None:
        parts = [p for p in name.split("/") if p not in ("", ".")]
        if not parts or ".." in parts:
            raise Error(f"{name!r} is no name for a file of the run", kind="invalid")
        if self._experiment is None:
            self._experiment = int(self._wire.call("GET", f"tracked-runs/{self.id}")["experiment"])
        path = "/".join(quote(p, safe="") for p in parts)
        self._wire.call(
            "PUT",
            f"mlflow/{quote(self._wire.project)}/api/2.0/mlflow-artifacts/artifacts/{self._experiment}/{self.id}/artifacts/{path}",
            data=content,
            timeout=600.0,
        )

    def flush(self) -> None:
        """Sends what waits, now; a server that is away is an ``unavailable`` error."""
        self._sender.send()

    def end(self, state: str = "succeeded", reason: str = "") -> None:
        """Ends the run: ``succeeded``, ``failed`` or ``cancelled``. That of a step ends with the step."""
        global _active
        with _lock:
            if self._ended:
                return
            self._ended = True
            if _active is self:
                _active = None
        self._finish(state, reason)

    def _finish(self, state: str, reason: str) -> None:
        write_json(self._place / "end.json", {"state": state, "reason": reason, "ended_at": _now()})
        if self._sender.close() and _tell_end(self._wire, self.id, self._place):
            shutil.rmtree(self._place, ignore_errors=True)
            return
        why = self._sender.refused or "the server does not answer"
        print(f"bine: run {self.id} was not sent ({why}); it waits in {self._place}, and bine.sync() sends it", file=sys.stderr)

    def __enter__(self) -> "Tracked":
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is None:
            self.end()
        elif issubclass(kind, KeyboardInterrupt):
            self.end("cancelled")
        else:
            self.end("failed", f"{kind.__name__}: {error}")


class _OfStep(Tracked):
    """That of the step which this process is: its agent has what the server did not get."""

    def _finish(self, state: str, reason: str) -> None:
        if self._wire.url and not self._sender.close(2.0) and (self._place / ABOUT).exists():
            why = self._sender.refused or "the server does not answer"
            print(f"bine: params and tags were not sent ({why}); metrics are handed in by the agent", file=sys.stderr)


def start_run(
    name: str = "",
    *,
    experiment: str = "",
    project: str = "",
    tags: Optional[Mapping[str, Any]] = None,
    params: Optional[Mapping[str, Any]] = None,
) -> Tracked:
    """Begins a tracked run, which then is the active one; use it with ``with``, or end it by ``end_run``.

    Server, key and project come from the environment or what the CLI keeps,
    as for ``bine.login``; the experiment, where none is named, from
    ``BINE_EXPERIMENT``. In a step it gives the step's own run.
    """
    global _active
    with _lock:
        if step.inside:
            run = tracked()
        else:
            if _active is not None:
                raise Error(f"run {_active.id} is active: end it with bine.end_run() first", kind="conflict")
            run = _active = _begin(name, experiment or os.environ.get("BINE_EXPERIMENT", ""), project)
    if params:
        run.log_params(params)
    if tags:
        run.log_tags(tags)
    return run


def end_run(state: str = "succeeded") -> None:
    """Ends the active run, if there is one."""
    if _active is not None:
        _active.end(state)


def tracked() -> Tracked:
    """The active run; in a step its own. Where there is none, one begins."""
    global _active
    with _lock:
        if step.inside and isinstance(_active, _OfStep) and _active._place != outputs.directory:
            _active = None  # another step than before, as in tests
        if _active is None:
            _active = _of_step() if step.inside else _begin("", os.environ.get("BINE_EXPERIMENT", ""), "")
        return _active


def log_metrics(values: Mapping[str, float], step: Optional[int] = None) -> None:
    """Reports numbers of the active run; ``step`` counts epochs, iterations and the like."""
    tracked().log_metrics(values, step)


def log_param(name: str, value: Any) -> None:
    """Says one thing that the active run was given."""
    tracked().log_params({name: value})


def log_params(values: Mapping[str, Any]) -> None:
    """Says what the active run was given; each param is set once."""
    tracked().log_params(values)


def log_tag(name: str, value: Any) -> None:
    """Sets a tag of the active run."""
    tracked().log_tags({name: value})


def log_tags(values: Mapping[str, Any]) -> None:
    """Sets tags of the active run."""
    tracked().log_tags(values)


def log_artifact(path: Union[str, "os.PathLike[str]"], name: str = "") -> None:
    """Puts a file or directory among the files of the active run."""
    tracked().log_artifact(path, name)


def log_figure(figure: Any, name: str) -> None:
    """Puts a figure of Matplotlib or Plotly among the files of the active run."""
    tracked().log_figure(figure, name)


def sync(where: Optional[Path] = None) -> list[str]:
    """Sends what runs that have ended left here while the server was away, and gives their ids.

    A run whose process was killed is sent, too, once it was silent for longer than its patience.
    """
    sent = []
    base = where or directory()
    for place in sorted(base.iterdir()) if base.is_dir() else []:
        about = place / "run.json"
        if not about.is_file() or not ((place / "end.json").is_file() or time.time() - _touched(place) > PATIENCE):
            continue
        kept = json.loads(about.read_text())
        wire = _wire(kept["project"], kept["url"])
        wire.call("PUT", f"tracked-runs/{kept['id']}", kept["body"])
        sender = Sender(wire, kept["id"], place, place / METRICS, "client", 1)
        sender.send()
        if _tell_end(wire, kept["id"], place):
            shutil.rmtree(place)
            sent.append(kept["id"])
    return sent


def _touched(place: Path) -> float:
    return max(p.stat().st_mtime for p in place.iterdir())


def _tell_end(wire: Wire, run: str, place: Path) -> bool:
    try:
        end = json.loads((place / "end.json").read_text())
    except FileNotFoundError:
        return True  # it was killed: it stays lost
    try:
        wire.call("PATCH", f"tracked-runs/{run}", end)
        return True
    except Error as e:
        if e.kind != "unavailable":
            raise
        return False


def _begin(name: str, experiment: str, project: str) -> Tracked:
    wire = _wire(project, "")
    run = uuid.uuid4().hex
    kind = "notebook" if "ipykernel" in sys.modules else "client"
    body = {"experiment": experiment, "kind": kind, "name": name, "patience_seconds": PATIENCE, "started_at": _now(), "tags": _surroundings()}
    place = directory() / run
    place.mkdir(parents=True, mode=0o700)
    write_json(place / "run.json", {"id": run, "url": wire.url, "project": wire.project, "body": body})
    made = _Begun(wire, run, place, place / METRICS, "client", 1)
    made.begin(body)
    atexit.register(made._at_exit)
    return made


class _Begun(Tracked):
    """One that began here: it is made at the server as soon as that answers."""

    def begin(self, body: Mapping[str, Any]) -> None:
        send = self._sender.send
        made = False

        def first(beat: bool = False) -> None:
            nonlocal made
            if not made:
                self._wire.call("PUT", f"tracked-runs/{self.id}", body)
                made = True
            send(beat)

        try:
            first()
        except Error as e:
            if e.kind != "unavailable":
                shutil.rmtree(self._place, ignore_errors=True)
                raise
        self._sender.send = first  # type: ignore[method-assign]
        self._sender.start()

    def _at_exit(self) -> None:
        failed = getattr(sys, "last_value", None)
        self.end("failed" if failed is not None else "succeeded", f"{type(failed).__name__}: {failed}" if failed is not None else "")


def _of_step() -> Tracked:
    attempt = step.attempt or 1
    wire = Wire(os.environ.get("BINE_API", ""), os.environ.get("BINE_TOKEN", ""), step.project)
    place = outputs.directory
    run = _OfStep(wire, "", place, place / STEP_METRICS, f"attempt-{attempt}", attempt)
    # The items of a batch have files of their own, and a step that is tried by
    # hand no server: then nothing is sent from here.
    if wire.url and wire.key and not os.environ.get("BINE_BATCH"):
        send = run._sender.send

        def first(beat: bool = False) -> None:
            if not run.id:
                run.id = run._sender.run = str(wire.call("POST", "tracked-runs")["id"])
            send(beat)

        run._sender.send = first  # type: ignore[method-assign]
        run._sender.start()
        atexit.register(run.end)
    return run


def _wire(project: str, url: str) -> Wire:
    kept = _context()
    url = url or os.environ.get("BINE_API") or str(kept.get("url") or "")
    key = os.environ.get("BINE_API_KEY") or os.environ.get("BINE_TOKEN") or ""
    if not key and str(kept.get("url") or "").rstrip("/") == url.rstrip("/"):
        key = str(kept.get("key") or "")  # never to another server than the one that it is for
    project = project or os.environ.get("BINE_PROJECT") or str(kept.get("project") or "")
    if not url or not project:
        missing = "server (BINE_API)" if not url else "project (BINE_PROJECT)"
        raise Error(f"nothing says which {missing} to log to: set the variable, or sign in with the CLI (bine login)", kind="invalid")
    return Wire(url, key, project)


def _surroundings() -> dict[str, str]:
    """What is worth knowing of where a run outside ran."""
    import platform

    tags = {"bine.program": os.path.basename(sys.argv[0] or "python"), "bine.python": platform.python_version(), "bine.host": platform.node()}
    return {k: v for k, v in tags.items() if v}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")
