"""Runs SQL with DuckDB: what a step of the kind sql runs.

Each input, and each named file of the project, is a view: CSV, JSON and
Parquet, plain or compressed, a file or a directory of them. The rows of the
last statement become the output ``result``, as Parquet, and the columns of its
first row the outputs that are values.
"""

from __future__ import annotations

import datetime
import decimal
import gzip
import json
import os
import shutil
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Optional
from urllib.parse import quote, urlencode

from .step import inputs, outputs

NEEDED = "SQL needs duckdb in the project's environment: add it"

_READERS = {"csv": "read_csv", "json": "read_json", "parquet": "read_parquet"}
_RESULT = "bine_result"


def main() -> None:
    """Runs what BINE_SQL says: ``query``, ``file``, ``files`` and, if it is known, the declared ``outputs``."""
    settings = json.loads(os.environ["BINE_SQL"])
    query = settings["query"]
    if settings.get("file"):
        query = Path("code", query).read_text(encoding="utf-8")
    views = dict(inputs)
    fetched = Path.cwd() / "files"
    for view, path in (settings.get("files") or {}).items():
        views[view] = fetch(path, fetched / view)
    run(query, views, settings.get("outputs"))


def run(query: str, views: Mapping[str, Path], declared: Optional[Mapping[str, str]] = None) -> None:
    """Runs statements over views of files and sets the outputs that are declared; not known, all that there can be."""
    try:
        import duckdb
    except ImportError as e:
        sys.exit(f"{e}: {NEEDED}")
    db = duckdb.connect(":memory:")
    try:
        _configure(db, views)
        for name, path in views.items():
            db.execute(f"CREATE VIEW {_name(name)} AS SELECT * FROM {_source(path, name)}")
        *before, last = db.extract_statements(query) or sys.exit("the query is empty")
        for statement in before:
            db.execute(statement)
        _finish(db, duckdb, last, declared)
    except duckdb.Error as e:
        sys.exit(str(e))
    finally:
        db.close()


def _configure(db: Any, views: Mapping[str, Path]) -> None:
    """Bounds what the query can use and reach: its inputs and outputs, and no network."""
    temporary = Path(os.environ.get("TMPDIR") or ".").resolve()
    db.execute(f"SET temp_directory = {_text(str(temporary / 'duckdb'))}")
    db.execute(f"SET threads = {max(1, int(os.environ.get('OMP_NUM_THREADS') or 1))}")
    memory = int(os.environ.get("BINE_MEMORY") or 0)
    if memory:  # what Python and DuckDB's own structures need is not in its limit
        db.execute(f"SET memory_limit = '{max(memory * 7 // 10, 32 << 20) >> 20}MiB'")
    paths = [str(p.resolve()) for p in views.values()]
    paths += [str(p) for p in views.values()] + [str(outputs.directory.resolve()), str(temporary)]
    allowed = ", ".join(_text(p) for p in dict.fromkeys(paths))
    for setting in (f"allowed_paths = [{allowed}]", f"allowed_directories = [{allowed}]", "enable_external_access = false"):
        db.execute(f"SET {setting}")


def _finish(db: Any, duckdb: Any, last: Any, declared: Optional[Mapping[str, str]]) -> None:
    """Runs the last statement and sets the outputs."""
    wanted = None if declared is None else set(declared)
    if last.type != duckdb.StatementType.SELECT:
        db.execute(last)
        if wanted:
            sys.exit("the last statement is no query, so there is nothing for the outputs: end with a SELECT")
        return
    db.execute(f"CREATE TEMP TABLE {_RESULT} AS {last.query.strip().rstrip(';')}")
    if wanted is None or "result" in wanted:
        db.execute(f"COPY {_RESULT} TO {_text(str(outputs.path('result').resolve()))} (FORMAT parquet)")
    first = db.execute(f"SELECT * FROM {_RESULT} LIMIT 1")
    columns = [c[0] for c in first.description]
    row = first.fetchone()
    count = db.execute(f"SELECT count(*) FROM {_RESULT}").fetchone()[0]
    print(f"{count} rows with the columns {', '.join(columns)}")
    names = [c for c in columns if c != "result"] if wanted is None else sorted(wanted - {"result"})
    missing = [n for n in names if n not in columns]
    if missing:
        sys.exit(f"the query gives no column {missing[0]}, which is an output; it gives {', '.join(columns)}")
    if row is None:
        if wanted is not None and names:
            sys.exit(f"the query gave no rows, so there is no value for the outputs {', '.join(names)}")
        return
    values = dict(zip(columns, row))
    outputs.update({n: _plain(values[n], (declared or {}).get(n, "")) for n in names if _is_output(n)})


