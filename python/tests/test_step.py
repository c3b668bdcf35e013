from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import bine


def test_params_read_as_mapping_and_attributes(step_dir):
    step_dir(params={"depth": 4, "name": "small"})
    assert bine.params["depth"] == 4
    assert bine.params.name == "small"
    assert dict(bine.params) == {"depth": 4, "name": "small"}
    assert bine.params.get("absent", 7) == 7


def test_an_unknown_name_says_which_there_are(step_dir):
    step_dir(params={"depth": 4}, inputs={"table": "/x"})
    with pytest.raises(KeyError, match="no parameter 'dept'; it has depth"):
        bine.params["dept"]
    with pytest.raises(AttributeError, match="it has depth"):
        bine.params.dept
    with pytest.raises(KeyError, match="no input 'tabel'; it has table"):
        bine.inputs["tabel"]


def test_inputs_are_paths_and_gathered_ones_have_items(step_dir, tmp_path):
    gathered = tmp_path / "models"
    for key in ("b", "a"):
        (gathered / key).mkdir(parents=True)
    step_dir(inputs={"table": str(tmp_path / "t.csv"), "models": str(gathered)})
    assert bine.inputs["table"] == tmp_path / "t.csv"
    assert list(bine.inputs.items_of("models")) == ["a", "b"]


def test_value_outputs_are_kept_in_one_file(step_dir):
    out = step_dir()
    bine.outputs["rows"] = 5
    bine.outputs["names"] = ["ä", "b"]
    bine.outputs.update({"better": True})
    assert json.loads((out / "values.json").read_text()) == {"rows": 5, "names": ["ä", "b"], "better": True}
    assert bine.outputs["rows"] == 5
    assert [p.name for p in out.iterdir()] == ["values.json"]


@pytest.mark.parametrize("value", [float("nan"), {"x": float("inf")}, object()])
def test_a_value_that_json_cannot_hold_is_refused(step_dir, value):
    step_dir()
    with pytest.raises(bine.Error, match="output score"):
        bine.outputs["score"] = value


def test_an_output_name_cannot_leave_the_directory(step_dir):
    step_dir()
    for name in ("../x", "a/b", "", "values.json"):
        with pytest.raises(bine.Error, match="not the name of an output"):
            bine.outputs.path(name)


def test_metrics_are_lines(step_dir):
    out = step_dir()
    bine.log_metric("loss", 0.5, step=1)
    bine.log_metric("loss", 1)
    first, second = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert (first["name"], first["value"], first["step"]) == ("loss", 0.5, 1)
    assert second["value"] == 1.0 and "step" not in second and second["at"].endswith("Z")
    bine.log_metric("loss", float("nan"))
    assert json.loads((out / "metrics.jsonl").read_text().splitlines()[-1])["value"] == "NaN"


def test_a_batch_gives_its_items_one_by_one(step_dir):
    out = step_dir(batch=[{"key": "a", "with": {"n": 1}}, {"key": "b", "with": {"n": 2}}])
    for item in bine.items():
        item.outputs["double"] = item.params.n * 2
        item.outputs.path("file").write_text(item.key)
        item.log_metric("n", item.params.n)
    assert json.loads((out / "items/b/values.json").read_text()) == {"double": 4}
    assert (out / "items/a/file").read_text() == "a"
    assert (out / "items/a/metrics.jsonl").exists()


def test_a_step_without_batch_is_its_own_only_item(step_dir):
    out = step_dir(params={"n": 3})
    (item,) = bine.items()
    item.outputs["n"] = item.params.n
    assert json.loads((out / "values.json").read_text()) == {"n": 3}


def test_the_step_knows_itself(step_dir):
    step_dir()
    assert (bine.step.project, bine.step.run, bine.step.name, bine.step.attempt) == ("demo", "flights-1", "train", 2)
    assert bine.step.inside


def test_outside_of_a_step_the_message_says_so(monkeypatch):
    monkeypatch.delenv("BINE_WITH", raising=False)
    with pytest.raises(bine.Error, match="does not run as a step"):
        bine.params["x"]


def test_importing_needs_only_the_standard_library():
    source = Path(bine.__file__).parents[1]
    code = f"import sys; sys.path.insert(0, {str(source)!r}); import bine; bine.params; print('ok')"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "ok\n"


def test_rows_of_a_fan_out_are_read_again_and_again(step_dir, tmp_path):
    (tmp_path / "scores").write_text('{"key":"graz","value":1}\n{"key":"wien","value":{"a":2}}\n')
    step_dir(inputs={"scores": str(tmp_path / "scores")})
    scores = bine.rows("scores")
    assert [row["key"] for row in scores] == ["graz", "wien"] and [row["value"] for row in scores] == [1, {"a": 2}]
    with pytest.raises(KeyError, match="it has scores"):
        bine.rows("score")


def test_an_item_is_the_element_of_its_list(step_dir, tmp_path, monkeypatch):
    step_dir()
    assert bine.item is None
    (tmp_path / "item.json").write_text('{"shop": "graz"}')
    monkeypatch.setenv("BINE_ITEM_VALUE", str(tmp_path / "item.json"))
    assert bine.item == {"shop": "graz"} and [i.value for i in bine.items()] == [{"shop": "graz"}]


def test_a_checkpoint_is_left_for_the_next_attempt(tmp_path, monkeypatch):
    monkeypatch.setenv("BINE_CHECKPOINT", str(tmp_path / "outputs" / "checkpoint"))
    monkeypatch.delenv("BINE_RESUME", raising=False)
    assert bine.resume() is None
    (bine.checkpoint() / "state").write_text("1")
    assert bine.checkpoint().is_dir()
    monkeypatch.setenv("BINE_RESUME", str(tmp_path / "outputs" / "checkpoint"))
    assert (bine.resume() / "state").read_text() == "1"


def test_a_trial_has_its_configuration_and_ends_at_its_budget(step_dir, tmp_path, monkeypatch):
    out = step_dir(params={"lr": 0.1, "rows": 5})
    assert bine.trial().config["lr"] == 0.1 and bine.trial().budget is None  # outside of a sweep
    with pytest.raises(bine.Error, match="mapping of metrics"):
        bine.trial().report(0.5, 1)
    (tmp_path / "trial.json").write_text(
        json.dumps({"trial": 3, "segment": 2, "rung": 1, "from": 1, "budget": 3, "config": {"lr": 0.1}, "metric": "loss"})
    )
    monkeypatch.setenv("BINE_TRIAL", str(tmp_path / "trial.json"))
    t = bine.trial()
    assert (t.number, t.segment, t.rung, t.start, t.budget, t.metric, dict(t.config)) == (3, 2, 1, 1, 3, "loss", {"lr": 0.1})
    t.report(0.5, 2)
    t.report({"loss": float("nan"), "auc": 0.9}, 2)
    with pytest.raises(bine.PauseTrial, match="0") as end:
        t.report(0.4, 3)
    assert end.value.code == 0 and "budget" in end.value.reason
    metrics = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [(m["name"], m["value"], m["step"]) for m in metrics] == [("loss", 0.5, 2), ("auc", 0.9, 2), ("loss", 0.4, 3)]


def test_a_configuration_that_cannot_be_is_told_by_the_exit_code():
    program = "import bine; raise bine.InvalidConfig('lr and momentum do not fit')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 78 and "lr and momentum" in done.stderr
    done = subprocess.run([sys.executable, "-c", "import bine; raise bine.StopTrial('enough')"], check=False)
    assert done.returncode == 0
