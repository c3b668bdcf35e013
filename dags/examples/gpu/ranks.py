"""Says which process of its gang it is; only what the first one says counts."""

import json
import os

rank, size = int(os.environ.get("BINE_RANK", "0")), int(os.environ.get("BINE_WORLD_SIZE", "1"))
print(f"process {rank} of {size}, devices {os.environ['CUDA_VISIBLE_DEVICES']}")
with open(os.path.join(os.environ["BINE_OUTPUTS"], "values.json"), "w", encoding="utf-8") as f:
    json.dump({"rank": rank, "size": size, "hosts": os.environ.get("BINE_HOSTS", "")}, f)
