"""Times people and programs write, and ranges that make sense."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcarbon.domain.errors import InvalidInput
from dcarbon.domain.ranges import TimeRange, parse_day, parse_instant, require_range

PACIFIC = ZoneInfo("America/Los_Angeles")
NOW = datetime(2026, 3, 20, tzinfo=UTC)
LONGEST = timedelta(days=1100)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-03-08", datetime(2026, 3, 8, 8, tzinfo=UTC)),
        ("2026-03-09", datetime(2026, 3, 9, 7, tzinfo=UTC)),
        ("2026-01-31T00:00:00Z", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T00:00:00-08:00", datetime(2026, 1, 31, 8, tzinfo=UTC)),
        ("2026-01-31T00:00:00+01:00", datetime(2026, 1, 30, 23, tzinfo=UTC)),
        ("2026-01-31T00:00:00 01:00", datetime(2026, 1, 30, 23, tzinfo=UTC)),
        ("2026-01-31T00:00:00.5Z", datetime(2026, 1, 31, 0, 0, 0, 500_000, tzinfo=UTC)),
    ],
)
def test_a_written_time_is_read(text: str, instant: datetime) -> None:
    assert parse_instant(text, zone=PACIFIC, name="start") == instant


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "time_unreadable"),
        ("yesterday", "time_unreadable"),
        ("2026-02-30", "time_unreadable"),
        ("2026-13-01T00:00:00Z", "time_unreadable"),
        ("31.01.2026", "time_unreadable"),
        ("1767225600", "time_unreadable"),
        ("2026-01-31T00:00:00", "time_naive"),
        ("20260131", "time_naive"),
        ("9999-12-31T23:59:59-08:00", "range_absurd"),
        ("0001-01-01T00:00:00+08:00", "range_absurd"),
    ],
)
def test_a_time_that_makes_no_sense_is_refused(text: str, code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_instant(text, zone=PACIFIC, name="start")

    assert caught.value.code == code
    assert code == "range_absurd" or caught.value.display_message.startswith("start ")


@given(st.text(max_size=40))
def test_any_text_is_a_time_in_utc_or_a_refusal(text: str) -> None:
    assert _read(text) in {"UTC", "time_unreadable", "time_naive", "range_absurd"}


def _read(text: str) -> str:
    try:
        return str(parse_instant(text, zone=PACIFIC, name="start").tzinfo)
    except InvalidInput as error:
        return error.code


@given(st.datetimes(datetime(1900, 1, 1), timezones=st.timezones()))  # noqa: DTZ001 — the strategy adds the zone
def test_a_time_written_with_its_offset_comes_back(moment: datetime) -> None:
    read = parse_instant(moment.isoformat(), zone=PACIFIC, name="x")

    # Compared in UTC: a local time that never was equals nothing, not even itself.
    assert read == moment.astimezone(UTC)


@pytest.mark.parametrize(
    ("start", "end", "code"),
    [
        (NOW, NOW, "range_reversed"),
        (NOW, NOW - timedelta(days=1), "range_reversed"),
        (datetime(1999, 12, 31, tzinfo=UTC), NOW, "range_absurd"),
        (NOW, NOW + timedelta(days=400), "range_absurd"),
        (NOW - LONGEST - timedelta(seconds=1), NOW, "range_too_long"),
    ],
)
def test_a_range_that_makes_no_sense_is_refused(start: datetime, end: datetime, code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        require_range(start, end, now=NOW, longest=LONGEST)

    assert caught.value.code == code


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (datetime(2000, 1, 1, tzinfo=UTC), datetime(2000, 1, 2, tzinfo=UTC)),
        (NOW, NOW + timedelta(days=366)),
        (NOW, NOW + timedelta(microseconds=1)),
    ],
    ids=["earliest", "latest", "shortest"],
)
def test_a_range_within_reason_is_taken_as_it_is(start: datetime, end: datetime) -> None:
    assert require_range(start, end, now=NOW, longest=LONGEST) == TimeRange(start, end)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (datetime(2000, 1, 1, tzinfo=UTC) - timedelta(microseconds=1), NOW),
        (NOW, NOW + timedelta(days=366, microseconds=1)),
    ],
)
def test_a_moment_beyond_is_out_of_reason(start: datetime, end: datetime) -> None:
    with pytest.raises(InvalidInput) as refused:
        require_range(start, end, now=NOW, longest=timedelta(days=36_500))

    assert refused.value.code == "range_absurd"


def test_the_longest_range_is_allowed() -> None:
    span = require_range(NOW - LONGEST, NOW, now=NOW, longest=LONGEST)

    assert span.end - span.start == LONGEST


@pytest.mark.parametrize(
    "text", ["", "2026-2-1", "2026-02-30", "20260201", "yesterday", "\x00" * 10]
)
def test_a_day_that_is_none_says_how_one_is_written(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_day(text, name="The day")

    assert refused.value.code == "time_unreadable"
    assert refused.value.display_message == "The day must be a date like 2026-01-31."


def test_a_day_is_read_as_it_is_written() -> None:
    assert parse_day("2026-03-08", name="The day") == date(2026, 3, 8)
