from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest

import bine

httpx = pytest.importorskip("httpx")

from bine.client import Client  # noqa: E402
from bine.stored import store  # noqa: E402
from bine.transport import Transport  # noqa: E402


class Fake:
    """Answers requests from a list of (method, path, answer); an answer may be an exception, or several in turn."""

    def __init__(self, **routes):
        self.seen: list = []
        self.routes = {}

    def on(self, method, path, *answers):
        self.routes[method, f"/api/v1/{path}"] = list(answers)
        return self

    def __call__(self, request):
        path = request.url.raw_path.decode().split("?")[0]
        self.seen.append((request.method, path, dict(request.url.params), request.read(), dict(request.headers)))
        answers = self.routes.get((request.method, path))
        if not answers:
            return httpx.Response(404, json={"kind": "not_found", "title": "no such thing"})
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)

    def bodies(self, path):
        return [json.loads(body) for _, p, _, body, _ in self.seen if p == f"/api/v1/{path}" and body]


LOST = httpx.ReadError("connection reset")


@pytest.fixture
def fake():
    return Fake()


@pytest.fixture
def client(fake):
    with Client(Transport("http://bine.test", "bine_k", patience=5, transport=httpx.MockTransport(fake))) as c:
        yield c


def run_in(state, **more):
    return {"id": "flights-1", "state": state, "params": {}, **more}


def test_a_request_carries_the_key(fake, client):
    fake.on("GET", "projects", [{"name": "demo"}])
    assert client.projects() == ["demo"]
    assert fake.seen[0][4]["authorization"] == "Bearer bine_k"


def test_an_error_carries_kind_details_and_status(fake, client):
    problem = {
        "status": 422, "kind": "invalid", "title": "Unprocessable", "detail": "the pipeline has 1 fault",
        "errors": [{"message": "unknown key nedes", "location": "steps.train", "line": 7, "column": 3}],
    }
    fake.on("GET", "projects/demo", httpx.Response(422, json=problem))
    with pytest.raises(bine.Error) as caught:
        client.project("demo").info()
    error = caught.value
    assert (error.kind, error.status, error.details[0]["line"]) == ("invalid", 422, 7)
    assert "steps.train line 7: unknown key nedes" in str(error)


def test_reading_goes_on_after_the_connection_was_lost(fake, client):
    busy = httpx.Response(503, text="starting")
    fake.on("GET", "projects/demo/runs/flights-1", LOST, busy, run_in("succeeded"))
    assert client.project("demo").run("flights-1").ok
    assert len(fake.seen) == 3


def test_what_may_not_be_repeated_is_not(fake, client):
    fake.on("POST", "projects", LOST, {"name": "x"})
    with pytest.raises(bine.Error, match="no answer from http://bine.test"):
        client.create_project("x")
    assert len(fake.seen) == 1


def test_starting_is_repeated_under_one_key(fake, client):
    fake.on("POST", "projects/demo/pipelines/flights/runs", LOST, run_in("pending"))
    run = client.project("demo").pipeline("flights").start({"sample": 0.1})
    first, second = fake.bodies("projects/demo/pipelines/flights/runs")
    assert run.id == "flights-1" and first == second and first["key"] and first["params"] == {"sample": 0.1}

    client.project("demo").pipeline("flights").start(key="mine", version=3, cache=False)
    assert fake.bodies("projects/demo/pipelines/flights/runs")[-1] == {"params": {}, "key": "mine", "version": 3, "no_cache": True}


def test_patience_ends(fake):
    fake.on("GET", "version", LOST)
    impatient = Client(Transport("http://bine.test", patience=0.2, transport=httpx.MockTransport(fake)))
    with pytest.raises(bine.Error) as caught:
        impatient.version()
    assert caught.value.kind == "unavailable" and len(fake.seen) > 1


