"""Pipelines written in Python: what is recorded, what is refused, and what a step runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import bine
from bine import cron, expr, item, on_failure, param, pipeline, step
from bine.code import needed
from bine.text import dump

SOURCE = Path(bine.__file__).parents[1]


@step(retry=3, memory="1GiB", outputs={"table": "artifact", "rows": int})
def load(days: int, shop: str = "graz"):
    """Loads a table.

    From somewhere.
    """
    return {"table": "x\n" * days, "rows": days}


@step
def score(name: str, table: Path) -> {"error": float}:
    return {"error": 0.5}


@step
def total(errors) -> float:
    return sum(row["value"] for row in errors)


@step
def odd(**more: int) -> dict:
    return more


def recorded(function, **options):
    return pipeline(**options)(function).definition()["steps"]


def test_arguments_are_params_or_inputs_as_the_outputs_that_they_are():
    def both(days: int = 7, names: list = ["a"]):
        loaded = load(days + 1)
        scores = score.foreach(names, key=item, max_parallel=2)(table=loaded.table)
        total(scores.error.rows())
        odd.options(name="again")(first=loaded.rows, second=scores.error)

    steps = recorded(both)
    assert steps["load"] == {
        "description": "Loads a table.",
        "python": 'from bine import entry\n\nentry.call("code/test_pipeline.py", "load")\n',
        "with": {"days": "${{ params.days + 1 }}"},
        "outputs": {"table": "artifact", "rows": "int"},
        "resources": {"memory": "1GiB"},
        "retry": 3,
    }
    assert steps["score"]["foreach"] == {"items": "${{ params.names }}", "key": "${{ item }}", "max_parallel": 2}
    assert steps["score"]["with"] == {"name": "${{ item }}"} and steps["score"]["inputs"] == {"table": "load.table"}
    assert steps["total"]["inputs"] == {"errors": "score.error"} and steps["total"]["outputs"] == {"result": "float"}
    assert 'rows=["errors"]' in steps["total"]["python"]
    assert steps["again"]["with"] == {"first": "${{ steps.load.rows }}", "second": "${{ steps.score.error }}"}


def test_the_body_of_a_step_is_not_run_when_a_pipeline_is_made_and_is_when_it_is_called():
    ran = []

    def body():
        ran.append(1)

    body.__qualname__ = "body"
    globals()["body"] = task = step(body)
    recorded(lambda: task() and None)
    assert ran == []
    task()
    assert ran == [1]
    assert load(2) == {"table": "x\nx\n", "rows": 2}


def test_params_come_from_the_signature():
    @pipeline(schedule=cron("@daily", tz="Europe/Vienna"), environment=3, name="all-kinds", priority="low")
    def kinds(a: int, b: float = 1.0, c: bool = True, d: "str" = "x", e: list = [1], f: dict = {}, g: int = param(5, min=1, choices=[5, 6])):
        """What it is for."""
        load(a)
        step.values("v", options={"when": ~c}, sum=b)

    d = kinds.definition()
    assert {name: p["type"] for name, p in d["params"].items()} == dict(a="int", b="float", c="bool", d="string", e="list", f="map", g="int")
    assert "default" not in d["params"]["a"] and d["params"]["g"] == {"type": "int", "default": 5, "min": 1, "choices": [5, 6]}
    assert list(d) == ["name", "description", "priority", "schedule", "params", "steps"]
    assert d["steps"]["load"]["environment"] == 3 and "environment" not in d["steps"]["v"]
    assert d["steps"]["v"]["when"] == "${{ !params.c }}"


@pytest.mark.parametrize(
    "wrong, says",
    [
        (lambda: load(), "days is not given"),
        (lambda: load(1, 2, 3), "too many positional"),
        (lambda: load(1) and load(2), "two steps load"),
        (lambda: load(1).tables, "no output 'tables'; it has rows, table"),
        (lambda: step.values("v", x=load(1).table), "load.table is a file"),
        (lambda: load(load(1)), "does not have one output"),
        (lambda: load(1).rows and None, "decides what the pipeline looks like"),
        (lambda: [x for x in load(1).rows], "is gone through"),
        (lambda: step.command("c", ["a"], needs=3), "is no step"),
        (lambda: step.command("c", ["a"], retries=3), "no option retries"),
        (lambda: step.command("c", ["a"], outputs={"x": object}), "is no type of an output"),
        (lambda: step.values("v", x=object()), "a object cannot stand in a pipeline"),
        (lambda: score.foreach([1], [2])(), "one list, or several loop"),
        (lambda: None, "has no steps"),
        (lambda: load(1), "gives Step('load')"),
    ],
)
def test_what_is_wrong_is_said_at_once(wrong, says):
    with pytest.raises((bine.Error, AttributeError)) as caught:
        recorded(wrong, name="wrong")
    assert says in str(caught.value)


def test_steps_outside_of_a_pipeline_are_refused():
    with pytest.raises(bine.Error, match="outside of a pipeline"):
        step.command("c", ["a"])
    with pytest.raises(bine.Error, match="belong into the function"):
        with on_failure():
            pass
    with pytest.raises(bine.Error, match="start it with"):
        pipeline(lambda: None, name="p")()
    with pytest.raises(AttributeError, match="no 'sqll'"):
        step.sqll("x", "select 1")


def test_expressions_bind_as_they_read():
    a, b = expr("params.a"), expr("params.b")
    assert [str(e)[4:-3] for e in ((a + 1) * 2, a - (b - 1), a - b - 1, ~(a > 1) & (b < 2) | (a == "x"), (-a).b, a.then(1, b.then(2, 3)), 1 - a)] == [
        "(params.a + 1) * 2", "params.a - (params.b - 1)", "params.a - params.b - 1",
        '!(params.a > 1) && params.b < 2 || params.a == "x"', "(-params.a).b", "params.a ? 1 : (params.b ? 2 : 3)", "1 - params.a",
    ]  # fmt: skip
    nested = a.map(lambda o: b.filter(lambda o: o > 1).size() + o.n)
    assert str(nested) == "${{ params.a.map(o, size(params.b.filter(o2, o2 > 1)) + o.n) }}"
    assert str(expr.round(a.values().max() * 2.0)) == "${{ round(max(values(params.a)) * 2.0) }}"


def test_texts_come_back_from_yaml_as_they_were():
    awkward = ["", "yes", "null", "1.5", "2013-11-01", "a: b", "# c", "-", "ä\u2028b", "x\ny", "x\ny\n", " x\ny", "x\n\n", "tab\tx\n", "\x07", "~", "1e3", "\n", "{a}", "it's"]
    text = dump({"list": awkward, "deep": {"true": [{"a": {"b": [1, {"c": 2.5}]}}], "f": 1e300, "n": None, "t": False, "e": {}, "l": []}})
    yaml = pytest.importorskip("yaml")
    back = yaml.safe_load(text)
    assert back["list"] == awkward and back["deep"] == {"true": [{"a": {"b": [1, {"c": 2.5}]}}], "f": 1e300, "n": None, "t": False, "e": {}, "l": []}


def test_the_files_are_found_by_reading_imports(tmp_path):
    files = {
        "flow.py": "import os, helper\nfrom lib import deep\ndef f():\n    from lib.late import x\n",
        "helper.py": "import pandas\nimport flow\n",
        "lib/__init__.py": "", "lib/deep.py": "from . import near\nfrom .. import out\n", "lib/near.py": "", "lib/late.py": "", "lib/unused.py": "broken(",
        "other.py": "",
    }  # fmt: skip
    for name, source in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(source)
    assert needed(tmp_path, [tmp_path / "flow.py"]) == ["flow.py", "helper.py", "lib/__init__.py", "lib/deep.py", "lib/late.py", "lib/near.py"]
    (tmp_path / "helper.py").write_text("def (")
    with pytest.raises(bine.Error, match="helper.py, line 1"):
        needed(tmp_path, [tmp_path / "flow.py"])


SALES = """
    import dataclasses
    from pathlib import Path
    from bine import outputs, params, pipeline, step

    @dataclasses.dataclass
    class Both:
        table: Path
        rows: int

    @step
    def load(days: int, scale: int = 2) -> Both:
        path = Path("made.txt")
        path.write_text("x" * days * scale)
        return Both(path, days)

    @step
    def read(table: Path, parts: dict) -> dict:
        return {"size": len(table.read_text()), "parts": sorted(parts)}

    @step
    def count(errors) -> float:
        return sum(row["value"] for row in errors)

    @step(outputs={"square": int})
    def square(n: int):
        if n == 3:
            raise ValueError("three")
        outputs["square"] = n * n
        print("item", n, params["n"])

    @step
    def nothing():
        return 5

    @pipeline
    def sales():
        load(3)

    UNGUARDED
