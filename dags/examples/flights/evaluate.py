"""Takes the configuration that scored best in training, and measures it on flights that none has seen.

Beside it stands the base rate by carrier and hour, learned from the same
training data: a model that does not beat it is not worth deploying.
"""

import json
import shutil

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from bine import inputs, load_model, log_metric, outputs, params


def best(models: dict) -> tuple:
    """Key and scores; of equal scores the first key by name."""
    given = params.get("scores")
    scores = {}
    for key, directory in models.items():
        kept = json.loads((directory / "model.json").read_text(encoding="utf-8"))["metrics"]["roc_auc"]
        scores[key] = float(given[key]) if isinstance(given, dict) and key in given else float(kept)
    return max(sorted(scores), key=lambda key: scores[key]), scores


def base_rate(directory, test: pd.DataFrame) -> np.ndarray:
    """The baseline's prediction for each flight."""
    rates = json.loads((directory / "base_rates.json").read_text(encoding="utf-8"))
    keys = test["carrier"] + " " + test["hour"].astype(str)
    return keys.map(rates["by_carrier_and_hour"]).fillna(rates["overall"]).to_numpy()


def calibration(late: np.ndarray, probability: np.ndarray, bins: int = 10) -> list:
    """Predicted and observed share of late flights in tenths of the predictions."""
    order = np.argsort(probability, kind="stable")
    return [
        {
            "rows": len(part),
            "from": round(float(probability[part[0]]), 6),
            "to": round(float(probability[part[-1]]), 6),
            "predicted": round(float(probability[part].mean()), 6),
            "observed": round(float(late[part].mean()), 6),
        }
        for part in np.array_split(order, bins)
        if len(part)
    ]


def main() -> None:
    models = inputs.items_of("models")
    test = pd.read_csv(inputs["test"], compression="gzip")
    key, scores = best(models)
    late = test["late"].to_numpy()
    probability = load_model(models[key]).predict_proba(test)[:, 1]
    score = round(float(roc_auc_score(late, probability)), 6)
    baseline = round(float(roc_auc_score(late, base_rate(models[key], test))), 6)

    target = outputs.path("best")
    target.mkdir()
    for file in sorted(models[key].iterdir()):
        shutil.copyfile(file, target / file.name)
    about = json.loads((target / "model.json").read_text(encoding="utf-8"))
    about["metrics"] = {"roc_auc": score, "baseline": baseline, "validation_roc_auc": scores[key]}
    (target / "model.json").write_text(json.dumps(about, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")

    report = {
        "best": key,
        "validation_roc_auc": scores,
        "rows": len(test),
        "late": round(float(late.mean()), 6),
        "roc_auc": score,
        "baseline_roc_auc": baseline,
        "calibration": calibration(late, probability),
    }
    outputs.path("report").write_text(json.dumps(report, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    outputs.update({"roc_auc": score, "baseline": baseline, "better": score > baseline})
    log_metric("roc_auc", score)
    log_metric("baseline", baseline)
    print(f"{key}: roc_auc {score:.4f} on {len(test)} flights; base rate by carrier and hour {baseline:.4f}")


if __name__ == "__main__":
    main()
