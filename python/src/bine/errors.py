"""The errors of this package."""

from __future__ import annotations

from typing import Any, Mapping, Sequence


class Error(Exception):
    """Something that Bine refused or could not do.

    ``kind`` says what went wrong in terms that a program can act on
    (``invalid``, ``not_found``, ``conflict``, ``forbidden``, ``unavailable`` …),
    ``details`` carries the single faults, each with ``message`` and, where it
    has one, ``location``, ``line`` and ``column``; ``status`` is the HTTP
    status, 0 where no answer came.
    """

    def __init__(
        self,
        message: str,
        kind: str = "internal",
        details: Sequence[Mapping[str, Any]] = (),
        status: int = 0,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind
        self.details = [dict(d) for d in details]
        self.status = status

    def __str__(self) -> str:
        lines = [self.message]
        for detail in self.details:
            place = str(detail.get("location") or "")
            if detail.get("line"):
                place = f"{place} line {detail['line']}".strip()
            text = str(detail.get("message", ""))
            if text and text != self.message:
                lines.append(f"  {place + ': ' if place else ''}{text}")
        return "\n".join(lines)
