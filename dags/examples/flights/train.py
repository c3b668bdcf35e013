"""Trains one configuration: gradient boosting on what is known before departure.

The last fifth of the training time is kept apart to score the configuration;
the test data plays no part here.
"""

import json

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

from bine import inputs, items, save_model

TEXTS = ["carrier", "origin", "dest"]
NUMBERS = [
    "weekday", "minute_of_day", "distance", "seats", "plane_age", "temp", "dewp", "humid", "wind_dir",
    "wind_speed", "wind_gust", "precip", "pressure", "visib", "recent_delay",
]
EXAMPLE = {
    "carrier": "UA", "origin": "EWR", "dest": "ORD", "weekday": 4, "minute_of_day": 1065, "distance": 719.0,
    "seats": 149.0, "plane_age": 13.0, "temp": 51.1, "dewp": 48.9, "humid": 92.2, "wind_dir": 60.0,
    "wind_speed": 12.7, "wind_gust": None, "precip": 0.04, "pressure": 1008.9, "visib": 5.0, "recent_delay": 24.5,
}
BLOCK = 10  # iterations between two points of the learning curve


def model(learning_rate: float, depth: int, iterations: int) -> Pipeline:
    """Takes the columns as they are: the encoding of the texts is a part of it."""
    encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=float("nan"))
    columns = ColumnTransformer([("texts", encode, TEXTS), ("numbers", "passthrough", NUMBERS)])
    boost = HistGradientBoostingClassifier(
        learning_rate=learning_rate,
        max_depth=depth,
        max_iter=iterations,
        categorical_features=list(range(len(TEXTS))),
        early_stopping=False,
        random_state=13,
    )
    return Pipeline([("columns", columns), ("boost", boost)])


def base_rates(table: pd.DataFrame) -> dict:
    """Share of late flights by carrier and hour: what a model has to beat."""
    by = table.groupby(["carrier", "hour"])["late"].mean()
    return {
        "overall": float(table["late"].mean()),
        "by_carrier_and_hour": {f"{carrier} {hour}": float(rate) for (carrier, hour), rate in by.items()},
    }


def main() -> None:
    table = pd.read_csv(inputs["train"], compression="gzip")
    days = sorted(table["date"].unique())
    border = days[int(len(days) * 0.8)]
    fit, held = table[table["date"] < border], table[table["date"] >= border]
    for item in items():
        p = item.params
        fitted = model(float(p["learning_rate"]), int(p["depth"]), int(p["iterations"]))
        fitted.fit(fit[TEXTS + NUMBERS], fit["late"])
        encoded = fitted[:-1].transform(held[TEXTS + NUMBERS])
        for n, probability in enumerate(fitted[-1].staged_predict_proba(encoded), 1):
            if n % BLOCK == 0 or n == int(p["iterations"]):
                score = float(roc_auc_score(held["late"], probability[:, 1]))
                item.log_metric("roc_auc", score, step=n)
                item.log_metric("log_loss", log_loss(held["late"], probability[:, 1]), step=n)
        directory = save_model(
            fitted,
            "model",
            example=EXAMPLE,
            metrics={"roc_auc": score},
            positive="delayed",
            description=f"arrival more than 15 minutes late, {p.get('horizon', 2)} hours before departure, {p.get('name', '')}",
            outputs=item.outputs,
        )
        rates = json.dumps(base_rates(table), indent=1, sort_keys=True)
        (directory / "base_rates.json").write_text(rates + "\n", encoding="utf-8")
        item.outputs["roc_auc"] = score
        print(f"{p.get('name', 'model')}: roc_auc {score:.4f} on {len(held)} flights from {border} on")


if __name__ == "__main__":
    main()
