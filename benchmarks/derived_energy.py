"""Daily totals from the stored table beside summing readings, and what deriving them costs.

Run as ``python -m benchmarks.derived_energy``. A hundred meters with a year of quarter hours taken
and given. The rivals sum what is asked from the readings: in SQL through the view ``intervals``,
and in numpy over interval days as the product reads them.
"""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
from rich.table import Table
from sqlalchemy import select, text

from benchmarks.harness import interleaved, report, show
from benchmarks.readings import START, STEP_S, YEAR, Store, store
from dcarbon.db import interval_days_writing
from dcarbon.db.base import new_id
from dcarbon.db.interval_days_reading import series_columns
from dcarbon.db.interval_days_writing import SeriesReadings
from dcarbon.db.local_days import LocalDays, to_date, to_number
from dcarbon.db.tables import MeterChannel, Series
from dcarbon.services import derived_energy, energy_totals
from dcarbon.services.derived_energy import DerivedDays

METERS = 100
ROUNDS = 3
ZONE = "America/Los_Angeles"
FIRST, LAST = date(2025, 1, 1), date(2025, 12, 31)
LIMIT_S = 1.0
RECORDED = datetime(2026, 2, 1, tzinfo=UTC)
GOAL = (
    f"a year of daily totals of {METERS} meters in under {LIMIT_S:.0f} s; a restated month stores"
    " the days of that month and no other"
)
_BY_VIEW = text("""
select channel_id, start_local::date as day, sum(value) as total from intervals
where meter_id = any(:meters) and start_utc >= :start and start_utc < :end
group by channel_id, start_local::date
""")

Totals = dict[tuple[UUID, date], int]
"""In thousandths of Wh, by channel and local day."""


def main() -> None:
    with store(METERS) as place:
        meters = _furnish(place)
        batches = _batches(place)
        with place.sessions.begin() as session:
            interval_days_writing.write(session, batches, recorded_at=RECORDED)
        whole, whole_s = _derived(place, 0)
        place.run("vacuum analyze", "checkpoint")
        _check_equal(place, meters)
        seconds = _race(place, meters)
        again, again_s = _derived(place, 1)
        month, month_s = _restated(place, batches[0])
        night, night_s = _night(place)
    readings = sum(len(batch.start) for batch in batches)
    _show(seconds, readings, whole_s)
    ours = seconds["stored days"]
    touched = sorted(day for day, one in month.by_day.items() if one.written)
    in_march = [day for day in touched if (day.year, day.month) == (2025, 3)]
    figures: dict[str, object] = {
        "readings": readings,
        "channel_days": whole.derived,
        **{f"{name}, s": one for name, one in seconds.items()},
        "times_view": seconds["view intervals"] / ours,
        "times_numpy": seconds["numpy over interval days"] / ours,
        "derived_readings_per_s": readings / whole_s,
        "nothing_changed_s": again_s,
        "nothing_changed_series_days_read": again.days_read,
        "restated_month_s": month_s,
        "restated_month_rows_stored": month.written,
        "restated_month_days_touched": len(touched),
        "restated_month_series_days_read": month.days_read,
        "night_s": night_s,
        "night_rows_stored": night.written + night.exports_written,
        "night_series_days_read": night.days_read,
    }
    holds = ours < LIMIT_S and len(in_march) == len(touched) == month.written == 31
    report("derived_energy", figures, GOAL, holds and again.days_read == 0)


def _furnish(place: Store) -> list[UUID]:
    """Give every meter a received channel beside the delivered one; return the meters."""
    with place.sessions.begin() as session:
        channels = session.scalars(select(MeterChannel).order_by(MeterChannel.id)).all()
        meters = [channel.meter_id for channel in channels]
        for meter_id in meters:
            channel = MeterChannel(
                id=new_id(),
                meter_id=meter_id,
                direction="received",
                unit="Wh",
                commodity="electricity",
                measure="usage",
            )
            session.add(channel)
            session.flush()
            session.add(series := Series(id=new_id(), channel_id=channel.id, interval_s=STEP_S))
            place.series_ids.append(series.id)
    place.payload_ids.extend(place.payload_ids)
    return meters


def _batches(place: Store) -> list[SeriesReadings]:
    """Return the year of each series, which begins with the local day it is asked by."""
    shift = int(LocalDays.around(ZONE, to_number(FIRST), to_number(FIRST)).begin(
        np.array([to_number(FIRST)]))[0]) - int(START.timestamp())  # fmt: skip
    return [
        SeriesReadings(
            one.series_id,
            one.interval_s,
            one.start + shift,
            one.value,
            one.exponent,
            one.quality,
            one.payload_id,
        )
        for one in place.batches(YEAR)
    ]