"""


@pytest.fixture
def work(tmp_path):
    """Runs a step's function as an agent does; gives the finished process and the directory of outputs."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "sales.py").write_text(textwrap.dedent(SALES).replace("UNGUARDED", ""))

    def run(name, params=None, inputs=None, batch=None, more=""):
        outputs = tmp_path / f"outputs-{name}"
        outputs.mkdir(exist_ok=True)
        documents = {"WITH": params or {}, "INPUTS": {k: str(v) for k, v in (inputs or {}).items()}, **({"BATCH": batch} if batch else {})}
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{SOURCE}:{tmp_path / 'code'}", "PYTHONDONTWRITEBYTECODE": "1", "BINE_OUTPUTS": str(outputs)}
        for key, value in documents.items():
            (tmp_path / key).write_text(json.dumps(value))
            env[f"BINE_{key}"] = str(tmp_path / key)
        program = f'from bine import entry\n\nentry.call("code/sales.py", "{name}"{more})\n'
        done = subprocess.run([sys.executable, "-c", program], env=env, cwd=tmp_path, capture_output=True, text=True)
        return done, outputs

    run.root = tmp_path
    return run


def values(outputs: Path):
    return json.loads((outputs / "values.json").read_text())


def test_a_step_calls_its_function_with_what_it_was_given(work):
    done, outputs = work("load", {"days": 4})
    assert done.returncode == 0, done.stderr
    assert values(outputs) == {"rows": 4} and (outputs / "table").read_text() == "xxxxxxxx"
    parts = work.root / "parts"
    parts.mkdir()
    (parts / "b").touch(), (parts / "a").touch()
    done, read = work("read", {}, {"table": outputs / "table", "parts": parts})
    assert done.returncode == 0 and values(read) == {"result": {"size": 8, "parts": ["a", "b"]}}, done.stderr
    rows = work.root / "rows"
    rows.write_text('{"key":"a","value":1.5}\n{"key":"b","value":2}\n')
    done, counted = work("count", {}, {"errors": rows}, more=', rows=["errors"]')
    assert done.returncode == 0 and values(counted) == {"result": 3.5}, done.stderr


