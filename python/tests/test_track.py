"""Tracking without a server, against one, and with frameworks."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

import bine
from bine import track

API, KEY = os.environ.get("BINE_TEST_API", ""), os.environ.get("BINE_TEST_KEY", "")
needs_server = pytest.mark.skipif(not API, reason="no server to test against")


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A server that does not answer; gives the spool."""
    monkeypatch.setenv("BINE_API", "http://127.0.0.1:9")
    monkeypatch.setenv("BINE_API_KEY", "bine_x")
    monkeypatch.setenv("BINE_PROJECT", os.environ.get("BINE_TEST_PROJECT", "demo"))
    monkeypatch.setenv("BINE_SPOOL", str(tmp_path / "spool"))
    monkeypatch.setattr(track, "_active", None)
    return tmp_path / "spool"


@pytest.fixture
def here(away: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BINE_API", API)
    monkeypatch.setenv("BINE_API_KEY", KEY)
    return away


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_numbers_that_are_none(step_dir: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(track, "_active", None)
    outputs = step_dir()
    bine.log_metrics({"a": math.nan, "b": -math.inf, "c": 1}, step=3)
    assert [(m["name"], m["value"], m["step"]) for m in lines(outputs / "metrics.jsonl")] == [("a", "NaN", 3), ("b", "-Infinity", 3), ("c", 1, 3)]


def test_what_cannot_be_sent_waits(away: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    run = bine.start_run("first", experiment="e", params={"lr": 0.1})
    bine.log_metric("loss", 0.5, step=1)
    monkeypatch.setattr(run._sender, "close", lambda: False)  # without waiting for the server
    bine.end_run("failed")
    assert "bine.sync()" in capsys.readouterr().err
    place = away / run.id
    assert json.loads((place / "end.json").read_text())["state"] == "failed"
    assert lines(place / "metrics.jsonl")[0]["value"] == 0.5
    assert lines(place / "about.jsonl") == [{"params": {"lr": "0.1"}}]
    with pytest.raises(bine.Error) as e:
        bine.sync()
    assert e.value.kind == "unavailable" and place.is_dir()


def test_nothing_says_where_to(away: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BINE_PROJECT")
    monkeypatch.setenv("BINE_CONFIG", str(away / "none"))
    with pytest.raises(bine.Error, match="BINE_PROJECT"):
        bine.log_params({"a": 1})


@needs_server
def test_a_run(here: Path, tmp_path: Path) -> None:
    with bine.start_run("first", experiment="python", tags={"team": "x"}) as run:
        bine.log_params({"lr": 0.1, "name": "a"})
        for i in range(100):
            bine.log_metrics({"loss": 1 / (i + 1), "odd": math.nan}, step=i)
        (tmp_path / "d").mkdir()
        (tmp_path / "d" / "f.txt").write_text("x")
        bine.log_artifact(tmp_path / "d")
        assert run.order == "continue"
    got = run._wire.call("GET", f"tracked-runs/{run.id}")
    assert got["state"] == "succeeded" and got["params"] == {"lr": "0.1", "name": "a"} and got["tags"]["team"] == "x"
    assert got["metrics"]["loss"]["points"] == 100 and got["metrics"]["odd"]["last"] == "NaN"
    assert list(here.iterdir()) == []
    if pytest.importorskip("httpx"):
        project = bine.login(API, KEY).project(os.environ["BINE_TEST_PROJECT"])
        found = project.tracked_runs("params.lr = '0.1'", experiment="python", order_by=["metrics.loss"])
        assert run.id in [r["id"] for r in found]
        assert len(project.curves([run.id], ["loss"], points=20)[0]["points"]) <= 20


@needs_server
def test_sync_sends_what_waited(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINE_API", "http://127.0.0.1:9")
    run = bine.start_run("late", experiment="python")
    for i in range(10):
        bine.log_metric("loss", i, step=i)
    monkeypatch.setattr(run._sender, "close", lambda: False)
    bine.end_run()
    about = here / run.id / "run.json"
    about.write_text(about.read_text().replace("http://127.0.0.1:9", API))
    assert bine.sync() == [run.id]
    got = track._wire("", API).call("GET", f"tracked-runs/{run.id}")
    assert got["state"] == "succeeded" and got["metrics"]["loss"]["points"] == 10


@needs_server
def test_a_process_that_dies_with_an_error(here: Path) -> None:
    code = "import bine\nprint(bine.start_run('dies').id, flush=True)\nbine.log_metric('loss', 1)\nraise ValueError('no')\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ})
    got = track._wire("", API).call("GET", f"tracked-runs/{done.stdout.strip()}")
    assert got["state"] == "failed" and got["reason"] == "ValueError: no" and got["metrics"]["loss"]["points"] == 1


def test_autolog_of_scikit_learn(step_dir: Any) -> None:
    pytest.importorskip("sklearn")
    outputs = step_dir()
    code = """
        import bine
        bine.autolog()
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import GridSearchCV
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
        X, y = [[0.0], [1.0], [2.0], [3.0]] * 5, [0, 0, 1, 1] * 5
        make_pipeline(StandardScaler(), LogisticRegression(C=0.5)).fit(X, y)
        GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2).fit(X, y)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)
    about = lines(outputs / "about.jsonl")
    tags = {k: v for line in about for k, v in line.get("tags", {}).items()}
    params = {k: v for line in about for k, v in line.get("params", {}).items()}
    assert tags == {"estimator": "Pipeline", "fit2.estimator": "GridSearchCV"}
    assert "steps" in params and "fit2.best_C" in params
    assert [m["name"] for m in lines(outputs / "metrics.jsonl")] == ["training_score", "fit2.best_cv_score"]


def test_autolog_of_xgboost(step_dir: Any) -> None:
    pytest.importorskip("xgboost")
    outputs = step_dir()
    code = """
        import bine
        bine.autolog()
        import numpy, xgboost
        data = xgboost.DMatrix(numpy.arange(20.0).reshape(10, 2), numpy.arange(10) % 2)
        xgboost.train({"max_depth": 2}, data, 3, evals=[(data, "train")])
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)
    assert [(m["name"], m["step"]) for m in lines(outputs / "metrics.jsonl")] == [("train-rmse", i) for i in range(3)]
