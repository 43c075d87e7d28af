"""Ranges on the meter's clock: presets, neighbours, and the two days a clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcarbon.domain import reading_ranges
from dcarbon.domain.calendar import day_bounds
from dcarbon.domain.errors import InvalidInput
from dcarbon.domain.ranges import TimeRange
from dcarbon.domain.reading_ranges import Asked, Preset, Step
from tests.unit.domain.test_calendar import DAYS, PACIFIC, ZONES

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
LAST = datetime(2026, 3, 17, 19, 45, tzinfo=UTC)


def _of(start: str = "", end: str = "", preset: Preset | None = None) -> TimeRange:
    return reading_ranges.of(Asked(start, end, preset), last_end=LAST, now=NOW, zone=PACIFIC)


def _days(first: date, after: date, zone: ZoneInfo = PACIFIC) -> TimeRange:
    return TimeRange(day_bounds(first, zone)[0], day_bounds(after, zone)[0])


@pytest.mark.parametrize(
    ("preset", "first"),
    [
        (Preset.DAY, date(2026, 3, 17)),
        (Preset.WEEK, date(2026, 3, 11)),
        (Preset.MONTH, date(2026, 2, 18)),
        (Preset.DAYS_90, date(2025, 12, 18)),
        (Preset.YEAR, date(2025, 3, 18)),
    ],
)
def test_a_preset_ends_with_the_last_day_that_has_readings(preset: Preset, first: date) -> None:
    assert _of(preset=preset) == _days(first, date(2026, 3, 18))


def test_without_anything_asked_it_is_the_last_week() -> None:
    assert _of() == _of(preset=Preset.WEEK)


def test_a_meter_without_readings_gets_the_week_up_to_today() -> None:
    span = reading_ranges.of(Asked(), last_end=None, now=NOW, zone=PACIFIC)

    assert span == _days(date(2026, 3, 14), date(2026, 3, 21))


@pytest.mark.parametrize("seconds", [-1, 0, 1])
def test_readings_that_end_at_midnight_end_the_day_before(seconds: int) -> None:
    """PG&E's gas days end one second after it."""
    end = day_bounds(date(2026, 3, 18), PACIFIC)[0] + timedelta(seconds=seconds)

    span = reading_ranges.latest(Preset.DAY, last_end=end, now=NOW, zone=PACIFIC)

    assert span == _days(date(2026, 3, 17), date(2026, 3, 18))


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2026-03-08", "2026-03-09", ("2026-03-08T08:00", "2026-03-09T07:00")),
        ("2026-03-08T00:00", "2026-03-09T00:00", ("2026-03-08T08:00", "2026-03-09T07:00")),
        ("20260308", "20260309", ("2026-03-08T08:00", "2026-03-09T07:00")),
        ("2026-03-08T09:00:00Z", "2026-03-08T12:00:00Z", ("2026-03-08T09:00", "2026-03-08T12:00")),
        ("2026-03-08T01:00:00-08:00", "2026-03-08T12:00:00 00:00",
         ("2026-03-08T09:00", "2026-03-08T12:00")),
        # 2:30 is not on this day's clock, 1:30 is twice on that of the other.
        ("2026-03-08T02:30", "2026-03-08T05:00", ("2026-03-08T09:30", "2026-03-08T12:00")),
        ("2025-11-02T01:30", "2025-11-02T04:00", ("2025-11-02T08:30", "2025-11-02T12:00")),
        ("2025-11-01T00:00", "2025-11-02T01:30", ("2025-11-01T07:00", "2025-11-02T09:30")),
    ],
    ids=["days", "local", "unhyphened", "instants", "offsets", "not_there", "twice_start",
         "twice_end"],
)  # fmt: skip
def test_ends_are_on_the_meters_clock(start: str, end: str, expected: tuple[str, str]) -> None:
    first, last = (datetime.fromisoformat(edge).replace(tzinfo=UTC) for edge in expected)

    assert _of(start, end) == TimeRange(first, last)


def test_a_day_begins_with_the_first_of_its_midnights() -> None:
    """Havana's clocks go back from one to twelve: that midnight is there twice."""
    havana = ZoneInfo("America/Havana")
    asked = Asked("2026-10-31", "2026-11-01")

    span = reading_ranges.of(asked, last_end=LAST, now=NOW + timedelta(days=300), zone=havana)

    assert span == _days(date(2026, 10, 31), date(2026, 11, 1), havana)
    assert span.end - span.start == timedelta(hours=24)


