"""What the CLI keeps: addresses, keys, and which of them is used."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def config_path() -> Path:
    """The file in which ``bine login`` keeps addresses and keys: where the CLI has it."""
    if os.environ.get("BINE_CONFIG"):
        return Path(os.environ["BINE_CONFIG"])
    if sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Application Support")
    else:
        base = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return Path(base, "bine", "config.json")


def _context() -> Mapping[str, Any]:
    """The current context of the CLI's configuration; empty where there is none."""
    try:
        config = json.loads(config_path().read_text(encoding="utf-8"))
        found = config["contexts"][config["current"]]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return found if isinstance(found, Mapping) else {}
