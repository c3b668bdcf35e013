"""Requests to the REST API: identity, errors, and trying again where that is safe."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Callable, Optional, TypeVar
from urllib.parse import quote

from .errors import Error

try:
    import httpx
except ImportError:
    raise Error(
        "outside of a step bine talks to the server through httpx, which is not installed: pip install httpx",
        kind="unavailable",
    ) from None

T = TypeVar("T")

FIRST_WAIT = 0.05  # seconds before the first new try; doubles up to LONGEST_WAIT
LONGEST_WAIT = 2.0


class Transport:
    """One installation as one identity. Safe for use by several threads.

    A request that only reads, or that carries an idempotency key, is sent
    again for ``patience`` seconds while the server does not answer, so that
    following a run goes on after a restart of the server.
    """

    def __init__(self, url: str, key: str = "", patience: float = 120.0, transport: Any = None) -> None:
        if not url.startswith(("http://", "https://")):
            raise Error(f"{url!r} is not the address of a Bine server: write it like http://127.0.0.1:7070", kind="invalid")
        self.url = url.rstrip("/")
        self.patience = patience
        headers = {"User-Agent": "bine-python/0.1.0"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        # Reading waits long: a followed log may be silent. Connecting does not.
        timeout = httpx.Timeout(30.0, connect=5.0, read=120.0)
        self.http = httpx.Client(headers=headers, timeout=timeout, transport=transport)

    def close(self) -> None:
        self.http.close()

    def json(self, method: str, *path: str, safe: Optional[bool] = None, **options: Any) -> Any:
        """Sends a request and decodes the JSON of the answer."""
        answer = self.send(method, *path, safe=safe, **options)
        return answer.json() if answer.content else None

    def send(self, method: str, *path: str, safe: Optional[bool] = None, **options: Any) -> httpx.Response:
        """Sends a request whose whole answer is wanted. ``safe`` says whether it may be sent again."""

        def once() -> httpx.Response:
            answer = self.http.request(method, self.address(*path), **options)
            raise_for(answer)
            return answer

        safe = method in ("GET", "HEAD") if safe is None else safe
        return self.again(once) if safe else self._once(once)

    def again(self, call: Callable[[], T]) -> T:
        """Calls until it succeeds, fails for good, or patience ends."""
        end = time.monotonic() + self.patience
        wait = FIRST_WAIT
        while True:
            try:
                return self._once(call)
            except Error as e:
                if e.kind != "unavailable" or time.monotonic() + wait > end:
                    raise
            time.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)

    def _once(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except httpx.TransportError as e:
            raise self._lost(e) from None

    @contextmanager
    def stream(self, method: str, *path: str, **options: Any) -> Iterator[httpx.Response]:
        """Sends a request whose answer is read as it comes. Losing the connection is an ``unavailable`` error."""
        try:
            with self.http.stream(method, self.address(*path), **options) as answer:
                if answer.status_code >= 400:
                    answer.read()
                raise_for(answer)
                yield answer
        except httpx.TransportError as e:
            raise self._lost(e) from None

    def address(self, *path: str) -> str:
        return f"{self.url}/api/v1/" + "/".join(quote(p, safe="") for p in path)

    def _lost(self, e: Exception) -> Error:
        return Error(f"no answer from {self.url}: {e or type(e).__name__}", kind="unavailable")


def raise_for(answer: httpx.Response) -> None:
    """Raises the error that an answer carries (RFC 9457 with Bine's kind)."""
    if answer.status_code < 400:
        return
    try:
        problem = json.loads(answer.content)
    except ValueError:
        problem = None
    if isinstance(problem, Mapping) and problem.get("kind"):
        message = str(problem.get("detail") or problem.get("title"))
        raise Error(message, str(problem["kind"]), problem.get("errors") or (), answer.status_code)
    kind = "unavailable" if answer.status_code in (502, 503, 504) else "internal"
    raise Error(f"the server answered {answer.status_code} {answer.reason_phrase}", kind, status=answer.status_code)


def pages(transport: Transport, *path: str, params: Optional[Mapping[str, Any]] = None) -> Iterator[Any]:
    """The items of a list that comes in pages."""
    query = dict(params or {})
    while True:
        page = transport.json("GET", *path, params=query)
        yield from page.get("items") or ()
        if not page.get("next"):
            return
        query["after"] = page["next"]
