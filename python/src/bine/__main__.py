"""``python -m bine VERB FILE [NAME]``: the pipelines that a Python file holds."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

from .code import root_of
from .definition import Definition
from .errors import Error

VERBS = {
    "check": "check the pipelines; with the server that the CLI is signed in to",
    "yaml": "print a pipeline's YAML",
    "files": "list the files that would be its code",
    "store": "store the pipelines as their next versions",
    "run": "store a pipeline, start a run and follow it",
}


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Does what the command line asks for; gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bine", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for name, about in VERBS.items():
        verb = verbs.add_parser(name, help=about)
        verb.add_argument("file", type=Path)
        verb.add_argument("name", nargs="?", help="of the pipeline; all that the file holds if absent")
        verb.add_argument("-p", "--project", help="project; that of the CLI if absent")
        if name == "run":
            verb.add_argument("-P", dest="params", action="append", default=[], metavar="NAME=VALUE")
    given = parser.parse_args(arguments)
    try:
        for pipeline in chosen(given.file, given.name, single=given.verb in ("yaml", "run")):
            status = _do(given, pipeline)
            if status:
                return status
    except Error as e:
        print(e, file=sys.stderr)
        return 1
    return 0


def _do(given: Any, pipeline: Definition) -> int:
    if given.verb == "yaml":
        print(pipeline.yaml(), end="")
    elif given.verb == "files":
        print("\n".join(pipeline.files()))
    elif given.verb == "check":
        pipeline.check(given.project)
        print(f"pipeline {pipeline.name} is well-formed", file=sys.stderr)
    elif given.verb == "store":
        print(pipeline.store(given.project).name)
    else:
        run = pipeline.run(given.project, **_params(given.params))
        print(run.id, flush=True)
        run.wait(on_log=print)
        print(f"{run.id} {run.state} {run.reason}".rstrip(), file=sys.stderr)
        return 0 if run.ok else 1
    return 0


def chosen(file: Path, name: Optional[str], single: bool = False) -> list[Definition]:
    """The pipelines of a file, or the one of a name."""
    found = {d.name: d for d in vars(_module(file)).values() if isinstance(d, Definition)}
    if name is not None:
        wanted = found.get(name) or next((d for d in found.values() if d.function.__name__ == name), None)
        if wanted is None:
            raise Error(f"{file} holds no pipeline {name}; it holds {', '.join(found) or 'none'}", kind="not_found")
        return [wanted]
    if not found or (single and len(found) > 1):
        raise Error(f"{file} holds {', '.join(found) or 'no pipeline'}: " + ("say which" if found else "@pipeline makes one"), kind="invalid")
    return list(found.values())


def _module(file: Path) -> Any:
    """The file imported as the module that it is, so that its functions are found again in a step."""
    path = file.resolve()
    if not path.is_file() or path.suffix != ".py":
        raise Error(f"{file} is no Python file", kind="not_found")
    root = root_of([path])
    sys.path.insert(0, str(root))
    return importlib.import_module(".".join(path.relative_to(root).with_suffix("").parts))


def _params(texts: Sequence[str]) -> dict[str, Any]:
    out = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise Error(f"{text!r} is no param: write NAME=VALUE", kind="invalid")
        try:
            out[name] = json.loads(value)
        except ValueError:
            out[name] = value
    return out


if __name__ == "__main__":
    sys.exit(main())
