"""Reading back: half-open ranges, channels told once, nothing where nothing is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
import pytest

from dcarbon.db.interval_days_reading import (
    Columns,
    exponent_of,
    grid_columns,
    one_line,
    read_channels,
    read_series,
    restatements,
)
from dcarbon.db.interval_days_writing import SeriesReadings
from dcarbon.db.tables import MeterChannel, Series
from tests.integration.db.conftest import Place

pytestmark = pytest.mark.database

DAY = datetime(2026, 5, 4, tzinfo=UTC)
HOUR, QUARTER = timedelta(hours=1), timedelta(minutes=15)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
Make = Callable[..., SeriesReadings]


def test_a_range_holds_its_start_and_not_its_end(place: Place, statement: Make) -> None:
    series_id = place.series()
    place.write(statement(series_id, DAY, list(range(192))), at=NOW)

    with place.sessions() as session:
        table = read_series(session, series_id, DAY + 23 * HOUR, DAY + 25 * HOUR)

    assert table["value"].to_pylist() == list(range(92, 100))
    assert table["start"][0].as_py() == DAY + 23 * HOUR
    assert set(table["duration_s"].to_pylist()) == {900}


def test_adjoining_ranges_share_no_reading_and_lose_none(place: Place, statement: Make) -> None:
    series_id = place.series()
    place.write(statement(series_id, DAY, list(range(96))), at=NOW)
    cut = DAY + timedelta(hours=7, minutes=7)

    with place.sessions() as session:
        first = read_series(session, series_id, DAY, cut)
        second = read_series(session, series_id, cut, DAY + 24 * HOUR)

    assert first["value"].to_pylist() + second["value"].to_pylist() == list(range(96))


@pytest.mark.parametrize("hours", [0, -5])
def test_an_empty_or_reversed_range_is_empty(place: Place, statement: Make, hours: int) -> None:
    series_id = place.series()
    place.write(statement(series_id, DAY, [1]), at=NOW)

    with place.sessions() as session:
        table = read_series(session, series_id, DAY, DAY + hours * HOUR)
        changes = restatements(session, series_id, DAY, DAY + hours * HOUR)

    assert table.num_rows == 0
    assert changes == []


def test_a_series_without_readings_gives_the_same_columns(place: Place) -> None:
    with place.sessions() as session:
        table = read_series(session, place.series(), DAY, DAY + HOUR)

    assert table.column_names == ["start", "duration_s", "value", "quality"]
    assert (table.num_rows, exponent_of(table)) == (0, 0)


def test_days_of_different_exponents_read_at_the_smallest(place: Place, statement: Make) -> None:
    series_id = place.series()
    place.write(statement(series_id, DAY, [5], exponent=0), at=NOW)
    place.write(statement(series_id, DAY + 24 * HOUR, [5], exponent=-3), at=NOW)

    with place.sessions() as session:
        table = read_series(session, series_id, DAY, DAY + 48 * HOUR)

    assert exponent_of(table) == -3
    assert table["value"].to_pylist() == [5000, 5]


def test_several_series_are_read_at_once_each_for_itself(place: Place, statement: Make) -> None:
    hourly, never, wide, mixed = (place.series(3600), *(place.series() for _ in range(3)))
    place.write(statement(hourly, DAY, [7, None, 9], interval_s=3600, exponent=2), at=NOW)
    place.write(
        statement(wide, DAY, [1] * 96),
        statement(wide, DAY + 24 * HOUR, [2**40 + 1, None, -(2**40)], exponent=-3),
        statement(wide, DAY + 48 * HOUR, [2] * 96),
        at=NOW,
    )
    place.write(
        statement(mixed, DAY, [1] * 96, quality=17),
        statement(mixed, DAY + 24 * HOUR, [5, None, 6], quality=[17, 8, 8]),
        at=NOW,
    )

    with place.sessions() as session:
        asked = [mixed, never, hourly, wide]
        found = grid_columns(session, asked, DAY + 24 * HOUR - QUARTER, DAY + 49 * HOUR)
        told = grid_columns(session, asked[1:3], DAY, DAY + HOUR + QUARTER)

    assert [len(one.start) for one in found] == [3, 0, 0, 1 + 2 + 4]
    assert (found[0].value.tolist(), found[0].quality.tolist()) == ([1, 5, 6], [17, 17, 8])
    assert found[0].start.tolist() == seconds(DAY + 24 * HOUR, [-1, 0, 2])
    assert found[3].value.tolist() == [1000, 2**40 + 1, -(2**40), *[2000] * 4]
    assert found[3].exponent == -3
    assert found[3].start.tolist() == seconds(DAY + 24 * HOUR, [-1, 0, 2, 96, 97, 98, 99])
    assert (told[0].start.size, told[1].value.tolist(), told[1].exponent) == (0, [7], 2)


def test_several_series_are_read_at_once_as_they_were_known(place: Place, statement: Make) -> None:
    first, second = place.series(), place.series()
    place.write(statement(first, DAY, [1, 2]), statement(second, DAY, [3]), at=NOW)
    place.write(statement(first, DAY, [1, 20]), at=NOW + HOUR)
    place.write(statement(second, DAY + 24 * HOUR, [4]), at=NOW + HOUR)

    def known(at: datetime) -> list[list[int]]:
        with place.sessions() as session:
            found = grid_columns(session, [second, first], DAY, DAY + 48 * HOUR, as_known_at=at)
        return [one.value.tolist() for one in found]

    assert known(NOW - HOUR) == [[], []]
    assert known(NOW) == [[3], [1, 2]]
    assert known(NOW + HOUR) == [[3, 4], [1, 20]]


def seconds(first: datetime, quarters: list[int]) -> list[int]:
    return [int((first + place * QUARTER).timestamp()) for place in quarters]


def test_the_channels_of_a_meter_are_read_apart(place: Place, statement: Make) -> None:
    meter_id = place.meter()
    series = {
        direction: place.series(channel_id=place.channel(meter_id, direction))
        for direction in ("delivered", "received")
    }
    place.write(statement(series["delivered"], DAY, [1, 2]), at=NOW)
    place.write(statement(series["received"], DAY, [3]), at=NOW)

    with place.sessions() as session:
        found = read_channels(session, meter_id, DAY, DAY + HOUR)

    told = {one.channel.direction: one.readings["value"].to_pylist() for one in found}
    assert told == {"delivered": [1, 2], "received": [3]}


def two_series(place: Place) -> tuple[UUID, UUID, UUID]:
    hourly = place.series(3600)
    with place.sessions() as session:
        channel = session.get_one(MeterChannel, session.get_one(Series, hourly).channel_id)
    return channel.meter_id, hourly, place.series(900, channel_id=channel.id)


def test_a_channel_tells_of_a_time_once(place: Place, statement: Make) -> None:
    meter_id, hourly, quarters = two_series(place)
    place.write(statement(hourly, DAY, [40, 41, 42], interval_s=3600, exponent=1), at=NOW)
    # The first hour has all its quarters, the second half of them; the fourth only quarters.
    place.write(
        statement(quarters, DAY, [1, 2, 3, 4, 9, 9]),
        statement(quarters, DAY + 3 * HOUR, [5]),
        at=NOW,
    )

    with place.sessions() as session:
        (channel,) = read_channels(session, meter_id, DAY, DAY + 5 * HOUR)

    told = channel.readings
    assert exponent_of(told) == 0
    assert told["value"].to_pylist() == [1, 2, 3, 4, 410, 420, 5]
    assert told["duration_s"].to_pylist() == [900] * 4 + [3600] * 2 + [900]


def columns(start: list[int], duration_s: int) -> Columns:
    count = len(start)
    return Columns(
        np.array(start, np.int64),
        np.full(count, duration_s, np.int32),
        np.arange(count, dtype=np.int64),
        np.full(count, -1, np.int16),
        0,
    )


def test_a_bill_gives_way_to_the_intervals_inside_it() -> None:
    bills = columns([0, 30 * 86_400], 30 * 86_400)
    hours = columns([3600, 7200], 3600)

    line = one_line([bills, hours])

    assert line.start.tolist() == [3600, 7200, 30 * 86_400]


def test_no_series_make_an_empty_line() -> None:
    assert len(one_line([]).start) == 0
