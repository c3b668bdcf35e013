"""The programs behind steps of the kinds sql and notebook, in a process as an agent starts them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlparse

import pytest

import bine

SOURCE = str(Path(bine.__file__).parents[1])

needs_duckdb = pytest.mark.skipif(find_spec("duckdb") is None, reason="this environment lacks duckdb")
needs_notebooks = pytest.mark.skipif(
    any(find_spec(m) is None for m in ("nbclient", "nbconvert", "ipykernel")),
    reason="this environment lacks nbclient, nbconvert or ipykernel",
)


class Work:
    """The working directory of a process, with what it is given."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.outputs = root / "outputs"
        for name in ("outputs", "tmp", "code"):
            (root / name).mkdir()
        self.env = {
            "PATH": os.environ["PATH"], "HOME": str(root), "TMPDIR": str(root / "tmp"), "PYTHONPATH": f"{SOURCE}:{root / 'code'}",
            "PYTHONDONTWRITEBYTECODE": "1", "BINE_PROJECT": "demo", "BINE_OUTPUTS": str(self.outputs),
            "BINE_WITH": str(root / "with.json"), "BINE_INPUTS": str(root / "inputs.json"),
        }

    def run(self, program: str, params=None, inputs=None, isolated: bool = False, **env: str) -> subprocess.CompletedProcess:
        (self.root / "with.json").write_text(json.dumps(params or {}))
        (self.root / "inputs.json").write_text(json.dumps({k: str(v) for k, v in (inputs or {}).items()}))
        flags = ["-S"] if isolated else []  # without what is installed
        return subprocess.run([sys.executable, *flags, "-c", program], env={**self.env, **env}, cwd=self.root, capture_output=True, text=True)

    def sql(self, query: str, inputs=None, **settings) -> subprocess.CompletedProcess:
        isolated = settings.pop("isolated", False)
        more = settings.pop("env", {})
        return self.run("from bine import sql\nsql.main()\n", inputs=inputs, isolated=isolated,
                        BINE_SQL=json.dumps({"query": query, "file": False, **settings}), **more)

    def values(self):
        return json.loads((self.outputs / "values.json").read_text())


@pytest.fixture
def work(tmp_path: Path) -> Work:
    root = tmp_path / "work"
    root.mkdir()
    return Work(root)


@pytest.fixture
def rates(tmp_path: Path) -> Path:
    directory = tmp_path / "in" / "table"
    directory.mkdir(parents=True)
    (directory / "rates.csv").write_text("currency,rate\neur,1.0\nusd,0.9\n")
    return directory


@pytest.fixture
def files():
    """A server with the files of a project."""
    content = {"Resources/orders.csv": b"currency,amount\neur,10\nusd,20\n", "Resources/more/a.csv": b"n\n1\n", "Resources/more/b.csv": b"n\n2\n"}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            url = urlparse(self.path)
            what, query = unquote(url.path).removeprefix("/api/v1/projects/demo/"), parse_qs(url.query)
            if self.headers["Authorization"] != "Bearer secret":
                return self.answer(401, {"detail": "who are you?"})
            if what == "stat":
                path = query["path"][0]
                below = any(p.startswith(path + "/") for p in content)
                return self.answer(200, {"path": path, "dir": below}) if below or path in content else self.answer(404, {"detail": f"{path} is not there"})
            if what == "files":
                return self.answer(200, {"items": [{"path": p, "dir": False} for p in content if p.startswith(query["dir"][0])]})
            return self.answer(200, content[what.removeprefix("files/")])

        def answer(self, status, body):
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield {"BINE_API": f"http://127.0.0.1:{server.server_port}", "BINE_TOKEN": "secret"}
    server.shutdown()
    server.server_close()


