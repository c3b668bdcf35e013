"""Against a real server: BINE_TEST_API says where it is, BINE_TEST_KEY is a key of somebody who may make projects.

BINE_TEST_PROJECT names a ready project to use; without it one without packages is made.
BINE_TEST_REQUIRED=1 makes it a fault if no server is given.
"""

from __future__ import annotations

import os
import textwrap
import time
import uuid

import pytest

import bine

API, KEY = os.environ.get("BINE_TEST_API", ""), os.environ.get("BINE_TEST_KEY", "")


def test_a_server_is_given_where_it_must_be():
    assert API or not os.environ.get("BINE_TEST_REQUIRED"), "BINE_TEST_API is not set"


needs_server = pytest.mark.skipif(not API, reason="BINE_TEST_API is not set")


@pytest.fixture(scope="module")
def project():
    with bine.login(API, KEY) as client:
        name = os.environ.get("BINE_TEST_PROJECT") or f"py{uuid.uuid4().hex[:8]}"
        if name not in client.projects():
            client.create_project(name)
        yield client.project(name).wait()


@pytest.fixture(scope="module")
def pipeline(project, tmp_path_factory):
    directory = tmp_path_factory.mktemp("pipeline")
    (directory / "count.py").write_text(
        textwrap.dedent("""
            from bine import log_metric, outputs, params

            for n in range(params.rows):
                print("row", n, flush=True)
                log_metric("n", n, step=n)
            outputs["rows"] = params.rows
            outputs.path("table").write_text("x\\n" * params.rows)
        """)
    )
    (directory / "pipeline.yml").write_text(
        textwrap.dedent("""
            name: pyclient
            params:
              rows: {type: int, default: 2}
            steps:
              count:
                python: count.py
                with: {rows: "${{ params.rows }}"}
                outputs: {rows: int, table: artifact}
        """)
    )
    return project.store(directory / "pipeline.yml")


@needs_server
def test_identity_and_version():
    with bine.login(API, KEY) as client:
        assert client.me()["user"] and client.version()


@needs_server
def test_files_come_back_as_they_were_written(project, tmp_path):
    files = project.files
    name = f"Resources/{uuid.uuid4().hex} ä.txt"
    files.write(name, "hello, world")
    assert files.read_text(name) == "hello, world" and files.read(name, 7, 5) == b"world"
    assert name.split("/")[1] in [f.name for f in files.list("Resources")]
    assert files.stat(name).size == 12
    assert files.download(name, tmp_path / "copy").read_text() == "hello, world"
    with pytest.raises(bine.Error) as caught:
        files.write(name, "again", overwrite=False)
    assert caught.value.kind == "conflict"
    files.remove(name, trash=True)
    with pytest.raises(bine.Error) as caught:
        files.read(name)
    assert caught.value.kind == "not_found"


@needs_server
def test_a_run_is_started_once_and_followed_to_its_end(project, pipeline):
    key, said = uuid.uuid4().hex, []
    run = pipeline.start({"rows": 3}, key=key, cache=False)
    assert pipeline.start({"rows": 3}, key=key, cache=False).id == run.id
    run.wait(timeout=120, on_log=said.append)
    assert run.ok, run.reason
    assert said == [f"count: row {n}" for n in range(3)]
    step = run.step("count")
    assert step.values == {"rows": 3} and step.artifacts["table"]["size"] == 6
    assert [m.value for m in run.metrics("count")] == [0, 1, 2]
    assert list(run.logs("count", follow=True)) == ["row 0", "row 1", "row 2"]
    assert run.id in [r.id for r in pipeline.runs()]


@needs_server
def test_a_parameter_of_the_wrong_type_is_refused_with_its_place(pipeline):
    with pytest.raises(bine.Error) as caught:
        pipeline.start({"rows": "many"})
    assert caught.value.kind == "invalid" and "rows" in str(caught.value)


@needs_server
def test_a_pipeline_with_faults_is_refused_line_by_line(project, tmp_path):
    (tmp_path / "bad.yml").write_text("name: bad\nsteps:\n  a:\n    pyton: a.py\n")
    with pytest.raises(bine.Error) as caught:
        project.store(tmp_path / "bad.yml")
    assert caught.value.kind == "invalid" and any(d.get("line") for d in caught.value.details)


@needs_server
def test_a_run_can_be_cancelled(project, tmp_path):
    (tmp_path / "p.yml").write_text('name: pysleep\nsteps:\n  nap:\n    command: [sleep, "300"]\n')
    run = project.store(tmp_path / "p.yml").start()
    run.cancel()
    assert run.wait(timeout=60).state == "cancelled"


FLOW = """
    from pathlib import Path

    from bine import pipeline, rows, step
    from helper import twice

    @step(outputs={"table": "artifact", "rows": int})
    def load(days: int):
        return {"table": "x" * twice(days), "rows": days}

    @step
    def measure(name: str, table: Path) -> {"size": int}:
        return {"size": len(table.read_text()) + len(name)}

    @step
    def total(sizes) -> int:
        return sum(row["value"] for row in sizes)

    @pipeline(name="pyflow")
    def flow(days: int = 3, names: list = ["a", "bb"]):
        loaded = load(days)
        sizes = measure.foreach(names)(table=loaded.table)
        summed = total(sizes.size.rows())
        ask = step.approval("ask", f"Is {summed} right?", form={"share": {"type": "int", "default": 10}})
        return {"total": summed.result, "share": ask.share}
"""


@needs_server
def test_a_pipeline_written_in_python_runs_is_approved_and_continued(project, tmp_path, monkeypatch):
    (tmp_path / "pyflow_module.py").write_text(textwrap.dedent(FLOW))
    (tmp_path / "helper.py").write_text("def twice(n):\n    return 2 * n\n")
    (tmp_path / "unused.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    from pyflow_module import flow

    assert flow.files() == ["helper.py", "pyflow_module.py"]
    assert flow.check(project)["name"] == "pyflow"
    run = flow.run(project, days=5)
    deadline = time.monotonic() + 60
    while not (waiting := [a for a in project.approvals() if a.run == run.id]):
        assert time.monotonic() < deadline and not run.refresh().ended, run.reason
        time.sleep(0.1)
    assert waiting[0].message == "Is 23 right?" and waiting[0].may_answer
    assert run.approve("ask", {"share": 25}, note="fine").state == "approved"
    assert run.wait(timeout=60).ok, run.reason
    assert run.step("total").values == {"result": 23} and run.step("ask").values["share"] == 25
    assert run.data["outputs"] == {"total": 23, "share": 25}

    plan = {s.step: s.runs for s in run.plan(["total"]).steps}
    assert plan == {"load": False, "measure": False, "total": True, "ask": True}
    again = run.go_on(["total"])
    while not [a for a in project.approvals() if a.run == again.id]:
        assert time.monotonic() < deadline and not again.refresh().ended, again.reason
        time.sleep(0.1)
    again.reject("ask", note="no")
    assert again.wait(timeout=60).state == "failed"
    assert {s["step"] for s in again.compare(run)["steps"]} >= {"ask"}
    assert again.notices() == []


@needs_server
def test_partitions_are_backfilled_and_pools_set(project, pipeline):
    planned = pipeline.plan_backfill(partitions=["4", "5"], param="rows")
    assert [s.key for s in planned] == ["4", "5"]
    assert project.set_pool("seats", 2, "for tests").slots == 2
    assert "seats" in [p.name for p in project.pools()]
    project.delete_pool("seats")
    assert pipeline.triggers() == []
