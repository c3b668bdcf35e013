"""Finds the files that steps written in Python need, by reading them: nothing is executed."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from .errors import Error


def root_of(files: Iterable[Path]) -> Path:
    """The directory of the code: the one that the files, with the packages that they are in, lie in."""
    roots = set()
    for file in files:
        directory = file.parent
        while (directory / "__init__.py").exists():
            directory = directory.parent
        roots.add(directory)
    if not roots:
        raise Error("the pipeline has no file", kind="invalid")
    top = min(roots, key=lambda r: len(r.parts))
    for other in roots:
        if other != top and top not in other.parents:
            raise Error(f"the steps lie in {top} and in {other}: put their files into one directory", kind="invalid")
    return top


def needed(root: Path, files: Iterable[Path]) -> list[str]:
    """The names, relative to root, of Python files with what they import beside them, and that in turn.

    An import counts wherever it stands in a file. What is found in no file
    below root is an installed package and is left out.
    """
    found: set[Path] = set()
    queue = [f for f in files]
    while queue:
        file = queue.pop()
        if file in found:
            continue
        found.add(file)
        if file.suffix == ".py":
            queue.extend(_imported(root, file))
    return sorted(f.relative_to(root).as_posix() for f in found)


def _imported(root: Path, file: Path) -> Iterator[Path]:
    try:
        tree = ast.parse(file.read_bytes(), str(file))
    except SyntaxError as e:
        raise Error(f"{file}, line {e.lineno}: {e.msg}", kind="invalid") from None
    for statement in ast.walk(tree):
        if isinstance(statement, ast.Import):
            for name in statement.names:
                yield from _module(root, file, name.name.split("."))
        elif isinstance(statement, ast.ImportFrom):
            base = _base(root, file, statement)
            if base is None:
                continue
            yield from _module(root, file, base)
            for name in statement.names:
                yield from _module(root, file, [*base, name.name])


def _base(root: Path, file: Path, statement: ast.ImportFrom) -> "list[str] | None":
    parts = statement.module.split(".") if statement.module else []
    if statement.level == 0:
        return parts
    directory = file.parent
    for _ in range(statement.level - 1):
        directory = directory.parent
    if directory != root and root not in directory.parents:
        return None
    return [*directory.relative_to(root).parts, *parts]


def _module(root: Path, file: Path, parts: list[str]) -> Iterator[Path]:
    """The files of a module: its own and those of the packages around it. A script's own directory counts too."""
    for base in dict.fromkeys((root, file.parent)):
        directory = base
        for i, part in enumerate(parts):
            module, package = directory / f"{part}.py", directory / part / "__init__.py"
            if package.is_file():
                yield package.resolve() if package.is_symlink() else package
            elif i == len(parts) - 1 and module.is_file():
                yield module
            directory = directory / part
