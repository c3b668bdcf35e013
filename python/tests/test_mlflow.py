"""MLflow's own client against the door for it; server/mlflow starts this."""

import math
import os
import time

import pytest

mlflow = pytest.importorskip("mlflow")
ADDRESS = os.environ.get("BINE_TEST_MLFLOW", "")
if not ADDRESS:
    pytest.skip("no server to test against", allow_module_level=True)

from mlflow.entities import Metric, Param, RunTag, ViewType  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402
from mlflow.tracking import MlflowClient  # noqa: E402


def use(key):
    os.environ["MLFLOW_TRACKING_TOKEN"] = os.environ[key]
    mlflow.set_tracking_uri(ADDRESS)
    return MlflowClient(ADDRESS)


@pytest.fixture
def scientist():
    yield use("BINE_TEST_SCIENTIST")
    while mlflow.active_run():
        mlflow.end_run()


@pytest.fixture
def owner():
    yield use("BINE_TEST_OWNER")
    while mlflow.active_run():
        mlflow.end_run()


def test_fluent(scientist, tmp_path):
    mlflow.set_experiment("fluent")
    with mlflow.start_run(run_name="first", tags={"team": "x"}) as run:
        mlflow.log_params({"lr": 0.1, "depth": 5})
        for step in range(5):
            mlflow.log_metrics({"loss": 1 / (step + 1), "auc": step / 10}, step=step)
        mlflow.log_metric("odd", math.nan)
        mlflow.log_metric("huge", math.inf)
        mlflow.log_text("hello", "notes/a.txt")
        mlflow.log_dict({"a": 1}, "b.json")
    got = mlflow.get_run(run.info.run_id)
    assert got.info.status == "FINISHED" and got.info.run_name == "first"
    assert got.data.params == {"lr": "0.1", "depth": "5"}
    assert got.data.metrics["loss"] == 0.2 and math.isnan(got.data.metrics["odd"]) and math.isinf(got.data.metrics["huge"])
    assert got.data.tags["team"] == "x"
    history = scientist.get_metric_history(run.info.run_id, "loss")
    assert [(m.step, m.value) for m in history] == [(i, 1 / (i + 1)) for i in range(5)]
    assert sorted(f.path for f in scientist.list_artifacts(run.info.run_id)) == ["b.json", "notes"]
    assert [f.path for f in scientist.list_artifacts(run.info.run_id, "notes")] == ["notes/a.txt"]
    assert mlflow.artifacts.load_text(f"{run.info.artifact_uri}/notes/a.txt") == "hello"
    path = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="notes", dst_path=str(tmp_path))
    assert os.listdir(path) == ["a.txt"]


def test_a_run_that_fails(scientist):
    with pytest.raises(RuntimeError), mlflow.start_run() as run:
        raise RuntimeError("no")
    assert scientist.get_run(run.info.run_id).info.status == "FAILED"
    scientist.set_terminated(run.info.run_id, "KILLED")
    assert scientist.get_run(run.info.run_id).info.status == "KILLED"


def test_batches_and_retries(scientist):
    run = scientist.create_run("0")
    now = int(time.time() * 1000)
    metrics = [Metric("m", float(i), now + i, i) for i in range(1000)]
    for _ in range(2):  # a batch that is sent again counts once
        scientist.log_batch(run.info.run_id, metrics[-100:], [Param("p", "1")], [RunTag("t", "1")])
    assert len(scientist.get_metric_history(run.info.run_id, "m")) == 100
    with pytest.raises(MlflowException, match="set once|Changing param"):
        scientist.log_param(run.info.run_id, "p", "2")
    scientist.delete_tag(run.info.run_id, "t")
    assert "t" not in scientist.get_run(run.info.run_id).data.tags
    with pytest.raises(MlflowException):
        scientist.get_run("0" * 32)


