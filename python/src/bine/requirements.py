"""Sees to it that a project's environment has the packages that a pipeline requires."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .errors import Error

if TYPE_CHECKING:
    from .project import Project
    from .record import EnvironmentVersion

LONGEST = 1800.0  # seconds that a new version may take to be built
POLL = 0.5


def ensure(project: "Project", requires: Sequence[str]) -> int:
    """The newest version of the environment that was made with all of ``requires``; one is built where there is none.

    A requirement without a version is met by any version of the package.
    """
    for version in project.environments():
        if version.state != "failed" and all(_met(one, version.requires) for one in requires):
            return _ready(project, version)
    newest = project.change_environment(add=list(requires))
    return _ready(project, newest)


def _met(wanted: str, has: Sequence[str]) -> bool:
    if "".join(wanted.split()).lower() in {"".join(h.split()).lower() for h in has}:
        return True
    name = _name(wanted)
    return name == wanted.strip().lower().replace("_", "-") and name in {_name(h) for h in has}


def _name(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement.strip(), maxsplit=1)[0].lower().replace("_", "-")


def _ready(project: "Project", version: "EnvironmentVersion") -> int:
    end = time.monotonic() + LONGEST
    while version.state != "ready":
        if version.state == "failed":
            raise Error(f"version {version.version} of the environment cannot be built: {version.reason}", kind="conflict")
        if time.monotonic() > end:
            raise TimeoutError(f"version {version.version} of the environment is {version.state} after {LONGEST:.0f} seconds")
        time.sleep(POLL)
        version = project.environment(version.version)
    return version.version
