"""Executes a notebook: what a step of the kind notebook runs.

The step's ``with`` becomes a cell behind the one that is tagged ``parameters``,
as papermill does it. The executed copy is kept as it grows, so that it shows
the cell that failed; with its HTML it is the outputs ``notebook`` and ``html``.
"""

from __future__ import annotations

import keyword
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .step import outputs, params

NEEDED = "a notebook needs nbclient, nbconvert and ipykernel in the project's environment: add them to it"


def main() -> None:
    """Executes the notebook that BINE_NOTEBOOK names, a file of the code."""
    name = os.environ["BINE_NOTEBOOK"]
    sys.exit(execute(Path("code", name), dict(params)))


def execute(file: Path, values: Mapping[str, Any]) -> int:
    """Executes a notebook with values for its parameters; gives 0, or 1 where a cell failed."""
    try:
        import ipykernel  # noqa: F401 — only whether it is there
        import nbconvert  # noqa: F401
        import nbformat
        from nbclient import NotebookClient
        from nbclient.exceptions import CellExecutionError, DeadKernelError
    except ImportError as e:
        sys.exit(f"{e}: {NEEDED}")

    class Client(NotebookClient):  # type: ignore[misc]
        """Passes on what cells print while they run."""

        def process_message(self, msg: Mapping[str, Any], cell: Any, cell_index: int) -> Any:
            if msg["msg_type"] == "stream":
                target = sys.stderr if msg["content"].get("name") == "stderr" else sys.stdout
                target.write(msg["content"]["text"])
                target.flush()
            return super().process_message(msg, cell, cell_index)

    try:
        notebook = nbformat.read(str(file), as_version=4)
    except Exception as e:
        sys.exit(f"{file} cannot be read as a notebook: {e}")
    inject(notebook, values)
    _keep(notebook)
    client = Client(notebook, timeout=None, kernel_name=_kernel(notebook), on_cell_executed=lambda **_: _keep(notebook))
    failed = ""
    try:
        client.execute()
    except CellExecutionError as e:
        failed = f"{e.ename}: {e.evalue}\n{e}" if getattr(e, "ename", "") else str(e)
    except DeadKernelError as e:
        failed = f"the kernel has ended: {e}"
    _keep(notebook)
    _keep_html(notebook)
    if failed:
        print(failed, file=sys.stderr)
    return 1 if failed else 0


def inject(notebook: Any, values: Mapping[str, Any]) -> None:
    """Puts a cell that sets the values behind the one with the tag parameters, or in front where there is none."""
    if not values:
        return
    from nbformat.v4 import new_code_cell

    for name in values:
        if not name.isidentifier() or keyword.iskeyword(name):
            sys.exit(f"the parameter {name!r} cannot be a variable of the notebook: give it another name in with")
    source = "# Parameters of the step\n" + "\n".join(f"{name} = {value!r}" for name, value in values.items())
    cell = new_code_cell(source, metadata={"tags": ["injected-parameters"]})
    tags = [c.get("metadata", {}).get("tags", []) for c in notebook.cells]
    at = next((i + 1 for i, t in enumerate(tags) if "parameters" in t), 0)
    if at < len(tags) and "injected-parameters" in tags[at]:
        notebook.cells[at] = cell  # of a run before, as papermill keeps it
    else:
        notebook.cells.insert(at, cell)


def _kernel(notebook: Any) -> str:
    """The kernel: for Python that of this environment, whatever the notebook calls its own."""
    spec = notebook.metadata.get("kernelspec", {})
    language = spec.get("language") or notebook.metadata.get("language_info", {}).get("name") or "python"
    return "python3" if str(language).lower() == "python" else str(spec.get("name"))


def _keep(notebook: Any) -> None:
    import nbformat

    _write("notebook", nbformat.writes(notebook))


def _keep_html(notebook: Any) -> None:
    from nbconvert import HTMLExporter

    html, _ = HTMLExporter().from_notebook_node(notebook)
    _write("html", html)


def _write(name: str, text: str) -> None:
    """Writes an artifact so that whoever looks finds the old or the new one, never half."""
    target = outputs.path(name)
    partial = target.with_name(f".{name}.partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, target)
