"""The model server: ``python -m bine.serve``.

It answers the REST form of the Open Inference Protocol v2 and, because it is
easy to write by hand, ``POST /v1/models/{model}:predict`` with ``instances``.
Standard library only, besides what the model itself needs.

Environment: ``BINE_SERVE_MODEL`` (directory of ``save_model``),
``BINE_SERVE_PORT``, ``BINE_SERVE_NAME``, ``BINE_SERVE_VERSION``,
``BINE_SERVE_TOKEN`` (what requests must carry as ``Authorization: Bearer``;
health needs none), ``BINE_SERVE_BIND`` (127.0.0.1).
"""

from __future__ import annotations

import hmac
import json
import os
import re
import signal
import sys
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Optional
from urllib.parse import unquote, urlsplit

from .errors import Error
from .served import Served

LIMIT = 64 << 20  # bytes of one request
GRACE = 10.0  # seconds that requests under way get when the server stops

_STATUS = {"invalid": 400, "unauthenticated": 401, "not_found": 404, "too_large": 413, "unavailable": 503}


class Server(ThreadingHTTPServer):
    """An HTTP server that knows how many requests are under way."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], served: Served, token: str) -> None:
        self.served = served
        self.token = token
        self.stopping = False
        self._active = 0
        self._idle = threading.Condition()
        super().__init__(address, Handler)

    def enter_request(self) -> None:
        with self._idle:
            self._active += 1

    def leave_request(self) -> None:
        with self._idle:
            self._active -= 1
            self._idle.notify_all()

    def stop(self, grace: float = GRACE) -> None:
        """Takes no more connections and waits for the requests under way."""
        self.stopping = True
        self.shutdown()
        self.server_close()
        with self._idle:
            self._idle.wait_for(lambda: self._active == 0, grace)


_MODEL = re.compile(r"/v2/models/(?P<name>[^/]+)(/versions/(?P<version>[^/]+))?(?P<rest>/ready|/infer)?")
_V1 = re.compile(r"/v1/models/(?P<name>[^/:]+)(?P<rest>:predict)?")


class Handler(BaseHTTPRequestHandler):
    """Maps the paths of both protocols."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "bine"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = 64 << 10  # headers and body leave in one write
    timeout = 300  # seconds that an idle connection is kept

    def do_GET(self) -> None:
        self._handle(self._get)

    def do_POST(self) -> None:
        self._handle(self._post)

    def _handle(self, route: Callable[[str, Any], tuple[int, Any]]) -> None:
        self.server.enter_request()
        try:
            try:
                body = self._body()
                path = unquote(urlsplit(self.path).path)
                if not path.startswith("/v2/health/"):
                    self._authorize()
                status, answer = route(path, body)
            except Error as e:
                status, answer = _STATUS.get(e.kind, 500), {"error": e.message}
            except (ConnectionError, TimeoutError):
                self.close_connection = True
                return
            except Exception as e:
                traceback.print_exc()
                status, answer = 500, {"error": f"{type(e).__name__}: {e}"}
            self._send(status, answer)
        finally:
            self.server.leave_request()

    def _authorize(self) -> None:
        if self.server.token:
            given = self.headers.get("Authorization", "")
            if not hmac.compare_digest(given.encode(), f"Bearer {self.server.token}".encode()):
                raise Error("the request carries no valid token", kind="unauthenticated")

    def _get(self, path: str, _: Any) -> tuple[int, Any]:
        served, serving = self.server.served, self.server.served.ready and not self.server.stopping
        if path == "/v2":
            return 200, {"name": "bine", "version": "0.1.0", "extensions": []}
        if path == "/v2/health/live":
            return 200, {"live": True}
        if path == "/v2/health/ready":
            return (200 if serving else 503), {"ready": serving}
        if path == "/v1/models":
            return 200, {"models": [served.name]}
        match = _MODEL.fullmatch(path) or _V1.fullmatch(path)
        if match is None or match["rest"] in ("/infer", ":predict"):
            raise Error(f"there is nothing to GET at {path}", kind="not_found")
        self._find(match)
        if match["rest"] == "/ready":
            return (200 if serving else 503), {"name": served.name, "ready": serving}
        if path.startswith("/v1/"):
            return 200, {"name": served.name, "ready": serving}
        return 200, served.metadata()

    def _post(self, path: str, body: Any) -> tuple[int, Any]:
        match = _MODEL.fullmatch(path) or _V1.fullmatch(path)
        if match is None or match["rest"] not in ("/infer", ":predict"):
            raise Error(f"there is nothing to POST to at {path}", kind="not_found")
        self._find(match)
        if not self.server.served.ready:
            raise Error("the model is still loading", kind="unavailable")
        try:
            request = json.loads(body)
        except ValueError as e:
            raise Error(f"the body is not JSON: {e}", kind="invalid") from None
        served = self.server.served
        return 200, served.infer(request) if match["rest"] == "/infer" else served.predict(request)

    def _find(self, match: "re.Match[str]") -> None:
        served = self.server.served
        if match["name"] != served.name:
            raise Error(f"no model {match['name']!r} is served here, only {served.name!r}", kind="not_found")
        version = match.groupdict().get("version")
        if version and version != served.version:
            raise Error(f"version {version} of {served.name!r} is not served here, only {served.version}", kind="not_found")

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._chunks()
        try:
            length = int(self.headers.get("Content-Length") or 0)
        except ValueError:
            length = -1
        if length < 0 or length > LIMIT:
            self.close_connection = True
            raise Error(f"a request may have {LIMIT} bytes", kind="too_large")
        return self.rfile.read(length) if length else b""

    def _chunks(self) -> bytes:
        out = bytearray()
        while True:
            try:
                size = int(self.rfile.readline(100).split(b";")[0], 16)
            except ValueError:
                self.close_connection = True
                raise Error("the chunked body is malformed", kind="invalid") from None
            if size < 0 or len(out) + size > LIMIT:
                self.close_connection = True
                raise Error(f"a request may have {LIMIT} bytes", kind="too_large")
            out += self.rfile.read(size)
            while self.rfile.readline(8192) not in (b"\r\n", b"\n", b""):
                pass  # trailers
            if size == 0:
                return bytes(out)

    def _send(self, status: int, answer: Any) -> None:
        text = json.dumps(answer, ensure_ascii=False, allow_nan=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        if self.server.stopping or self.close_connection:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(text)
        try:
            self.wfile.flush()
        except ConnectionError:
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Keeps quiet: the platform's router keeps the record of requests."""


def main(environ: Optional[dict[str, str]] = None) -> int:
    """Serves until it is told to stop by SIGTERM; gives the exit code."""
    env = dict(os.environ) if environ is None else environ
    directory = env.get("BINE_SERVE_MODEL", "")
    if not directory:
        print("bine.serve: BINE_SERVE_MODEL must name the directory of a model", file=sys.stderr)
        return 2
    address = env.get("BINE_SERVE_BIND") or "127.0.0.1", int(env.get("BINE_SERVE_PORT") or 0)
    served = Served(env.get("BINE_SERVE_NAME") or "model", env.get("BINE_SERVE_VERSION") or "")
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    try:
        server = Server(address, served, env.get("BINE_SERVE_TOKEN", ""))
    except OSError as e:
        print(f"bine.serve: listen on {address[0]}:{address[1]}: {e}", file=sys.stderr)
        return 1
    threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
    began = time.monotonic()
    try:
        served.load(directory)
    except Exception:
        traceback.print_exc()
        print(f"bine.serve: the model in {directory} does not load", file=sys.stderr)
        return 1
    took = time.monotonic() - began
    print(f"serving {served.name} at {address[0]}:{server.server_port}, loaded in {took:.1f}s", flush=True)
    stop.wait()
    server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
