"""Splits the table by time: what flew before `test_from` is for training, the rest for the test."""

import sys

import pandas as pd

from bine import inputs, outputs, params


def main() -> None:
    table = pd.read_csv(inputs["table"], compression="gzip", dtype=str, keep_default_na=False)
    border = str(params.get("test_from", "2013-11-01"))
    parts = {"train": table[table["date"] < border], "test": table[table["date"] >= border]}
    for name, part in parts.items():
        if part.empty:
            sys.exit(f"no flight is left for {name}: test_from {border} is outside of the data")
        part.to_csv(
            outputs.path(name), index=False, compression={"method": "gzip", "compresslevel": 1, "mtime": 0}
        )
        print(f"{name}: {len(part)} flights, {part['date'].min()} to {part['date'].max()}")


if __name__ == "__main__":
    main()
