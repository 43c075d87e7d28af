"""A long window in pieces: nothing left out, nothing twice, days whole where they can be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcarbon.domain import pieces

PACIFIC = ZoneInfo("America/Los_Angeles")
DAY = timedelta(days=1)
MOMENTS = st.datetimes(
    datetime(2025, 1, 1),  # noqa: DTZ001 — the strategy adds the zone
    datetime(2027, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@given(start=MOMENTS, end=MOMENTS, days=st.integers(1, 40))
def test_pieces_join_into_the_window_newest_first(
    start: datetime, end: datetime, days: int
) -> None:
    found = pieces.cut(start, end, longest=days * DAY, zone=PACIFIC)

    if end <= start:
        assert found == ()
        return
    assert (found[-1][0], found[0][1]) == (start, end)
    assert all(newer[0] == older[1] for newer, older in pairwise(found))
    assert all(timedelta() < last - first <= days * DAY for first, last in found)


@given(start=MOMENTS, end=MOMENTS, days=st.integers(2, 40))
def test_every_cut_is_a_local_midnight(start: datetime, end: datetime, days: int) -> None:
    for newer in pieces.cut(start, end, longest=days * DAY, zone=PACIFIC)[:-1]:
        local = newer[0].astimezone(PACIFIC)
        assert (local.hour, local.minute, local.second, local.microsecond) == (0, 0, 0, 0)


@pytest.mark.parametrize("days", [30, 31])
def test_a_window_no_longer_than_a_piece_is_one(days: int) -> None:
    end = datetime(2026, 11, 20, 18, tzinfo=UTC)

    assert pieces.cut(end - days * DAY, end, longest=31 * DAY, zone=PACIFIC) == (
        (end - days * DAY, end),
    )


def test_a_piece_that_begins_at_a_midnight_is_as_long_as_it_may_be() -> None:
    end = datetime(2026, 9, 1, tzinfo=PACIFIC).astimezone(UTC)

    assert pieces.cut(end - 62 * DAY, end, longest=31 * DAY, zone=PACIFIC) == (
        (end - 31 * DAY, end),
        (end - 62 * DAY, end - 31 * DAY),
    )


def test_pieces_shorter_than_a_day_are_cut_where_they_end() -> None:
    end, hour = datetime(2026, 9, 1, 20, tzinfo=UTC), timedelta(hours=1)

    assert pieces.cut(end - 3 * hour, end, longest=hour, zone=PACIFIC) == tuple(
        (end - (n + 1) * hour, end - n * hour) for n in range(3)
    )


def test_a_day_of_25_hours_is_cut_when_pieces_are_a_day_long() -> None:
    start = datetime(2026, 11, 1, tzinfo=PACIFIC).astimezone(UTC)
    end = datetime(2026, 11, 2, tzinfo=PACIFIC).astimezone(UTC)

    found = pieces.cut(start, end, longest=DAY, zone=PACIFIC)

    assert found == ((end - DAY, end), (start, end - DAY))