@pytest.mark.parametrize(
    ("start", "end", "code"),
    [
        ("2026-03-08", "", "range_half"),
        ("", "2026-03-08", "range_half"),
        ("soon", "2026-03-08", "time_unreadable"),
        ("2026-03-08T25:00", "2026-03-09", "time_unreadable"),
        ("2026-03-09", "2026-03-08", "range_reversed"),
        ("2026-03-09", "2026-03-09", "range_reversed"),
        ("1999-03-09", "2026-03-09", "range_absurd"),
        ("0001-01-01T00:00", "2026-03-09", "range_absurd"),
        ("2026-03-09", "9999-12-31T23:59", "range_absurd"),
        ("2020-03-09", "2026-03-09", "range_too_long"),
    ],
)
def test_a_range_that_makes_no_sense_says_what_to_do(start: str, end: str, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        _of(start, end)

    assert refused.value.code == code
    assert "Please" in refused.value.display_message or "must be" in refused.value.display_message


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        (Preset.DAY, (date(2026, 3, 16), date(2026, 3, 17))),
        (Preset.WEEK, (date(2026, 3, 4), date(2026, 3, 11))),
        (Preset.MONTH, (date(2026, 1, 18), date(2026, 2, 18))),
        (Preset.YEAR, (date(2024, 3, 18), date(2025, 3, 18))),
    ],
)
def test_the_range_before_is_of_the_same_kind(preset: Preset, expected: tuple[date, date]) -> None:
    assert reading_ranges.before(_of(preset=preset), preset, PACIFIC) == _days(*expected)


def test_a_month_before_the_last_of_march_begins_with_the_last_of_february() -> None:
    march = _days(date(2026, 3, 31), date(2026, 4, 30))

    assert reading_ranges.before(march, Preset.MONTH, PACIFIC) == _days(
        date(2026, 2, 28), date(2026, 3, 31)
    )


@given(zone=ZONES, first=DAYS, length=st.integers(1, 500))
def test_whole_days_move_by_as_many_days_and_back(zone: ZoneInfo, first: date, length: int) -> None:
    span = _days(first, first + timedelta(days=length), zone)

    moved = reading_ranges.following(span, None, zone)

    assert moved == _days(first + timedelta(length), first + timedelta(2 * length), zone)
    assert reading_ranges.before(moved, None, zone) == span


def test_a_range_that_cuts_days_moves_by_its_length() -> None:
    hours = timedelta(hours=5)
    span = TimeRange(NOW, NOW + hours)

    assert reading_ranges.following(span, Preset.DAY, PACIFIC) == TimeRange(
        span.end, span.end + hours
    )
    assert reading_ranges.before(span, None, PACIFIC) == TimeRange(NOW - hours, NOW)


@pytest.mark.parametrize(
    ("preset", "step"),
    [
        (Preset.DAY, Step.READINGS),
        (Preset.WEEK, Step.READINGS),
        (Preset.MONTH, Step.HOUR),
        (Preset.DAYS_90, Step.HOUR),
        (Preset.YEAR, Step.DAY),
    ],
)
def test_the_step_suits_the_range(preset: Preset, step: Step) -> None:
    assert reading_ranges.step_for(_of(preset=preset)) is step


@pytest.mark.parametrize(
    ("days", "more", "step"),
    [
        (8, 0, Step.READINGS),
        (8, 1, Step.HOUR),
        (100, 0, Step.HOUR),
        (100, 1, Step.DAY),
    ],
)
def test_a_step_ends_with_its_longest_range(days: int, more: int, step: Step) -> None:
    span = TimeRange(NOW, NOW + timedelta(days=days, seconds=more))

    assert reading_ranges.step_for(span) is step


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        (Preset.DAY, (date(2026, 3, 18), date(2026, 3, 19))),
        (Preset.WEEK, (date(2026, 3, 18), date(2026, 3, 25))),
        (Preset.MONTH, (date(2026, 3, 18), date(2026, 4, 18))),
        (Preset.DAYS_90, (date(2026, 3, 18), date(2026, 6, 16))),
        (Preset.YEAR, (date(2026, 3, 18), date(2027, 3, 18))),
    ],
)
def test_the_range_after_is_of_the_same_kind(preset: Preset, expected: tuple[date, date]) -> None:
    assert reading_ranges.following(_of(preset=preset), preset, PACIFIC) == _days(*expected)


@pytest.mark.parametrize(
    ("first", "moved"),
    [
        (date(2026, 1, 31), date(2026, 2, 28)),
        (date(2026, 11, 30), date(2026, 12, 30)),
        (date(2026, 12, 15), date(2027, 1, 15)),
    ],
)
def test_a_month_on_is_the_same_day_or_the_last(first: date, moved: date) -> None:
    span = _days(first - timedelta(days=1), first)

    assert reading_ranges.following(span, Preset.MONTH, PACIFIC) == _days(first, moved)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (timedelta(), timedelta(hours=1)),
        (timedelta(hours=1), timedelta()),
        (timedelta(seconds=-1), timedelta()),
    ],
)
def test_a_range_is_of_whole_days_only_when_both_its_ends_are_midnights(
    start: timedelta, end: timedelta
) -> None:
    whole = _days(date(2026, 3, 7), date(2026, 3, 10))

    assert reading_ranges.whole_days(whole, PACIFIC) == (date(2026, 3, 7), date(2026, 3, 10))
    cut = TimeRange(whole.start + start, whole.end + end)
    assert reading_ranges.whole_days(cut, PACIFIC) is None
