"""Readings as columns into PostgreSQL, beside binary COPY of rows, dlt and pandas.

Run as ``python -m benchmarks.storage``. Every writer starts from the same numpy columns, ends with
a commit, and shares each round with its rivals.
"""

from __future__ import annotations

import gc
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from rich.table import Table
from sqlalchemy import make_url

from benchmarks.harness import report, show
from benchmarks.readings import YEAR, Store, copy_rows, store
from dcarbon.db.interval_days_writing import SeriesReadings, WriteOutcome, write

METERS = 30
ROUNDS = 5
SMALL_ROUNDS = 3
GOAL = (
    "at least 8x binary COPY of rows, at most 8 bytes of disk per reading with its index; the same"
    " again leaves no dead row and at most 1 byte of WAL per reading"
)
_WAL = "select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint"
_DEAD = "select coalesce(sum(n_dead_tup), 0)::bigint from pg_stat_user_tables"
_FLUSH = "select pg_stat_force_next_flush()"
_EMPTY = "truncate interval_days, interval_days_history, reading_rows"


@dataclass(frozen=True, slots=True)
class Cost:
    """One run of a writer."""

    seconds: float
    wal_bytes: int
    dead_rows: int


def main() -> None:
    with store(METERS) as place:
        figures, holds = measure_speed(place)
        figures |= measure_small(place)
    report("storage", figures, GOAL, holds)


def measure_speed(place: Store) -> tuple[dict[str, object], bool]:
    """Load a year of every meter fresh, again unchanged, and again with 1 % restated."""
    batches = place.batches()
    restated = _restated(batches)
    readings = METERS * YEAR
    costs: dict[str, list[Cost]] = {name: [] for name in ("rows", "fresh", "again", "restated")}
    sizes: tuple[int, int] = (0, 0)
    for number in range(ROUNDS + 1):
        place.run(_EMPTY, "checkpoint")
        rows = _cost(place, lambda: _write_rows(place, batches))
        fresh = _cost(place, lambda: _write_days(place, batches))
        sizes = _size(place, "interval_days"), _size(place, "reading_rows")
        place.run("vacuum analyze interval_days")
        again = _cost(place, lambda: _write_days(place, batches))
        changed = _cost(place, lambda: _write_days(place, restated))
        if number:  # the first round warms caches and pools
            for name, cost in zip(costs, (rows, fresh, again, changed), strict=True):
                costs[name].append(cost)
    seconds = {name: statistics.median(one.seconds for one in of) for name, of in costs.items()}
    wal = max(one.wal_bytes for one in costs["again"]) / readings
    dead = max(one.dead_rows for one in costs["again"])
    ratio = seconds["rows"] / seconds["fresh"]
    _show(seconds, costs, readings)
    holds = ratio >= 8 and sizes[0] / readings <= 8 and dead == 0 and wal <= 1
    return {
        "readings": readings,
        "rows_copy_per_s": readings / seconds["rows"],
        "interval_days_per_s": readings / seconds["fresh"],
        "times_rows_copy": ratio,
        "unchanged_per_s": readings / seconds["again"],
        "restated_1_percent_per_s": readings / seconds["restated"],
        "disk_bytes_per_reading": sizes[0] / readings,
        "disk_bytes_per_reading_as_rows": sizes[1] / readings,
        "unchanged_dead_rows": dead,
        "unchanged_wal_bytes_per_reading": wal,
        "restated_wal_bytes_per_reading": _median_wal(costs["restated"]) / readings,
    }, holds