def test_wait_passes_on_the_logs_of_all_steps(fake, client):
    base = "projects/demo/runs/flights-1"
    train = {"name": "train", "state": "running", "attempts": 1, "items": 1}
    item = {"name": "train", "item": "a", "state": "running", "attempts": 1}
    fake.on("GET", base, run_in("running"), LOST, run_in("running"), run_in("failed", reason="train failed"))
    fake.on("GET", f"{base}/steps", [{"name": "ingest", "state": "succeeded", "attempts": 1}, train])
    fake.on("GET", f"{base}/steps/train/items", {"items": [item]}, {"items": [{**item, "state": "failed"}]})
    text = b"one\ntwo\nthr"

    def logs(request):
        if request.url.path.endswith("/logs"):
            offset, step = int(request.url.params["offset"]), request.url.params["step"]
            whole = text if step == "train" else b"read 5 rows\n"
            return httpx.Response(200, content=whole[offset:])
        return fake(request)

    c = Client(Transport("http://bine.test", patience=5, transport=httpx.MockTransport(logs)))
    said, states = [], []
    run = c.project("demo").run("flights-1").wait(timeout=20, on_log=said.append, on_change=lambda r: states.append(r.state))
    assert run.state == "failed" and run.reason == "train failed" and not run.ok
    assert said == ["ingest: read 5 rows", "train[a]: one", "train[a]: two", "train[a]: thr"]
    assert states == ["running", "failed"]


def test_wait_ends_at_its_timeout(fake, client):
    fake.on("GET", "projects/demo/runs/flights-1", run_in("running"))
    with pytest.raises(TimeoutError, match="flights-1 is running"):
        client.project("demo").run("flights-1").wait(timeout=0.2)


def test_a_followed_log_resumes_where_it_was_cut(client):
    class Cut(httpx.SyncByteStream):
        def __iter__(self):
            yield "one\nzw\u00f6".encode()[:7]
            raise LOST

    offsets = []

    def answer(request):
        if request.url.path.endswith("/logs"):
            offsets.append(int(request.url.params["offset"]))
            rest = "one\nzw\u00f6lf\nend".encode()[offsets[-1]:]
            return httpx.Response(200, stream=Cut()) if len(offsets) == 1 else httpx.Response(200, content=rest)
        return httpx.Response(200, json=run_in("running"))

    c = Client(Transport("http://bine.test", patience=5, transport=httpx.MockTransport(answer)))
    assert list(c.project("demo").run("flights-1").logs("train", follow=True)) == ["one", "zw\u00f6lf", "end"]
    assert offsets == [0, 7]


def test_lists_come_in_pages(fake, client):
    fake.on("GET", "projects/demo/files", {"items": [{"path": "a", "name": "a", "new": 1}], "next": "a"}, {"items": [{"path": "b", "name": "b"}]})
    assert [f.name for f in client.project("demo").files.list("/")] == ["a", "b"]
    assert fake.seen[1][2]["after"] == "a"


def test_files_are_written_and_read_under_escaped_paths(fake, client, tmp_path):
    files = client.project("demo").files
    fake.on("PUT", "projects/demo/files/Resources/a%20b%3F.csv", {"path": "Resources/a b?.csv", "size": 3})
    fake.on("GET", "projects/demo/files/Resources/a%20b%3F.csv", httpx.Response(200, content=b"x,y"))
    (tmp_path / "a b?.csv").write_bytes(b"x,y")
    assert files.upload(tmp_path / "a b?.csv").size == 3
    assert files.write("Resources/a b?.csv", "x,y").size == 3
    assert files.read_text("/Resources/a b?.csv") == "x,y"
    assert files.download("Resources/a b?.csv", tmp_path / "copy").read_bytes() == b"x,y"
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["a b?.csv", "copy"]


def test_a_file_has_one_writer(fake, client, monkeypatch):
    lease = {"path": "Resources/log", "id": 7, "epoch": 2**62 + 1, "size": 4, "holder": "h", "by": "demo__ann"}
    monkeypatch.setattr("bine.lease.RENEW", 0.01)
    path = "projects/demo/leases/Resources/log"
    fake.on("PUT", path, lease).on("PATCH", path, lease).on("DELETE", path, httpx.Response(204))
    fake.on("POST", "projects/demo/appends/Resources/log", LOST, {"path": "Resources/log", "size": 7})
    fake.on("PUT", "projects/demo/files/Resources/log", {"path": "Resources/log", "size": 1})
    fake.on("POST", "projects/demo/files/Resources/log", {"path": "Resources/log", "size": 0})
    files = client.project("demo").files
    with files.lease("/Resources/log") as log:
        assert log.append("two").size == log.size == 7
        assert log.write(b"x").size == log.size == 1
        assert log.truncate(0).size == log.size == 0
        renewed = lambda: [s for s in fake.seen if s[0] == "PATCH"]  # noqa: E731
        while not renewed():
            pass
    offsets = [(s[2]["offset"], s[2]["lease"]) for s in fake.seen if "/appends/" in s[1]]
    assert offsets == [("4", str(2**62 + 1))] * 2
    assert json.loads(renewed()[0][3]) == {"id": 7, "epoch": 2**62 + 1}
    assert fake.seen[-1][0] == "DELETE" and fake.seen[-1][2] == {"id": "7", "epoch": str(2**62 + 1)}
    with pytest.raises(bine.Error, match="has ended"):
        log.append(b"late")
    fake.on("PUT", path, httpx.Response(423, json={"kind": "leased", "title": "h is writing it"}))
    with pytest.raises(bine.Error) as refused, files.lease("Resources/log"):
        pass
    assert refused.value.kind == "leased"
    fake.on("GET", path, lease).on("POST", path, lease)
    assert files.lease_of("Resources/log").holder == files.recover_lease("Resources/log").holder == "h"


