"""The spans of a clock say what its zone says, at every moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcarbon.domain.clock_spans import clock_spans
from tests.unit.domain.test_calendar import INSTANTS, PACIFIC, ZONES


def test_a_year_has_three_spans_that_begin_when_the_clock_changes() -> None:
    spans = clock_spans(
        datetime(2026, 1, 1, 8, tzinfo=UTC), datetime(2027, 1, 1, 8, tzinfo=UTC), PACIFIC
    )

    assert [(span.start, span.offset / timedelta(hours=1), span.name) for span in spans] == [
        (datetime(2026, 1, 1, 8, tzinfo=UTC), -8, "PST"),
        (datetime(2026, 3, 8, 10, tzinfo=UTC), -7, "PDT"),
        (datetime(2026, 11, 1, 9, tzinfo=UTC), -8, "PST"),
    ]


def test_a_change_at_the_end_is_not_in_the_range() -> None:
    change = datetime(2026, 3, 8, 10, tzinfo=UTC)

    assert len(clock_spans(change - timedelta(hours=1), change, PACIFIC)) == 1
    assert len(clock_spans(change, change + timedelta(hours=1), PACIFIC)) == 1
    assert len(clock_spans(change - timedelta(seconds=1), change + timedelta(1), PACIFIC)) == 2


@pytest.mark.parametrize("ahead", [0.5, 1, 1.5, 2, 3, 5_001.25, 43_199, 43_200, 100_000])
@pytest.mark.parametrize("behind", [1e-6, 0.5, 1, 1.5, 3.5, 5_001.25, 43_200])
def test_a_change_is_found_to_the_second_wherever_the_range_begins_and_ends(
    ahead: float, behind: float
) -> None:
    """Parts of a second at an end had no whole second in their middle: the search never ended."""
    change = datetime(2026, 3, 8, 10, tzinfo=UTC)
    start = change - timedelta(seconds=ahead)

    spans = clock_spans(start, change + timedelta(seconds=behind), PACIFIC)

    assert [(span.start, span.name) for span in spans] == [(start, "PST"), (change, "PDT")]


@given(zone=ZONES, start=INSTANTS, days=st.integers(1, 400), at=st.floats(0, 1))
def test_at_every_moment_the_span_has_the_offset_of_the_zone(
    zone: ZoneInfo, start: datetime, days: int, at: float
) -> None:
    start = start.replace(microsecond=0)
    length = timedelta(days=days)
    moment = start + timedelta(seconds=int(at * (length.total_seconds() - 1)))

    spans = clock_spans(start, start + length, zone)

    span = [each for each in spans if each.start <= moment][-1]
    assert spans[0].start == start
    assert span.offset == moment.astimezone(zone).utcoffset()
    assert span.name == moment.astimezone(zone).tzname()