def _derived(place: Store, hours: int) -> tuple[DerivedDays, float]:
    began = time.perf_counter()
    done = derived_energy.derive_changed(place.sessions, now=RECORDED + timedelta(hours=hours))
    return done, time.perf_counter() - began


def _race(place: Store, meters: list[UUID]) -> dict[str, float]:
    return interleaved(
        {
            "stored days": lambda: _stored(place, meters),
            "view intervals": lambda: _by_view(place, meters),
            "numpy over interval days": lambda: _by_numpy(place),
        },
        rounds=ROUNDS,
    )


def _stored(place: Store, meters: list[UUID]) -> list[energy_totals.ChannelTotals]:
    with place.sessions() as session:
        return energy_totals.daily_totals(session, meters, FIRST, LAST)


def _by_view(place: Store, meters: list[UUID]) -> Totals:
    start, end = _bounds()
    with place.sessions() as session:
        rows = session.execute(_BY_VIEW, {"meters": meters, "start": start, "end": end})
        return {(row.channel_id, row.day): int(row.total * 1000) for row in rows}


def _by_numpy(place: Store) -> Totals:
    start, end = _bounds()
    days = LocalDays.around(ZONE, to_number(FIRST), to_number(LAST))
    found: Totals = {}
    with place.sessions() as session:
        owner = {row.id: row.channel_id for row in session.scalars(select(Series))}
        for series_id in place.series_ids:
            columns = series_columns(session, series_id, start, end)
            of = days.of(columns.start)
            begins = np.flatnonzero(np.diff(of, prepend=-1))
            totals = np.add.reduceat(columns.value, begins) * 10 ** (columns.exponent + 3)
            for day, total in zip(of[begins].tolist(), totals.tolist(), strict=True):
                found[owner[series_id], to_date(day)] = total
    return found


def _bounds() -> tuple[datetime, datetime]:
    zone = ZoneInfo(ZONE)
    after = LAST + timedelta(days=1)
    return (
        datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=zone),
        datetime(after.year, after.month, after.day, tzinfo=zone),
    )


def _check_equal(place: Store, meters: list[UUID]) -> None:
    """Stop a comparison of sums that are not the same."""
    ours: Totals = {}
    for one in _stored(place, meters):
        totals = (one.value * 10 ** (one.exponent + 3)).tolist()
        for day, total in zip(one.day.tolist(), totals, strict=True):
            ours[one.channel.id, day] = total
    assert len(ours) == 2 * METERS * 365
    assert ours == _by_view(place, meters) == _by_numpy(place)


def _restated(place: Store, year: SeriesReadings) -> tuple[DerivedDays, float]:
    """State the local March of one channel again, otherwise; derive what changed."""
    zone = ZoneInfo(ZONE)
    begin = datetime(2025, 3, 1, tzinfo=zone).timestamp()
    end = datetime(2025, 4, 1, tzinfo=zone).timestamp()
    chosen = (year.start >= begin) & (year.start < end)
    march = SeriesReadings(
        year.series_id,
        year.interval_s,
        year.start[chosen],
        year.value[chosen] + 1,
        year.exponent,
        year.quality[chosen],
        year.payload_id,
    )
    with place.sessions.begin() as session:
        interval_days_writing.write(session, [march], recorded_at=RECORDED + timedelta(hours=2))
    return _derived(place, 2)


def _night(place: Store) -> tuple[DerivedDays, float]:
    """Bring every channel one day further, as a nightly sync does; derive what changed."""
    random = np.random.default_rng(7)
    first = int(_bounds()[1].timestamp())
    day = [
        SeriesReadings(
            series_id,
            STEP_S,
            first + np.arange(96, dtype=np.int64) * STEP_S,
            random.integers(0, 2_000_000, 96),
            -3,
            np.full(96, 17, np.int16),
            payload_id,
        )
        for series_id, payload_id in zip(place.series_ids, place.payload_ids, strict=True)
    ]
    with place.sessions.begin() as session:
        interval_days_writing.write(session, day, recorded_at=RECORDED + timedelta(hours=3))
    return _derived(place, 3)


def _show(seconds: dict[str, float], readings: int, whole_s: float) -> None:
    table = Table(
        "daily totals from", "seconds", title=f"{METERS} meters, a year, {readings:,} readings"
    )
    for name, one in seconds.items():
        table.add_row(name, f"{one:.3f}")
    table.add_row("deriving all of them once", f"{whole_s:.3f}")
    show(table)


if __name__ == "__main__":
    main()