def test_storing_a_pipeline_uploads_the_files_that_are_missing(fake, client, tmp_path):
    (tmp_path / "p.yml").write_text("name: p")
    (tmp_path / "train.py").write_text("print(1)")
    base = "projects/demo"
    fake.on("POST", f"{base}/pipelines/check", {"name": "p", "files": ["train.py"]})
    digest = "6e6a5a3c5b7ba4a9b6e5a55f2a5b0e0a"
    fake.on("POST", f"{base}/artifacts/missing", [])
    fake.on("POST", f"{base}/artifacts/manifests", {"hash": digest})
    fake.on("POST", f"{base}/pipelines", {"pipeline": "p", "version": 1})
    assert store(client.transport, "demo", tmp_path / "p.yml").name == "p"
    assert fake.seen[-1][2] == {"code": digest}
    ((entry,),) = fake.bodies(f"{base}/artifacts/manifests")
    assert (entry["path"], entry["size"]) == ("train.py", 8)

    fake.on("POST", f"{base}/pipelines/check", {"faults": [{"message": "a cycle", "line": 3}]})
    with pytest.raises(bine.Error, match="line 3: a cycle"):
        client.project("demo").store(tmp_path / "p.yml")


def test_predict_takes_rows_and_tables(fake, client):
    fake.on("POST", "projects/demo/deployments/delay/predict", {"predictions": [{"delayed": 0.3}]})
    delay = client.project("demo").deployment("delay")
    assert delay.predict({"carrier": "UA", "temp": float("nan")}) == [{"delayed": 0.3}]
    assert fake.bodies("projects/demo/deployments/delay/predict")[0] == {"instances": [{"carrier": "UA", "temp": None}]}
    pandas = pytest.importorskip("pandas")
    delay.predict(pandas.DataFrame({"carrier": ["UA", None], "n": [1, 2]}))
    assert fake.bodies("projects/demo/deployments/delay/predict")[-1]["instances"][1] == {"carrier": None, "n": 2}


