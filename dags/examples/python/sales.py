"""A pipeline written in Python from end to end: the steps are functions of this file.

    python sales.py            stores it in the project that the CLI is signed in to, and runs it
    python -m bine yaml sales.py
"""

from pathlib import Path

from bine import expr, log_metric, outputs, pipeline, step


@step(retry=3, memory="1GiB", outputs={"table": "artifact", "rows": int})
def load(days: int):
    """Makes a table of sales, one line for each day."""
    outputs.path("table").write_text("".join(f"{day},{100 + day % 7}\n" for day in range(days)))
    return {"rows": days}


@step
def forecast(shop: str, table: Path) -> {"error": float}:
    """Guesses the sales of one shop."""
    sold = [int(line.split(",")[1]) for line in table.read_text().splitlines()]
    error = abs(sum(sold) / len(sold) - 103) / 100 + len(shop) / 1000
    log_metric("error", error)
    return {"error": error}


@step
def worst(errors) -> {"shop": str, "error": float}:
    """Reads what the shops gave row by row, and finds the worst."""
    row = max(errors, key=lambda row: row["value"])
    return {"shop": row["key"], "error": row["value"]}


@pipeline(description="Forecasts next week's sales of every shop.")
def sales(days: int = 90, shops: list = ["graz", "linz", "salzburg"]):
    loaded = load(days)
    errors = forecast.foreach(shops, max_parallel=2)(table=loaded.table)
    found = worst(errors.error.rows())
    summary = step.values("summary", mean=expr.sum(errors.error.values()) / expr.double(shops.size()))
    return {"shop": found.shop, "worst": found.error, "mean": summary.mean}


if __name__ == "__main__":
    run = sales.run().wait(on_log=print)
    print(run.state, run.reason)
