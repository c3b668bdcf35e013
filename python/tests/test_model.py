from __future__ import annotations

import json

import pytest

import bine
from bine import model as models


class Mean:
    pass


def test_a_model_is_saved_with_its_schema_and_example(step_dir):
    pandas = pytest.importorskip("pandas")
    linear = pytest.importorskip("sklearn.linear_model")
    out = step_dir()
    table = pandas.DataFrame({"x": [1.0, 2.0, 3.0, 4.0], "n": [1, 0, 1, 0]})
    fitted = linear.LogisticRegression().fit(table, [0, 0, 1, 1])
    directory = bine.save_model(fitted, "best", example=table, metrics={"roc_auc": 0.7}, positive="late", description="d")
    assert directory == out / "best"
    about = json.loads((directory / "model.json").read_text())
    assert about["framework"] == "sklearn" and about["file"] == "model.joblib"
    assert about["example"] == {"x": 1.0, "n": 1}
    assert about["schema"]["inputs"] == [
        {"name": "x", "datatype": "FP64", "shape": [-1]},
        {"name": "n", "datatype": "INT64", "shape": [-1]},
    ]
    assert [o["name"] for o in about["schema"]["outputs"]] == ["predict", "probability", "late"]
    assert about["schema"]["outputs"][1] == {"name": "probability", "datatype": "FP64", "shape": [-1, 2]}
    assert about["metrics"] == {"roc_auc": 0.7} and about["packages"]["scikit-learn"]
    assert list(bine.load_model(directory).predict(table)) == list(fitted.predict(table))


def test_an_array_example_gives_one_input_of_rows(step_dir):
    numpy = pytest.importorskip("numpy")
    linear = pytest.importorskip("sklearn.linear_model")
    step_dir()
    fitted = linear.LinearRegression().fit(numpy.eye(3), [1, 2, 3])
    about = models.describe(bine.save_model(fitted, example=numpy.eye(3)))
    assert about["schema"]["inputs"] == [{"name": "input", "datatype": "FP64", "shape": [-1, 3]}]
    assert about["example"] == [1.0, 0.0, 0.0]


def test_a_model_that_cannot_predict_its_example_is_not_saved(step_dir):
    pytest.importorskip("pandas")
    step_dir()
    with pytest.raises(bine.Error, match="no predict method"):
        bine.save_model(object(), example={"x": 1.0, "y": 2.0})


def test_a_model_of_the_steps_own_file_is_refused(step_dir, monkeypatch):
    step_dir()
    import sys

    monkeypatch.setattr(sys.modules["__main__"], "Mean", Mean, raising=False)
    monkeypatch.setattr(Mean, "__module__", "__main__")
    with pytest.raises(bine.Error, match="the step's own file"):
        bine.save_model(Mean())


def test_a_directory_without_a_model_says_so(tmp_path):
    with pytest.raises(bine.Error, match="model.json is missing"):
        bine.load_model(tmp_path)
