from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import bine
from bine import serve

SCHEMA = {
    "inputs": [
        {"name": "carrier", "datatype": "BYTES", "shape": [-1]},
        {"name": "distance", "datatype": "FP64", "shape": [-1]},
    ],
    "outputs": [],
}


class Lengths:
    """A model that needs no library: it takes whatever has rows."""

    def predict(self, rows):
        return [len(r) for r in rows]


def served(about, model, **known) -> serve.Served:
    return serve.Served("delay", "3", about=about, model=model, ready=True, **known)


class Client:
    def __init__(self, port: int, token: str = ""):
        self.http = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def __call__(self, method, path, body=None, raw=None):
        data = raw if raw is not None else (None if body is None else json.dumps(body).encode())
        self.http.request(method, path, data, self.headers)
        answer = self.http.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None


@pytest.fixture
def start():
    servers = []

    def make(one: serve.Served, token: str = "") -> Client:
        server = serve.Server(("127.0.0.1", 0), one, token)
        servers.append(server)
        import threading

        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return Client(server.server_address[1], token)

    yield make
    for server in servers:
        server.stop()


def tensor_of(name, kind, data):
    return {"name": name, "datatype": kind, "shape": [len(data)], "data": data}


def test_health_and_metadata(start):
    call = start(served({"framework": "python", "schema": SCHEMA}, Lengths()))
    assert call("GET", "/v2/health/live") == (200, {"live": True})
    assert call("GET", "/v2/health/ready")[0] == 200
    assert call("GET", "/v2")[1]["name"] == "bine"
    status, about = call("GET", "/v2/models/delay/versions/3")
    assert status == 200 and about["versions"] == ["3"] and about["inputs"] == SCHEMA["inputs"]
    assert call("GET", "/v2/models/delay/ready")[0] == 200
    assert call("GET", "/v1/models/delay")[1] == {"name": "delay", "ready": True}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/models/other", 404),
        ("GET", "/v2/models/delay/versions/4", 404),
        ("GET", "/nothing", 404),
        ("POST", "/v2/models/other/infer", 404),
        ("POST", "/v2/models/delay", 404),
        ("GET", "/v2/models/delay/infer", 404),
    ],
)
def test_what_is_not_there_is_404_with_a_reason(start, method, path, status):
    call = start(served({"schema": SCHEMA}, Lengths()))
    got, answer = call(method, path, {} if method == "POST" else None)
    assert got == status and answer["error"]


def test_rows_of_numbers_are_predicted_flat_or_nested_and_the_id_comes_back(start):
    call = start(served({"schema": {"inputs": [{"name": "input", "datatype": "FP64", "shape": [-1, 2]}]}}, Lengths()))
    for data in ([1, 2, 3, 4], [[1, 2], [3, 4]]):
        body = {"id": "abc", "inputs": [{"name": "input", "datatype": "FP64", "shape": [2, 2], "data": data}]}
        status, answer = call("POST", "/v2/models/delay/infer", body)
        assert status == 200, answer
        assert answer["id"] == "abc" and answer["model_name"] == "delay" and answer["model_version"] == "3"
        assert answer["outputs"] == [{"name": "predict", "datatype": "INT64", "shape": [2], "data": [2, 2]}]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([tensor_of("carrier", "BYTES", ["UA"])], "input 'distance' is missing"),
        ([tensor_of("carrier", "BYTES", ["UA"]), tensor_of("distanc", "FP64", [1])], "no input 'distanc'"),
        ([tensor_of("carrier", "FP64", [1.0]), tensor_of("distance", "FP64", [1])], "input 'carrier' is BYTES, not FP64"),
        ([tensor_of("carrier", "BYTES", ["UA"]), tensor_of("distance", "FP64", ["far"])], "'far' is not FP64"),
        ([tensor_of("carrier", "BYTES", ["UA"]), tensor_of("distance", "FP64", [1, 2])], "different numbers of rows"),
        ([{"name": "carrier", "datatype": "BYTES", "shape": [2], "data": ["UA"]}], "takes 2 elements, data has 1"),
        ([{"name": "carrier", "datatype": "TEXT", "shape": [1], "data": ["UA"]}], "datatype 'TEXT' is not one of"),
        ([{"name": "carrier"}], "datatype None"),
        ("x", 'with "inputs"'),
    ],
)
def test_a_wrong_input_is_400_and_named(start, inputs, message):
    call = start(served({"schema": SCHEMA}, Lengths()))
    status, answer = call("POST", "/v2/models/delay/infer", {"inputs": inputs})
    assert status == 400 and message in answer["error"]