def test_search(scientist):
    e = scientist.create_experiment("search", tags={"a": "b"})
    assert scientist.get_experiment(e).tags == {"a": "b"}
    ids = []
    for i in range(7):
        run = scientist.create_run(e, run_name=f"r{i}", tags={"kind": "even" if i % 2 == 0 else "odd"})
        scientist.log_param(run.info.run_id, "depth", i)
        scientist.log_metric(run.info.run_id, "auc", i / 10)
        ids.append(run.info.run_id)

    def names(text="", order=None, **more):
        return [r.info.run_name for r in scientist.search_runs([e], text, order_by=order, **more)]

    assert names("metrics.auc >= 0.4 and tags.kind = 'even'", ["metrics.auc DESC"]) == ["r6", "r4"]
    assert names("params.depth IN ('1', '2')", ["params.depth ASC"]) == ["r1", "r2"]
    assert names("attributes.run_name LIKE 'r3%'") == ["r3"]
    assert names("tags.`mlflow.runName` = 'r2'") == ["r2"]
    page = scientist.search_runs([e], order_by=["metrics.auc"], max_results=3)
    assert len(page) == 3 and page.token
    rest = scientist.search_runs([e], order_by=["metrics.auc"], max_results=10, page_token=page.token)
    assert [r.info.run_id for r in [*page, *rest]] == ids
    scientist.delete_run(ids[0])
    assert len(names()) == 6 and names(run_view_type=ViewType.DELETED_ONLY) == ["r0"]
    scientist.restore_run(ids[0])
    with pytest.raises(MlflowException):
        names("auc ~ 1")
    with pytest.raises(MlflowException, match="already"):
        scientist.create_experiment("search")
    assert [x.name for x in scientist.search_experiments(filter_string="name = 'search'")] == ["search"]
    scientist.delete_experiment(e)
    assert scientist.get_experiment_by_name("search").lifecycle_stage == "deleted"


def test_registry(owner, tmp_path):
    with mlflow.start_run() as run:
        mlflow.log_metric("auc", 0.7)
        (tmp_path / "MLmodel").write_text("flavors: {}\n")
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "weights").write_bytes(b"\0" * 100_000)
        mlflow.log_artifacts(str(tmp_path), "model")
    owner.create_registered_model("delays", tags={"a": "b"}, description="how late")
    with pytest.raises(MlflowException, match="exists"):
        owner.create_registered_model("delays")
    v = owner.create_model_version("delays", f"{run.info.artifact_uri}/model", run.info.run_id, tags={"t": "1"})
    assert v.version in (1, "1") and v.status == "READY" and v.run_id == run.info.run_id
    owner.set_registered_model_alias("delays", "champion", "1")
    assert owner.get_model_version_by_alias("delays", "champion").tags == {"t": "1"}
    m = owner.get_registered_model("delays")
    assert m.aliases == {"champion": "1"} and m.tags == {"a": "b"} and m.description == "how late"
    assert [x.name for x in owner.search_registered_models("name LIKE 'del%'")] == ["delays"]
    assert len(owner.search_model_versions("name = 'delays'")) == 1
    owner.update_model_version("delays", "1", "better")
    owner.set_model_version_tag("delays", "1", "u", "2")
    assert owner.get_model_version("delays", "1").description == "better"
    # What is logged there later changes no version.
    owner.log_text(run.info.run_id, "other", "model/MLmodel")
    path = mlflow.artifacts.download_artifacts("models:/delays@champion", dst_path=str(tmp_path / "out"))
    with open(os.path.join(path, "MLmodel")) as f:
        assert f.read() == "flavors: {}\n"
    assert os.path.getsize(os.path.join(path, "data", "weights")) == 100_000
    owner.delete_registered_model_alias("delays", "champion")
    with pytest.raises(MlflowException):
        owner.get_model_version_by_alias("delays", "champion")


def test_logged_models(owner):
    e = mlflow.set_experiment("logged").experiment_id
    with mlflow.start_run() as run:
        m = owner.create_logged_model(e, name="m", source_run_id=run.info.run_id, params={"a": "1"}, tags={"t": "1"})
        owner.log_model_artifact(m.model_id, __file__)
        m = owner.finalize_logged_model(m.model_id, "READY")
        mlflow.log_outputs(models=[mlflow.entities.LoggedModelOutput(m.model_id, 0)])
    assert str(m.status) == "READY" and m.params == {"a": "1"}
    assert [x.model_id for x in owner.search_logged_models([e], "tags.t = '1'")] == [m.model_id]
    owner.create_registered_model("logged")
    v = owner.create_model_version("logged", f"models:/{m.model_id}", run.info.run_id, model_id=m.model_id)
    assert v.version in (1, "1")
    assert [o.model_id for o in owner.get_run(run.info.run_id).outputs.model_outputs] == [m.model_id]
