"""One meter's day, month and year out of PostgreSQL into Arrow, beside a row per reading.

Run as ``python -m benchmarks.read_back``. Both tables hold the same readings and are vacuumed and
warm; meters are drawn at random, the same for every rival in a round.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
from rich.table import Table
from sqlalchemy.orm import Session

from benchmarks.harness import report, show
from benchmarks.readings import START, YEAR, Store, copy_rows, rows_to_arrow, store
from dcarbon.db import binary_copy as bc
from dcarbon.db.interval_days_reading import read_series
from dcarbon.db.interval_days_writing import write

METERS = 60
ROUNDS = 40
SPANS = {"day": 1, "month": 31, "year": 365}
GOAL = "a year (35,040 readings) at least 5x as fast as from rows with their primary key"

Reader = Callable[[Session, int, datetime, datetime], pa.Table]


def main() -> None:
    with store(METERS) as place:
        _fill(place)
        readers: dict[str, Reader] = {
            "interval days": lambda session, meter, start, end: read_series(
                session, place.series_ids[meter], start, end
            ),
            "rows, COPY and numpy": rows_to_arrow,
            "rows, psycopg": _rows_by_psycopg,
        }
        _check_equal(place, readers)
        medians = _measure(place, readers)
    ours = medians["interval days"]
    ratios = {
        span: min(medians[name][span] for name in medians if name != "interval days") / ours[span]
        for span in SPANS
    }
    _show(medians)
    figures: dict[str, object] = {"readings_stored": METERS * YEAR}
    figures |= {
        f"{name}, {span}, ms": one[span] * 1000 for name, one in medians.items() for span in one
    }
    figures |= {f"times_best_rows, {span}": ratio for span, ratio in ratios.items()}
    report("read_back", figures, GOAL, ratios["year"] >= 5)


def _fill(place: Store) -> None:
    batches = place.batches()
    with place.sessions.begin() as session:
        write(session, batches, recorded_at=datetime.now(UTC))
        copy_rows(session, batches, "reading_rows")
    place.run("vacuum analyze interval_days", "vacuum analyze reading_rows", "checkpoint")


def _rows_by_psycopg(session: Session, meter: int, start: datetime, end: datetime) -> pa.Table:
    with bc.connection_of(session).cursor(binary=True) as cursor:
        cursor.execute(
            "select extract(epoch from start_ts)::bigint, value, quality from reading_rows"
            " where meter_id = %s and flow = 1 and start_ts >= %s and start_ts < %s"
            " order by start_ts",
            (meter, start, end),
        )
        start_s, value, quality = zip(*cursor.fetchall(), strict=True)
    return pa.table(
        {
            "start": pa.array(start_s, pa.int64()).cast(pa.timestamp("s", tz="UTC")),
            "value": pa.array(value, pa.int64()),
            "quality": pa.array(quality, pa.int16()),
        }
    )


def _check_equal(place: Store, readers: dict[str, Reader]) -> None:
    """Stop a comparison of readers that do not read the same."""
    with place.sessions() as session:
        tables = [read(session, 7, START, START + timedelta(days=365)) for read in readers.values()]
    for table in tables:
        assert table.num_rows == YEAR
        for name in ("start", "value", "quality"):
            assert pc.all(pc.equal(table[name], tables[0][name])).as_py()


def _measure(place: Store, readers: dict[str, Reader]) -> dict[str, dict[str, float]]:
    chosen = random.Random(1)
    times: dict[str, dict[str, list[float]]] = {
        name: {span: [] for span in SPANS} for name in readers
    }
    with place.sessions() as session:
        for number in range(ROUNDS + 3):
            for span, days in SPANS.items():
                meter = chosen.randrange(METERS)
                start = START + timedelta(days=chosen.randrange(366 - days))
                # Whoever follows a long read finds cold caches: take turns at that.
                for name, read in chosen.sample(list(readers.items()), len(readers)):
                    began = time.perf_counter()
                    read(session, meter, start, start + timedelta(days=days))
                    if number >= 3:
                        times[name][span].append(time.perf_counter() - began)
    return {
        name: {span: statistics.median(of) for span, of in spans.items()}
        for name, spans in times.items()
    }


def _show(medians: dict[str, dict[str, float]]) -> None:
    table = Table("reader", *(f"{span}, ms" for span in SPANS), title=f"one of {METERS} meters")
    for name, spans in medians.items():
        table.add_row(name, *(f"{spans[span] * 1000:.2f}" for span in SPANS))
    show(table)


if __name__ == "__main__":
    main()
