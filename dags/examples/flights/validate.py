"""Checks the table before anything is learned from it, and says all that is wrong at once."""

import json
import sys

import pandas as pd

from bine import inputs, outputs

# Column: lowest and highest value that make sense, and the share that may be missing.
NUMBERS = {
    "hour": (0, 23, 0.0),
    "weekday": (0, 6, 0.0),
    "minute_of_day": (0, 1439, 0.0),
    "distance": (50, 6000, 0.0),
    "seats": (1, 600, 0.3),
    "plane_age": (-1, 70, 0.35),
    "temp": (-40, 120, 0.05),
    "dewp": (-60, 100, 0.05),
    "humid": (0, 100, 0.05),
    "wind_dir": (0, 360, 0.2),
    "wind_speed": (0, 150, 0.05),
    "wind_gust": (0, 200, 1.0),
    "precip": (0, 10, 0.05),
    "pressure": (900, 1100, 0.3),
    "visib": (0, 20, 0.05),
    "recent_delay": (-60, 400, 0.6),
    "late": (0, 1, 0.0),
}
TEXTS = ["date", "scheduled", "carrier", "origin", "dest"]
KEY = ["scheduled", "origin", "carrier", "flight"]


def faults(table: pd.DataFrame) -> list[str]:
    """What is wrong with the table, a sentence each."""
    missing = [c for c in (*TEXTS, "flight", *NUMBERS) if c not in table]
    if missing:
        return [f"columns are missing: {', '.join(missing)}"]
    found = []
    if len(table) < 1000:
        found.append(f"the table has {len(table)} rows, at least 1000 are needed: raise the parameter sample")
    for name, (low, high, share) in NUMBERS.items():
        if not pd.api.types.is_numeric_dtype(table[name]):
            found.append(f"{name} holds text where numbers are expected")
            continue
        outside = int(((table[name] < low) | (table[name] > high)).sum())
        if outside:
            found.append(f"{name} is outside of {low} to {high} in {outside} rows")
        if table[name].isna().mean() > share:
            found.append(f"{name} is missing in {table[name].isna().mean():.1%} of the rows, {share:.0%} is the limit")
    found += [f"{name} is missing in {n} rows" for name in TEXTS if (n := int(table[name].isna().sum()))]
    twice = int(table.duplicated(KEY).sum())
    if twice:
        found.append(f"{twice} flights are in the table twice")
    if table["late"].nunique() < 2:
        found.append("all flights have the same label")
    return found


def main() -> None:
    table = pd.read_csv(inputs["table"], compression="gzip")
    found = faults(table)
    report = {
        "rows": len(table),
        "faults": found,
        "late": round(float(table["late"].mean()), 6) if "late" in table and len(table) else None,
        "columns": {
            name: {
                "missing": round(float(table[name].isna().mean()), 6),
                "distinct": int(table[name].nunique()),
                **({"min": float(table[name].min()), "max": float(table[name].max())} if name in NUMBERS else {}),
            }
            for name in table.columns
        },
    }
    outputs.path("report").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    outputs["rows"] = len(table)
    if found:
        sys.exit("the table is not fit for use:\n" + "\n".join(f"  - {f}" for f in found))
    print(f"{len(table)} rows, {len(table.columns)} columns: nothing wrong")


if __name__ == "__main__":
    main()
