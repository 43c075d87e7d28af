"""The window an administrator types is read as local days, or refused with a sentence."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from dcarbon.domain.errors import InvalidInput
from dcarbon.domain.ranges import TimeRange
from dcarbon_pipelines.pull_window import PullWindow

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
PACIFIC = ZoneInfo("America/Los_Angeles")


def test_days_are_local_days_at_the_utility() -> None:
    window = PullWindow(start="2026-03-01", end="2026-03-10")

    asked = window.window(PACIFIC, NOW)

    # The clocks go forward on 8 March.
    assert asked == TimeRange(
        datetime(2026, 3, 1, 8, tzinfo=UTC), datetime(2026, 3, 10, 7, tzinfo=UTC)
    )


def test_nothing_typed_asks_for_nothing_in_particular() -> None:
    PullWindow().require_sensible(NOW)

    assert PullWindow().window(PACIFIC, NOW) is None


def test_a_start_alone_means_until_now() -> None:
    asked = PullWindow(start="2026-03-01").window(PACIFIC, NOW)

    assert asked is not None
    assert asked.end == NOW


@pytest.mark.parametrize(
    ("start", "end", "code", "words"),
    [
        ("2026-03-10", "2026-03-01", "range_reversed", "before"),
        ("2026-03-01", "2026-03-01", "range_reversed", "before"),
        ("March", "2026-03-10", "time_unreadable", "start must be a date"),
        ("2026-03-01", "2026-3-10", "time_unreadable", "end must be a date"),
        ("2026-03-01T00:00:00", "2026-03-10", "time_naive", "offset"),
        ("1999-03-01", "2026-03-10", "range_absurd", "between"),
        ("2026-03-01", "2099-03-10", "range_absurd", "between"),
        ("2010-03-01", "2026-03-10", "range_too_long", "at most"),
        (None, "2026-03-10", "start_missing", "without a start"),
    ],
)
def test_a_senseless_window_fails_the_run_with_a_sentence(
    start: str | None, end: str, code: str, words: str
) -> None:
    window = PullWindow(start=start, end=end)

    with pytest.raises(dg.Failure) as failure:
        window.require_sensible(NOW)

    assert words in str(failure.value.description)
    assert failure.value.metadata["code"] == dg.MetadataValue.text(code)
    assert failure.value.allow_retries is False
    assert isinstance(failure.value.__cause__, InvalidInput)