def measure_small(place: Store) -> dict[str, object]:
    """One meter's year by general loaders, for the record: dlt merge and pandas.to_sql."""
    batches = place.batches()[:1]
    frame = pd.DataFrame(
        {
            "start_ts": pd.to_datetime(batches[0].start, unit="s", utc=True),
            "value": batches[0].value,
            "meter_id": 0,
            "quality": batches[0].quality,
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        load = _dlt_loader(place, Path(folder))
        table = pa.Table.from_pandas(frame, preserve_index=False)
        writers: dict[str, Callable[[], object]] = {
            "interval days": lambda: _write_days(place, batches),
            "pandas.to_sql": lambda: frame.to_sql(
                "frame_rows", place.engine, if_exists="append", index=False
            ),
            "dlt merge, dicts": lambda: load("dicts", frame.to_dict("records")),
            "dlt merge, Arrow": lambda: load("arrow", table),
        }
        times: dict[str, list[float]] = {name: [] for name in writers}
        for number in range(SMALL_ROUNDS + 1):
            place.run(
                _EMPTY, "drop table if exists frame_rows", "drop schema if exists dlt cascade"
            )
            for name, writer in writers.items():
                seconds = _cost(place, writer).seconds
                if number:
                    times[name].append(seconds)
    rates = {name: YEAR / statistics.median(of) for name, of in times.items()}
    shown = Table("writer", "readings/s", title=f"{YEAR:,} readings, fresh")
    for name, rate in rates.items():
        shown.add_row(name, f"{rate:,.0f}")
    show(shown)
    return {f"small_per_s: {name}": rate for name, rate in rates.items()}


def _write_days(place: Store, batches: Sequence[SeriesReadings]) -> WriteOutcome:
    with place.sessions.begin() as session:
        return write(session, batches, recorded_at=datetime.now(UTC))


def _write_rows(place: Store, batches: Sequence[SeriesReadings]) -> None:
    with place.sessions.begin() as session:
        copy_rows(session, batches, "reading_rows")


def _restated(batches: Sequence[SeriesReadings]) -> list[SeriesReadings]:
    random = np.random.default_rng(1)
    return [
        replace(batch, value=batch.value + (random.random(len(batch.value)) < 0.01))
        for batch in batches
    ]


def _dlt_loader(place: Store, folder: Path) -> Callable[[str, Any], object]:
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    os.environ["DLT_DATA_DIR"] = str(folder)
    import dlt  # noqa: PLC0415 — reads its settings when imported

    url = make_url(place.url)
    socket = str(url.query["host"]).replace("/", "%2F")
    target = dlt.destinations.postgres(credentials=f"postgresql://postgres:none@{socket}/dcarbon")

    def load(kind: str, readings: object) -> object:
        pipeline = dlt.pipeline(
            f"bench_{time.monotonic_ns()}",
            destination=target,
            dataset_name=f"dlt_{kind}",
            pipelines_dir=str(folder),
        )
        return pipeline.run(
            readings,
            table_name="readings",
            write_disposition={"disposition": "merge", "strategy": "upsert"},
            primary_key=("meter_id", "start_ts"),
        )

    return load


def _cost(place: Store, writer: Callable[[], object]) -> Cost:
    gc.collect()
    place.scalar(_FLUSH)
    wal, dead = place.scalar(_WAL), place.scalar(_DEAD)
    began = time.perf_counter()
    writer()
    seconds = time.perf_counter() - began
    wal = place.scalar(_WAL) - wal
    time.sleep(1.1)  # a session reports its statistics at most once a second
    place.scalar(_FLUSH)
    return Cost(seconds, wal, place.scalar(_DEAD) - dead)


def _size(place: Store, table: str) -> int:
    return int(
        place.scalar(f"""select pg_total_relation_size('{table}')
            + coalesce(sum(pg_total_relation_size(inhrelid)), 0)::bigint
            from pg_inherits where inhparent = '{table}'::regclass""")
    )


def _median_wal(costs: Sequence[Cost]) -> float:
    return statistics.median(cost.wal_bytes for cost in costs)


def _show(seconds: dict[str, float], costs: dict[str, list[Cost]], readings: int) -> None:
    titles = {
        "rows": "binary COPY, row per reading",
        "fresh": "interval days, fresh",
        "again": "interval days, the same again",
        "restated": "interval days, 1 % restated",
    }
    table = Table("writer", "s", "readings/s", "x rows", "WAL B/reading", "dead rows")
    table.title = f"{readings:,} readings of {METERS} meters, median of {ROUNDS}"
    for name, title in titles.items():
        table.add_row(
            title,
            f"{seconds[name]:.3f}",
            f"{readings / seconds[name]:,.0f}",
            f"{seconds['rows'] / seconds[name]:.1f}",
            f"{_median_wal(costs[name]) / readings:.2f}",
            f"{max(cost.dead_rows for cost in costs[name]):,}",
        )
    show(table)


if __name__ == "__main__":
    main()
