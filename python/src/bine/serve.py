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
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Optional
from urllib.parse import unquote, urlsplit

from . import model as models
from . import tensor
from .errors import Error

LIMIT = 64 << 20  # bytes of one request
GRACE = 10.0  # seconds that requests under way get when the server stops

_STATUS = {"invalid": 400, "unauthenticated": 401, "not_found": 404, "too_large": 413, "unavailable": 503}


@dataclass
class Served:
    """A model as it is served."""

    name: str
    version: str
    about: dict[str, Any] = field(default_factory=dict)
    model: Any = None
    ready: bool = False

    @property
    def inputs(self) -> list[dict[str, Any]]:
        return list((self.about.get("schema") or {}).get("inputs") or [])

    def load(self, directory: str) -> None:
        """Loads the model and lets it predict its example, so that the first request is not the slow one."""
        self.about = models.describe(directory)
        self.model = models.load_model(directory)
        example = self.about.get("example")
        if example is not None:
            models.answer(self.model, tensor.one_row(example, self.inputs), self._positive)
        self.ready = True

    @property
    def _positive(self) -> str:
        return str(self.about.get("positive") or "")

    def metadata(self) -> dict[str, Any]:
        """The protocol's description of the model."""
        schema = self.about.get("schema") or {}
        return {
            "name": self.name,
            "versions": [self.version] if self.version else [],
            "platform": f"bine_{self.about.get('framework', 'python')}",
            "inputs": schema.get("inputs") or [],
            "outputs": schema.get("outputs") or [],
        }

    def infer(self, request: Any) -> dict[str, Any]:
        """Answers a request of the protocol."""
        if not isinstance(request, dict) or not isinstance(request.get("inputs"), list) or not request["inputs"]:
            raise Error('the body must be an object with "inputs", an array of tensors', kind="invalid")
        answers = self._answer(self._rows([tensor.decode(t) for t in request["inputs"]]))
        wanted = request.get("outputs")
        if wanted:
            names = [str(o.get("name")) if isinstance(o, dict) else str(o) for o in wanted]
            for name in names:
                if name not in answers:
                    raise Error(f"the model has no output {name!r}; it has {', '.join(answers)}", kind="invalid")
            answers = {name: answers[name] for name in names}
        out: dict[str, Any] = {"model_name": self.name, "model_version": self.version}
        if request.get("id") is not None:
            out["id"] = request["id"]
        out["outputs"] = [tensor.encode(name, values) for name, values in answers.items()]
        return out

    def predict(self, request: Any) -> dict[str, Any]:
        """Answers ``{"instances": [row, …]}`` with one prediction for each row."""
        rows = request.get("instances") if isinstance(request, dict) else None
        if not isinstance(rows, list) or not rows:
            raise Error('the body must be an object with "instances", an array of rows', kind="invalid")
        answers = self._answer(self._instances(rows))
        if self._positive in answers:
            return {"predictions": [{self._positive: p} for p in tensor.clean(tensor.plain(answers[self._positive]))]}
        return {"predictions": tensor.clean(tensor.plain(answers["predict"]))}

    def _answer(self, rows: Any) -> dict[str, Any]:
        try:
            return models.answer(self.model, rows, self._positive)
        except (ValueError, TypeError, KeyError) as e:
            raise Error(f"the model refuses the input: {e}", kind="invalid") from e

    def _rows(self, tensors: list[tuple[str, str, list[int], list[Any]]]) -> Any:
        if not tensor.named(self.inputs) and len(tensors) == 1:
            name, kind, shape, elements = tensors[0]
            width = len(elements) // shape[0] if shape[0] else 0
            want = (self.inputs[0].get("shape") or [-1])[-1] if self.inputs else -1
            if len(shape) == 1 and want == shape[0]:  # a single row, written without its brackets
                shape, width = [1], shape[0]
            if want not in (-1, width):
                raise Error(f"input {name!r}: rows of {want} numbers are expected, these have {width}", kind="invalid")
            return tensor.array([elements[i * width : (i + 1) * width] for i in range(shape[0])], kind)
        columns: dict[str, list[Any]] = {}
        kinds = {str(i["name"]): str(i.get("datatype")) for i in self.inputs}
        for name, kind, shape, elements in tensors:
            if len(shape) > 2 or (len(shape) == 2 and shape[1] != 1):
                raise Error(f"input {name!r}: shape [n] or [n, 1] is expected, not {shape}", kind="invalid")
            if name in columns:
                raise Error(f"input {name!r} is given twice", kind="invalid")
            if name in kinds and not tensor.compatible(kinds[name], kind):
                raise Error(f"input {name!r} is {kinds[name]}, not {kind}", kind="invalid")
            columns[name] = elements
        lengths = {name: len(v) for name, v in columns.items()}
        if len(set(lengths.values())) > 1:
            raise Error(f"the inputs have different numbers of rows: {lengths}", kind="invalid")
        return self._frame(columns)

    def _instances(self, rows: list[Any]) -> Any:
        if not tensor.named(self.inputs) and all(isinstance(r, list) for r in rows):
            return tensor.array(rows, "FP64")
        names = [str(i["name"]) for i in self.inputs]
        columns: dict[str, list[Any]] = {}
        for n, row in enumerate(rows):
            if isinstance(row, list) and len(row) == len(names):
                row = dict(zip(names, row))
            if not isinstance(row, dict):
                raise Error(f"instance {n} must be an object with the inputs by name", kind="invalid")
            for name in row.keys() | columns.keys():
                if name not in row or (n and name not in columns):
                    raise Error(f"instance {n} has other inputs than the first: {name!r}", kind="invalid")
                columns.setdefault(name, []).append(row[name])
        for i in self.inputs:
            for value in columns.get(str(i["name"]), []):
                if str(i.get("datatype")) == "BYTES" or isinstance(value, str):
                    tensor.check_element(str(i["name"]), str(i.get("datatype")), value)
        return self._frame(columns)

    def _frame(self, columns: dict[str, list[Any]]) -> Any:
        """The columns as a table in the order of the schema."""
        names = [str(i["name"]) for i in self.inputs]
        if not names:
            return tensor.frame(columns, [])
        missing = [n for n in names if n not in columns]
        unknown = [n for n in columns if n not in names]
        if missing or unknown:
            faults = [f"input {n!r} is missing" for n in missing] + [f"the model has no input {n!r}" for n in unknown]
            raise Error("; ".join(faults), kind="invalid")
        return tensor.frame({n: columns[n] for n in names}, self.inputs)


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
