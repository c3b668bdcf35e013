"""Where what is tracked waits until the server has it.

Everything is first a line of a file, so that neither a server that is away
nor the end of this process loses it; a thread sends what is new. The number
of a line is that of the metric, so that one which is sent twice counts once.
Needs the standard library only.
"""

from __future__ import annotations

import json
import os
import threading
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Optional
from urllib.parse import quote

from .errors import Error

EVERY = 1.0  # seconds between two looks at what is new
BEAT = 20.0  # seconds after which one that has nothing to say shows that it lives
MOST = 5000  # metrics of one report

METRICS = "metrics.jsonl"
ABOUT = "about.jsonl"  # params and tags, one {"params": …, "tags": …} a line


class Wire:
    """Requests to one project, without anything that has to be installed."""

    def __init__(self, url: str, key: str, project: str) -> None:
        self.url, self.key, self.project = url.rstrip("/"), key, project

    def call(self, method: str, path: str, body: Any = None, data: Optional[bytes] = None, timeout: float = 30.0) -> Any:
        """Sends a request below the project; a server that is away is an ``unavailable`` error."""
        address = f"{self.url}/{path}" if path.startswith("mlflow/") else f"{self.url}/api/v1/projects/{quote(self.project)}/{path}"
        content = data if data is not None else None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(address, data=content, method=method)
        request.add_header("Authorization", f"Bearer {self.key}")
        request.add_header("Content-Type", "application/octet-stream" if data is not None else "application/json")
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                text = answer.read()
                return json.loads(text) if text else None
        except urllib.error.HTTPError as e:
            raise _problem(e) from None
        except (urllib.error.URLError, OSError) as e:
            raise Error(f"no answer from {self.url}: {e}", kind="unavailable") from None


def _problem(e: urllib.error.HTTPError) -> Error:
    try:
        problem = json.loads(e.read())
    except ValueError:
        problem = {}
    kind = problem.get("kind") or ("unavailable" if e.code in (429, 502, 503, 504) else "internal")
    return Error(str(problem.get("detail") or problem.get("title") or problem.get("message") or e), kind, status=e.code)


class Lines:
    """A file of JSON lines that grows, read from where it was left."""

    def __init__(self, path: Path) -> None:
        self.path, self.offset, self.number = path, 0, 0
        self._taken: list[tuple[Any, int]] = []

    def next(self, most: int) -> list[Any]:
        """Up to ``most`` lines that were not given yet. One that is not finished waits."""
        try:
            with open(self.path, "rb") as f:
                f.seek(self.offset)
                found = []
                for line in f:
                    if len(found) == most or not line.endswith(b"\n"):
                        break
                    found.append((json.loads(line), len(line)))
        except FileNotFoundError:
            found = []
        self._taken = found
        return [value for value, _ in found]

    def take(self, count: int) -> None:
        """Says that the first of what ``next`` gave have arrived."""
        self.offset += sum(size for _, size in self._taken[:count])
        self.number += count


class Sender:
    """Sends what the files of one tracked run hold, in the background."""

    def __init__(self, wire: Wire, run: str, directory: Path, metrics: Path, source: str, fence: int) -> None:
        self.wire, self.run, self.source, self.fence = wire, run, source, fence
        self.metrics, self.about = Lines(metrics), Lines(directory / ABOUT)
        self.order = "continue"  # what the server said last
        self.refused: Optional[Error] = None  # nothing more is sent after this
        self._said = 0.0
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: Optional[threading.Thread] = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._loop, name="bine-tracking", daemon=True)
        self._thread.start()

    def _loop(self) -> None:
        while not self._stop.is_set():
            try:
                self.send(beat=time.monotonic() - self._said > BEAT)
            except Error as e:
                if e.kind != "unavailable":
                    self.refused = e
                    return
            self._wake.wait(EVERY)
            self._wake.clear()

    def send(self, beat: bool = False) -> None:
        """Sends what is new until nothing is."""
        with self._lock:
            while True:
                metrics, about = self.metrics.next(MOST), self.about.next(100)
                if not metrics and not about and not beat:
                    return
                self._report(metrics, about)
                beat = False

    def _report(self, metrics: list[Any], about: list[Any]) -> None:
        body: dict[str, Any] = {"fence": self.fence, "source": self.source, "params": _merged(about, "params"), "tags": _merged(about, "tags")}
        if metrics:
            body.update(seq=self.metrics.number + 1, metrics=metrics)
        try:
            answer = self.wire.call("POST", f"tracked-runs/{self.run}/reports", body)
        except Error as e:
            if e.kind != "conflict" or not about:
                raise
            # A param that has another value already: what was measured counts all the same.
            warnings.warn(f"bine: {e}", stacklevel=2)
            self.about.take(len(about))
            return
        self._said = time.monotonic()
        self.order = answer.get("do", "continue")
        self.about.take(len(about))
        self.metrics.take(len(metrics))

    def close(self, within: float = 10.0) -> bool:
        """Sends the rest, and says whether all of it has arrived."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(within)
        if self.refused is not None:
            return False
        end = time.monotonic() + within
        while True:
            try:
                self.send()
                return True
            except Error as e:
                if e.kind != "unavailable" or time.monotonic() > end:
                    return False
            time.sleep(0.2)


def _merged(lines: Iterable[Any], name: str) -> dict[str, str]:
    out: dict[str, str] = {}
    for line in lines:
        out.update(line.get(name) or {})
    return out


def directory() -> Path:
    """Where runs outside of steps wait: ``BINE_SPOOL``, or the user's directory of state."""
    given = os.environ.get("BINE_SPOOL")
    if given:
        return Path(given)
    state = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return Path(state) / "bine" / "spool"
