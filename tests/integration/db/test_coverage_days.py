"""Coverage counts local days at the meter: complete, partial, or empty and why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from sqlalchemy import text

from dcarbon.db import coverage_days, coverage_shares
from dcarbon.db.coverage_days import CoverageSummary, DayCoverage
from dcarbon.db.coverage_shares import CoverageShare
from dcarbon.db.interval_days_writing import SeriesReadings
from dcarbon.db.tables import MeterChannel, Series
from dcarbon.domain.calendar import day_bounds
from dcarbon.domain.coverage import CoverageState
from tests.integration.db.conftest import ZONE, Place

pytestmark = pytest.mark.database

PACIFIC = ZoneInfo(ZONE)
Make = Callable[..., SeriesReadings]
DAY = date(2026, 5, 4)
ASKED = datetime(2026, 6, 1, tzinfo=UTC)


def start_of(day: date) -> datetime:
    return day_bounds(day, PACIFIC)[0]


def channel_of(place: Place, series_id: UUID) -> tuple[UUID, UUID]:
    """Return meter and channel of a series."""
    with place.sessions() as session:
        channel_id = session.get_one(Series, series_id).channel_id
        return session.get_one(MeterChannel, channel_id).meter_id, channel_id


def update(
    place: Place,
    meter_id: UUID,
    first: date,
    last: date,
    *,
    asked_at: datetime | None = ASKED,
    now: datetime = ASKED,
) -> CoverageSummary:
    with place.sessions.begin() as session:
        return coverage_days.update_coverage(
            session,
            meter_id=meter_id,
            zone=PACIFIC,
            start=start_of(first),
            end=day_bounds(last, PACIFIC)[1],
            asked_at=asked_at,
            now=now,
        )


def of(place: Place, meter_id: UUID, first: date, last: date) -> list[DayCoverage]:
    with place.sessions() as session:
        return coverage_days.coverage_of(
            session, meter_ids=[meter_id], first_day=first, last_day=last
        )


def counts(found: list[DayCoverage]) -> list[tuple[str, int, int]]:
    return [(one.state.value, one.expected, one.present) for one in found]


@pytest.mark.parametrize(
    ("day", "hours"),
    [(date(2026, 3, 8), 23), (date(2026, 5, 4), 24), (date(2025, 11, 2), 25)],
    ids=["spring_forward", "ordinary", "fall_back"],
)
@pytest.mark.parametrize("interval_s", [900, 3600])
def test_a_full_local_day_is_complete_however_long(
    place: Place, statement: Make, day: date, hours: int, interval_s: int
) -> None:
    series_id = place.series(interval_s)
    meter_id, _ = channel_of(place, series_id)
    slots = hours * 3600 // interval_s
    values: list[int | None] = [1] * slots
    place.write(statement(series_id, start_of(day), values, interval_s=interval_s), at=ASKED)

    update(place, meter_id, day, day)

    assert counts(of(place, meter_id, day, day)) == [("complete", slots, slots)]


def test_a_day_with_missing_readings_is_partial(place: Place, statement: Make) -> None:
    series_id = place.series()
    meter_id, _ = channel_of(place, series_id)
    place.write(statement(series_id, start_of(DAY), [1] * 50 + [None] * 46), at=ASKED)

    update(place, meter_id, DAY, DAY)

    assert counts(of(place, meter_id, DAY, DAY)) == [("partial", 96, 50)]


def test_an_empty_day_says_whether_we_asked_and_whether_it_was_due(
    place: Place, statement: Make
) -> None:
    series_id = place.series()
    meter_id, _ = channel_of(place, series_id)
    place.write(statement(series_id, start_of(DAY), [1] * 96), at=ASKED)
    days = [DAY + timedelta(days=n) for n in range(1, 4)]
    now = start_of(days[1]) + timedelta(days=3)  # the first is due, the second not yet

    update(place, meter_id, days[0], days[1], asked_at=None, now=now)
    not_asked = counts(of(place, meter_id, days[0], days[1]))
    update(place, meter_id, days[0], days[1], asked_at=now, now=now)
    asked = counts(of(place, meter_id, days[0], days[1]))

    assert not_asked == [("not_asked", 96, 0), ("not_due", 96, 0)]
    assert asked == [("asked_empty", 96, 0), ("not_due", 96, 0)]


def test_a_day_counted_before_it_was_due_is_due_later(place: Place, statement: Make) -> None:
    series_id = place.series()
    meter_id, _ = channel_of(place, series_id)
    place.write(statement(series_id, start_of(DAY), [1] * 96), at=ASKED)
    after = DAY + timedelta(days=1)
    counted_at = start_of(after) + timedelta(days=3)
    update(place, meter_id, DAY, after, asked_at=counted_at, now=counted_at)
    last_moment = start_of(after + timedelta(days=1)) + coverage_days.DUE_AFTER

    with place.sessions() as session:
        before = coverage_shares.shares_of(
            session, [meter_id], now=last_moment - timedelta(seconds=1)
        )
        later = coverage_shares.shares_of(session, [meter_id], now=last_moment)

    assert before == {meter_id: CoverageShare(complete=1, due=1)}
    assert later == {meter_id: CoverageShare(complete=1, due=2)}


def test_estimated_readings_make_an_estimated_day(place: Place, statement: Make) -> None:
    series_id = place.series()
    meter_id, _ = channel_of(place, series_id)
    quality = [8] * 3 + [17] * 93
    place.write(statement(series_id, start_of(DAY), [1] * 96, quality=quality), at=ASKED)

    update(place, meter_id, DAY, DAY)

    (found,) = of(place, meter_id, DAY, DAY)
    assert (found.state, found.estimated) == (CoverageState.ESTIMATED, 3)


def test_restated_readings_are_counted_on_their_local_day(place: Place, statement: Make) -> None:
    series_id = place.series()
    meter_id, _ = channel_of(place, series_id)
    place.write(statement(series_id, start_of(DAY), [1] * 96 * 2), at=ASKED)
    second = start_of(DAY + timedelta(days=1))
    # The last quarter hour of one local day and the first two of the next: one UTC day.
    changed = statement(series_id, second - timedelta(minutes=15), [2, 2, 2])
    place.write(changed, at=ASKED + timedelta(days=1))

    update(place, meter_id, DAY, DAY + timedelta(days=1))

    found = of(place, meter_id, DAY, DAY + timedelta(days=1))
    assert [(one.state.value, one.restated) for one in found] == [("restated", 1), ("restated", 2)]


def test_a_channel_that_changes_from_hours_to_quarters_is_complete_throughout(
    place: Place, statement: Make
) -> None:
    hourly = place.series(3600)
    meter_id, channel_id = channel_of(place, hourly)
    quarters = place.series(900, channel_id=channel_id)
    noon = start_of(DAY + timedelta(days=1)) + timedelta(hours=12)
    place.write(
        statement(hourly, start_of(DAY), [4] * 36, interval_s=3600),
        statement(quarters, noon, [1] * (48 + 96)),
        at=ASKED,
    )

    update(place, meter_id, DAY, DAY + timedelta(days=3))

    assert counts(of(place, meter_id, DAY, DAY + timedelta(days=3))) == [
        ("complete", 24, 24),
        ("complete", 96, 96),
        ("complete", 96, 96),
        ("asked_empty", 96, 0),
    ]


def periods(place: Place, channel_id: UUID, starts: list[datetime], hours: int) -> SeriesReadings:
    count = len(starts)
    return SeriesReadings(
        place.series(0, channel_id=channel_id),
        0,
        np.array([int(start.timestamp()) for start in starts], np.int64),
        np.full(count, 7, np.int64),
        0,
        np.full(count, -1, np.int16),
        place.payload(),
        duration_s=np.full(count, hours * 3600, np.int32),
    )


@pytest.mark.parametrize("first_hour", [0, 9], ids=["local_midnight", "gas_day"])
def test_each_gas_day_counts_as_one(place: Place, first_hour: int) -> None:
    meter_id = place.meter()
    channel_id = place.channel(meter_id)
    days = [date(2026, 3, 6) + timedelta(days=n) for n in range(5)]
    starts = [start_of(day) + timedelta(hours=first_hour) for day in days]
    del starts[2]
    place.write(periods(place, channel_id, starts, 24), at=ASKED)

    update(place, meter_id, days[0], days[-1])

    states = [one.state.value for one in of(place, meter_id, days[0], days[-1])]
    assert states == ["complete", "complete", "asked_empty", "complete", "complete"]
    assert {one.expected for one in of(place, meter_id, days[0], days[-1])} == {1}


def test_a_billing_month_covers_its_days_when_there_is_nothing_finer(place: Place) -> None:
    meter_id = place.meter()
    channel_id = place.channel(meter_id)
    place.write(periods(place, channel_id, [start_of(date(2026, 4, 20))], 30 * 24), at=ASKED)

    update(place, meter_id, date(2026, 5, 18), date(2026, 5, 21))

    states = [one.state.value for one in of(place, meter_id, date(2026, 5, 18), date(2026, 5, 21))]
    assert states == ["complete", "complete", "asked_empty", "asked_empty"]


def test_a_bill_does_not_stand_for_interval_data(place: Place, statement: Make) -> None:
    series_id = place.series()
    meter_id, channel_id = channel_of(place, series_id)
    place.write(
        statement(series_id, start_of(DAY), [1] * 96),
        periods(place, channel_id, [start_of(date(2026, 4, 20))], 30 * 24),
        at=ASKED,
    )

    update(place, meter_id, DAY, DAY + timedelta(days=1))

    assert counts(of(place, meter_id, DAY, DAY + timedelta(days=1))) == [
        ("complete", 96, 96),
        ("asked_empty", 96, 0),
    ]


def test_readings_on_no_grid_are_counted_by_their_usual_length(place: Place) -> None:
    meter_id = place.meter()
    starts = [start_of(DAY) + timedelta(hours=n, minutes=30) for n in range(20)]
    place.write(periods(place, place.channel(meter_id), starts, 1), at=ASKED)

    update(place, meter_id, DAY, DAY)

    assert counts(of(place, meter_id, DAY, DAY)) == [("partial", 24, 20)]


def test_counting_again_writes_only_what_differs(place: Place, statement: Make) -> None:
    series_id = place.series()
    meter_id, _ = channel_of(place, series_id)
    last = DAY + timedelta(days=2)
    place.write(statement(series_id, start_of(DAY), [1] * 96), at=ASKED)
    update(place, meter_id, DAY, last)
    first = _versions(place)

    update(place, meter_id, DAY, last)
    again = _versions(place)
    update(place, meter_id, DAY, last, asked_at=ASKED + timedelta(days=1))
    later = _versions(place)

    assert again == first
    assert len(first) == 3
    # A covered day is not touched by asking for it again.
    assert [was == now for was, now in zip(first, later, strict=True)] == [True, False, False]


def _versions(place: Place) -> list[str]:
    """Return by day who wrote its row last."""
    rows = text("select xmin::text from coverage_days order by meter_day")
    with place.sessions() as session:
        return list(session.scalars(rows))


def test_the_summary_says_how_many_due_days_are_covered(place: Place, statement: Make) -> None:
    series_id = place.series()
    meter_id, _ = channel_of(place, series_id)
    place.write(statement(series_id, start_of(DAY), [1] * 96 + [1] * 10), at=ASKED)
    last = DAY + timedelta(days=3)

    counted = update(place, meter_id, DAY, last, now=start_of(DAY) + timedelta(days=6))

    with place.sessions() as session:
        asked = coverage_days.summary(
            session, facility_id=place.facility_id, first_day=DAY, last_day=last
        )
    assert counted.by_state == asked.by_state
    assert (asked.covered, asked.due) == (1, 3)


def test_no_window_is_no_work(place: Place) -> None:
    with place.sessions() as session:
        summary = coverage_days.update_coverage(
            session,
            meter_id=place.meter(),
            zone=PACIFIC,
            start=ASKED,
            end=ASKED,
            asked_at=ASKED,
            now=ASKED,
        )

    assert (summary.due, summary.covered, summary.by_state) == (0, 0, {})
