"""Questions of runs to people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from .record import Approval, read
from .step import to_json
from .transport import Transport


def answer(
    transport: Transport,
    project: str,
    run: str,
    step: str,
    approve: bool,
    values: Optional[Mapping[str, Any]] = None,
    note: str = "",
    item: str = "",
) -> Approval:
    """Answers an approval that waits. The same answer again is harmless, another one a conflict."""
    body: dict[str, Any] = {"approve": approve}
    if values:
        body["values"] = to_json(dict(values), "values")
    if note:
        body["note"] = note
    path = ("projects", project, "runs", run, "approvals", step, "answer")
    return read(Approval, transport.json("POST", *path, json=body, params={"item": item} if item else None, safe=True))