def _is_output(name: str) -> bool:
    return bool(name) and all(c.isalnum() or c == "_" for c in name)


def _plain(value: Any, kind: str) -> Any:
    """A value of DuckDB as JSON has it."""
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() and kind != "float" else float(value)
    if isinstance(value, float) and kind == "int" and value.is_integer():
        return int(value)
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (datetime.timedelta, uuid.UUID)):
        return str(value)
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    if isinstance(value, (list, tuple)):
        return [_plain(v, "") for v in value]
    if isinstance(value, dict):
        return {str(k): _plain(v, "") for k, v in value.items()}
    return value


def _source(path: Path, view: str) -> str:
    """The call that reads a file, or all files of a directory."""
    files = sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith((".", "_"))) if path.is_dir() else [path]
    if not files:
        sys.exit(f"{view} is an empty directory: there is nothing to read")
    first = kind_of(files[0])
    for file in files[1:]:
        other = kind_of(file)
        if other != first:
            sys.exit(f"{view} holds files of several kinds: {files[0].name} is {' '.join(first)}, {file.name} {' '.join(other)}")
    kind, packed = first
    options = "union_by_name = true" + (f", compression = '{packed}'" if kind != "parquet" else "")
    return f"{_READERS[kind]}([{', '.join(_text(str(f)) for f in files)}], {options})"


def kind_of(file: Path) -> tuple[str, str]:
    """csv, json or parquet, and none, gzip or zstd: seen from the content, because artifacts have no endings."""
    with open(file, "rb") as f:
        head = f.read(4)
    if head == b"PAR1":
        return "parquet", "none"
    packed, start = "none", head
    if head[:2] == b"\x1f\x8b":
        packed = "gzip"
        with gzip.open(file, "rb") as unpacked:
            start = unpacked.read(64)
    elif head == b"\x28\xb5\x2f\xfd":
        return ("json" if ".json" in file.name or ".ndjson" in file.name else "csv"), "zstd"
    else:
        with open(file, "rb") as f:
            start = f.read(64)
    return ("json" if start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[") else "csv"), packed


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def fetch(path: str, target: Path) -> Path:
    """Copies a file or directory of the project here, with what the step may read, and gives where it is."""
    path = path.strip("/")
    about = _ask("stat", {"path": path})
    if not about.get("dir"):
        return _download(path, target.with_name(f"{target.name}-{Path(path).name}"))
    for file in _below(path):
        _download(file, target / Path(file).relative_to(path))
    target.mkdir(parents=True, exist_ok=True)
    return target


def _below(directory: str) -> Iterator[str]:
    query = {"dir": directory}
    while True:
        page = _ask("files", query)
        for one in page.get("items") or ():
            if one.get("dir"):
                yield from _below(one["path"])
            else:
                yield one["path"]
        if not page.get("next"):
            return
        query["after"] = page["next"]


def _download(path: str, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    with _open(f"files/{quote(path)}") as answer, open(target, "wb") as f:
        shutil.copyfileobj(answer, f, 1 << 20)
    return target


def _ask(what: str, query: Mapping[str, str]) -> Any:
    with _open(f"{what}?{urlencode(query)}") as answer:
        return json.load(answer)


def _open(what: str) -> Any:
    project, api = quote(os.environ["BINE_PROJECT"]), os.environ["BINE_API"].rstrip("/")
    request = urllib.request.Request(f"{api}/api/v1/projects/{project}/{what}")
    request.add_header("Authorization", f"Bearer {os.environ['BINE_TOKEN']}")
    # What the environment says of proxies is for the outside, not for the platform.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        return opener.open(request, timeout=120)
    except urllib.error.HTTPError as e:
        try:
            detail = json.load(e).get("detail")
        except ValueError:
            detail = None
        sys.exit(f"the project's files: {detail or e}")
    except OSError as e:
        sys.exit(f"no answer from {api}: {e}")
