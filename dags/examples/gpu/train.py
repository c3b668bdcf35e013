"""Stands for a training: it counts epochs, and writes a checkpoint after each."""

import json
import os
import time

from bine import checkpoint, outputs, params, resume

begun = 0
if before := resume():
    begun = json.loads((before / "state.json").read_text())["epoch"]
    print(f"going on from epoch {begun}")

for epoch in range(begun, params["epochs"]):
    time.sleep(params["seconds"])
    state = checkpoint() / "state.json.new"
    state.write_text(json.dumps({"epoch": epoch + 1}))
    state.rename(state.with_name("state.json"))
    print(f"epoch {epoch + 1}", flush=True)

outputs.update({"epochs": params["epochs"], "resumed_from": begun, "devices": len(os.environ["CUDA_VISIBLE_DEVICES"].split(","))})