@needs_duckdb
def test_sql_joins_inputs_with_files_of_the_project(work, rates, files):
    done = work.sql(
        "create table o as select * from orders; select sum(amount * rate) as total, count(*) as n from o join rates using (currency);",
        {"rates": rates}, files={"orders": "Resources/orders.csv"}, outputs={"result": "artifact", "total": "float", "n": "int"}, env=files,
    )
    assert done.returncode == 0, done.stderr
    assert work.values() == {"total": 28.0, "n": 2}
    assert (work.outputs / "result").read_bytes()[:4] == b"PAR1"
    assert done.stdout == "1 rows with the columns total, n\n"
    again = work.sql("select sum(n) as n from t, more", {"t": work.outputs / "result"}, files={"more": "Resources/more"}, env=files)
    assert again.returncode != 0 and "mbiguous" in again.stderr  # both have a column n
    again = work.sql("select sum(more.n) as n, max(t.n) as two from t, more", {"t": work.outputs / "result"}, files={"more": "Resources/more"}, env=files)
    assert again.returncode == 0 and work.values()["n"] == 3, again.stderr
    missing = work.sql("select 1", files={"gone": "Resources/gone.csv"}, env=files)
    assert missing.returncode != 0 and "Resources/gone.csv is not there" in missing.stderr


@needs_duckdb
def test_sql_says_what_is_wrong(work, rates, tmp_path):
    (tmp_path / "secret.csv").write_text("key\nhidden\n")

    def said(query, **settings):
        done = work.sql(query, {"rates": rates}, **settings)
        assert done.returncode != 0 and "Traceback" not in done.stderr, done.stderr
        return done.stderr

    assert "no column total, which is an output; it gives rate" in said("select rate from rates", outputs={"total": "float"})
    assert "gave no rows" in said("select rate from rates where rate > 2", outputs={"rate": "float"})
    assert "no query" in said("create table a as select 1", outputs={"result": "artifact"})
    assert "rattes" in said("select * from rattes")
    assert "ermission" in said(f"select * from read_csv('{tmp_path / 'secret.csv'}')")
    assert "SQL needs duckdb in the project's environment" in said("select 1", isolated=True)


def notebook(*cells: str) -> str:
    first, *more = cells
    made = [{"cell_type": "code", "id": "c0", "execution_count": None, "metadata": {"tags": ["parameters"]}, "outputs": [], "source": first}]
    made += [{"cell_type": "code", "id": f"c{i + 1}", "execution_count": None, "metadata": {}, "outputs": [], "source": s} for i, s in enumerate(more)]
    return json.dumps({"cells": made, "metadata": {"kernelspec": {"name": "conda-base", "display_name": "x", "language": "python"}}, "nbformat": 4, "nbformat_minor": 5})


@needs_notebooks
def test_a_notebook_is_kept_whether_it_succeeds_or_fails(work):
    program = "from bine import notebook\nnotebook.main()\n"
    (work.root / "code" / "explore.ipynb").write_text(
        notebook("n = 1", "import bine\nprint('n is', n)\nbine.outputs['total'] = sum(range(n))\n1 / (n - 3)")
    )
    done = work.run(program, {"n": 5, "name": "graz"}, BINE_NOTEBOOK="explore.ipynb")
    assert done.returncode == 0, done.stderr
    assert "n is 5" in done.stdout and work.values() == {"total": 10}
    kept = json.loads((work.outputs / "notebook").read_text())
    assert [c["metadata"].get("tags") for c in kept["cells"]] == [["parameters"], ["injected-parameters"], None]
    assert "name = 'graz'" in kept["cells"][1]["source"]
    assert "0.5" in (work.outputs / "html").read_text()

    done = work.run(program, {"n": 3}, BINE_NOTEBOOK="explore.ipynb")
    assert done.returncode == 1 and "ZeroDivisionError" in done.stderr and "Traceback (most recent call last):\n  File \"<string>\"" not in done.stderr
    assert "ZeroDivisionError" in (work.outputs / "notebook").read_text()
    assert "ZeroDivisionError" in (work.outputs / "html").read_text()


def test_a_notebook_without_its_packages_says_which(work):
    (work.root / "code" / "explore.ipynb").write_text(notebook("n = 1"))
    done = work.run("from bine import notebook\nnotebook.main()\n", BINE_NOTEBOOK="explore.ipynb", isolated=True)
    assert done.returncode != 0 and "needs nbclient, nbconvert and ipykernel" in done.stderr, done.stderr