def test_an_item_that_fails_does_not_stop_its_batch(work):
    batch = [{"key": str(n), "with": {"n": n}} for n in (2, 3, 4)]
    done, outputs = work("square", batch=batch)
    assert done.returncode == 1 and "ValueError: three" in done.stderr and "1 items failed: 3" in done.stderr
    assert values(outputs / "items" / "2") == {"square": 4} and values(outputs / "items" / "4") == {"square": 16}
    assert done.stdout == "item 2 2\nitem 4 4\n"


def test_importing_the_file_of_a_step_must_not_store_it(work):
    (work.root / "code" / "sales.py").write_text(textwrap.dedent(SALES).replace("UNGUARDED", 'sales.store("demo")'))
    done, _ = work("load", {"days": 1})
    assert done.returncode != 0 and "must not store it" in done.stderr
    (work.root / "code" / "sales.py").write_text(textwrap.dedent(SALES).replace("UNGUARDED", "load = 3"))
    done, _ = work("load", {"days": 1})
    assert done.returncode != 0 and "it has lost its @step" in done.stderr


def test_the_module_prints_yaml_and_files(work):
    def ask(*arguments):
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE), "PYTHONDONTWRITEBYTECODE": "1", "HOME": str(work.root), "BINE_CONFIG": "/nowhere"}
        return subprocess.run([sys.executable, "-m", "bine", *arguments], env=env, capture_output=True, text=True)

    file = str(work.root / "code" / "sales.py")
    assert ask("yaml", file, "sales").stdout.startswith("name: sales\n")
    assert ask("files", file).stdout == "sales.py\n"
    assert "no pipeline buys; it holds sales" in ask("yaml", file, "buys").stderr
    assert "is no Python file" in ask("check", str(work.root / "gone.py")).stderr
    assert ask("yaml", str(work.root / "gone.py")).returncode == 1