def test_a_body_that_is_no_json_is_400_and_the_connection_goes_on(start):
    call = start(served({"schema": SCHEMA}, Lengths()))
    assert call("POST", "/v2/models/delay/infer", raw=b"{")[0] == 400
    assert call("GET", "/v2/health/live")[0] == 200


def test_a_chunked_body_is_read(start):
    call = start(served({}, Lengths()))
    text = json.dumps({"inputs": [{"name": "input", "datatype": "FP64", "shape": [1, 3], "data": [1, 2, 3]}]}).encode()
    call.http.request("POST", "/v2/models/delay/infer", iter([text[:10], text[10:]]), encode_chunked=True,
                      headers={"Transfer-Encoding": "chunked"})
    assert call.http.getresponse().status == 200


def test_requests_need_the_token_but_health_does_not(start):
    call = start(served({}, Lengths()), token="secret")
    assert call("GET", "/v2/models/delay")[0] == 200
    call.headers = {"Authorization": "Bearer wrong"}
    assert call("GET", "/v2/models/delay")[0] == 401
    call.headers = {}
    assert call("GET", "/v2/models/delay")[0] == 401
    assert call("GET", "/v2/health/ready")[0] == 200


def test_a_fault_of_the_model_is_500_with_its_words(start):
    class Broken:
        def predict(self, rows):
            raise RuntimeError("out of cheese")

    call = start(served({}, Broken()))
    body = {"inputs": [{"name": "input", "datatype": "FP64", "shape": [1, 1], "data": [1]}]}
    status, answer = call("POST", "/v2/models/delay/infer", body)
    assert status == 500 and "out of cheese" in answer["error"]


def test_a_table_with_missing_values_reaches_the_model_in_the_schemas_order(start):
    pandas = pytest.importorskip("pandas")
    seen = []

    class Table:
        def predict(self, rows):
            seen.append(rows)
            return rows["distance"].fillna(-1).to_numpy()

        def predict_proba(self, rows):
            return [[0.25, 0.75]] * len(rows)

    call = start(served({"schema": SCHEMA, "positive": "delayed"}, Table()))
    body = {"inputs": [tensor_of("distance", "FP64", [None, 2]), tensor_of("carrier", "BYTES", ["UA", None])]}
    status, answer = call("POST", "/v2/models/delay/infer", body)
    assert status == 200, answer
    outputs = {o["name"]: o for o in answer["outputs"]}
    assert outputs["predict"]["data"] == [-1.0, 2.0]
    assert outputs["probability"] == {"name": "probability", "datatype": "FP64", "shape": [2, 2], "data": [0.25, 0.75, 0.25, 0.75]}
    assert outputs["delayed"]["data"] == [0.75, 0.75]
    assert list(seen[0].columns) == ["carrier", "distance"] and isinstance(seen[0], pandas.DataFrame)

    body["outputs"] = [{"name": "delayed"}]
    assert [o["name"] for o in call("POST", "/v2/models/delay/infer", body)[1]["outputs"]] == ["delayed"]
    body["outputs"] = [{"name": "nope"}]
    assert call("POST", "/v2/models/delay/infer", body)[0] == 400

    rows = {"instances": [{"carrier": "UA", "distance": 1}, {"carrier": "AA", "distance": None}]}
    assert call("POST", "/v1/models/delay:predict", rows) == (200, {"predictions": [{"delayed": 0.75}] * 2})
    status, answer = call("POST", "/v1/models/delay:predict", {"instances": [{"carrier": "UA"}]})
    assert status == 400 and "input 'distance' is missing" in answer["error"]


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_until(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def answers(port: int) -> bool:
    try:
        return Client(port)("GET", "/v2/health/ready")[0] == 200
    except OSError:
        return False


def test_the_program_serves_a_saved_model_and_ends_on_sigterm(step_dir, tmp_path):
    step_dir()
    directory = bine.save_model(len, "model")  # any callable that pickles
    port = free_port()
    env = dict(os.environ, BINE_SERVE_MODEL=str(directory), BINE_SERVE_PORT=str(port), BINE_SERVE_NAME="m",
               PYTHONPATH=str(Path(bine.__file__).parents[1]))
    process = subprocess.Popen([sys.executable, "-m", "bine.serve"], env=env, stdout=subprocess.PIPE)
    try:
        wait_until(lambda: answers(port))
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()


def test_a_model_that_does_not_load_ends_the_program_with_the_reason(tmp_path):
    env = dict(os.environ, BINE_SERVE_MODEL=str(tmp_path), PYTHONPATH=str(Path(bine.__file__).parents[1]))
    done = subprocess.run([sys.executable, "-m", "bine.serve"], env=env, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and "model.json is missing" in done.stderr