def test_login_looks_at_arguments_environment_and_configuration_in_this_order(tmp_path, monkeypatch):
    for name in ("BINE_API", "BINE_API_KEY", "BINE_TOKEN", "BINE_PROJECT", "BINE_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with pytest.raises(bine.Error, match="no server is named"):
        bine.login()
    monkeypatch.setenv("BINE_CONFIG", str(tmp_path / "bine" / "config.json"))
    (tmp_path / "bine").mkdir()
    context = {"url": "http://kept:1", "key": "bine_kept", "project": "demo"}
    (tmp_path / "bine" / "config.json").write_text(json.dumps({"current": "x", "contexts": {"x": context}}))
    kept = bine.login()
    assert kept.transport.url == "http://kept:1" and kept.project().name == "demo"
    assert kept.transport.http.headers["authorization"] == "Bearer bine_kept"
    other = bine.login("http://other:2")
    assert "authorization" not in other.transport.http.headers, "a kept key must not go to another server"
    monkeypatch.setenv("BINE_API", "http://env:3")
    monkeypatch.setenv("BINE_TOKEN", "job")
    assert bine.login().transport.http.headers["authorization"] == "Bearer job"
    monkeypatch.setenv("BINE_API_KEY", "bine_env")
    assert bine.login().transport.http.headers["authorization"] == "Bearer bine_env"
    assert bine.login(key="bine_arg").transport.http.headers["authorization"] == "Bearer bine_arg"


def test_answers_backfills_and_continuations_have_the_names_of_the_api(fake, client):
    project = client.project("demo")
    fake.on("GET", "projects/demo/runs/flights-1", run_in("failed"))
    run = project.run("flights-1")
    base = "projects/demo/runs/flights-1"
    fake.on("POST", f"{base}/approvals/ask/answer", LOST, {"state": "approved", "step": "ask", "new_field": 1})
    assert run.approve("ask", {"share": 5}, note="ok", item="a").state == "approved"
    assert fake.bodies(f"{base}/approvals/ask/answer")[-1] == {"approve": True, "values": {"share": 5}, "note": "ok"}
    assert fake.seen[-1][2] == {"item": "a"}
    run.reject("ask")
    assert fake.bodies(f"{base}/approvals/ask/answer")[-1] == {"approve": False}

    fake.on("POST", f"{base}/continuation", {"of": "flights-1", "version": 2, "steps": [{"step": "a", "runs": True, "why": "it failed"}]})
    plan = run.plan(["a"], version=2, params={"n": 1})
    assert (plan.version, plan.steps[0].why) == (2, "it failed")
    assert fake.bodies(f"{base}/continuation") == [{"from": ["a"], "version": 2, "params": {"n": 1}}]
    fake.on("POST", f"{base}/continue", LOST, {**run_in("pending"), "id": "flights-2"})
    assert run.go_on("a").id == "flights-2"
    first, second = fake.bodies(f"{base}/continue")
    assert first == second and first["from"] == ["a"] and first["key"]
    fake.on("GET", f"{base}/comparison", {"params": []})
    run.compare("flights-0")
    assert fake.seen[-1][2] == {"with": "flights-0"}
    fake.on("GET", f"{base}/notices", [{"event": "failure", "to": "chat.example.com"}])
    assert run.notices()[0].event == "failure"


def test_a_backfill_is_planned_started_and_steered(fake, client):
    flights = client.project("demo").pipeline("flights")
    fake.on("POST", "projects/demo/pipelines/flights/backfills", {"id": "b-1", "state": "running", "all": [{"key": "x", "state": "pending"}]})
    start = datetime(2026, 1, 1, tzinfo=timezone.utc)
    backfill = flights.backfill(start, "2026-01-31T00:00:00Z", cap=3, mode="all")
    (body,) = fake.bodies("projects/demo/pipelines/flights/backfills")
    key = body.pop("key")
    assert key and body == {"mode": "all", "order": "oldest", "cap": 3, "from": "2026-01-01T00:00:00+00:00", "to": "2026-01-31T00:00:00Z"}
    assert [s.key for s in flights.plan_backfill(partitions=["x"], param="shop")] == ["x"]
    assert fake.bodies("projects/demo/pipelines/flights/backfills")[-1]["dry_run"] is True
    for verb, state in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelling")):
        fake.on("POST", f"projects/demo/backfills/b-1/{verb}", {"id": "b-1", "state": state})
        assert getattr(backfill, verb)().state == state
    fake.on("GET", "projects/demo/backfills/b-1", {"id": "b-1", "state": "running"}, {"id": "b-1", "state": "cancelled", "slots": {"succeeded": 1}})
    assert backfill.wait(timeout=30).counts == {"succeeded": 1}
    fake.on("GET", "projects/demo/backfills/b-1", {"id": "b-1", "state": "paused"})
    with pytest.raises(TimeoutError, match="paused after 0"):
        backfill.wait(timeout=0)
    fake.on("POST", "projects/demo/pipelines/flights/triggers/1/pause", {"number": 1, "paused": True})
    assert flights.pause_trigger(1).paused
    fake.on("GET", "projects/demo/schedules/nightly/ticks", [{"at": "2026-01-01T00:00:00Z", "state": "missed"}])
    assert client.project("demo").ticks("nightly", last=1)[0].state == "missed" and fake.seen[-1][2] == {"last": "1"}


def test_requirements_are_met_by_a_version_that_has_them_or_by_a_new_one(fake, client):
    from bine.requirements import ensure

    project = client.project("demo")
    versions = [{"version": 3, "state": "failed", "requires": ["pandas"]}, {"version": 2, "state": "ready", "requires": ["Pandas>=2", "scikit_learn"]}]
    fake.on("GET", "projects/demo/environments", versions)
    assert ensure(project, ["pandas", "scikit-learn"]) == 2
    fake.on("POST", "projects/demo/environments", {"version": 4, "state": "building"})
    fake.on("GET", "projects/demo/environments/4", {"version": 4, "state": "ready"})
    assert ensure(project, ["pandas>=3"]) == 4
    assert fake.bodies("projects/demo/environments")[-1] == {"add": ["pandas>=3"], "remove": []}
    fake.on("GET", "projects/demo/environments/4", {"version": 4, "state": "failed", "reason": "no such package"})
    with pytest.raises(bine.Error, match="no such package"):
        ensure(project, ["pandsa"])
