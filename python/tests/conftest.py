from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable

import pytest


@pytest.fixture
def step_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Makes this process look like a step, as the agent would start it; gives the outputs directory."""

    def make(params: Any = None, inputs: Any = None, batch: Any = None) -> Path:
        outputs = tmp_path / "outputs"
        outputs.mkdir()
        files = {"BINE_WITH": params or {}, "BINE_INPUTS": inputs or {}}
        if batch is not None:
            files["BINE_BATCH"] = batch
        for name, value in files.items():
            path = tmp_path / f"{name.lower()}.json"
            path.write_text(json.dumps(value))
            monkeypatch.setenv(name, str(path))
        monkeypatch.setenv("BINE_OUTPUTS", str(outputs))
        for name, value in {"PROJECT": "demo", "RUN": "flights-1", "STEP": "train", "ATTEMPT": "2"}.items():
            monkeypatch.setenv(f"BINE_{name}", value)
        return outputs

    return make
