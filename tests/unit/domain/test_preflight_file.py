"""Where the rules on file and registry begin and end: to the day, to the watt hour, to the row."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from dcarbon.domain import preflight, preflight_file
from dcarbon.domain.filings import EarlierReport, Filing
from tests.unit.domain.filing import MONTH, UNIT, filing, row

END = date(2026, 1, 31)


def codes(filed: Filing) -> set[str]:
    found = preflight.check(filed)
    return {one.code for one in (*found.errors, *found.warnings)}


@pytest.mark.parametrize(
    ("corrects_wh", "days", "found"),
    [
        (None, 62, set()),
        (None, 63, {"window_closed"}),
        (1, 62, set()),
        (1, 63, {"window_disputed"}),
        (1, 730, {"window_disputed"}),
        (1, 731, {"window_closed"}),
    ],
)
def test_windows_close_after_their_last_day(
    corrects_wh: int | None, days: int, found: set[str]
) -> None:
    late = filing(corrects_wh=corrects_wh, today=END + timedelta(days=days))

    assert codes(late) & {"window_closed", "window_disputed"} == found


def test_a_closed_window_says_for_what_it_was_and_how_long() -> None:
    report = preflight_file.window_closed(filing(today=date(2026, 6, 1))) or ""
    correction = preflight_file.window_closed(filing(corrects_wh=1, today=date(2029, 1, 1))) or ""

    assert "ended 121 days ago, and M-RETS takes a report for 62 days" in report
    assert "M-RETS takes an adjustment for 730 days" in correction


@pytest.mark.parametrize(
    ("start", "end", "is_found"),
    [
        (date(2025, 12, 1), date(2025, 12, 31), False),
        (date(2025, 12, 1), MONTH, True),
        (date(2026, 1, 10), date(2026, 1, 12), True),
        (END, date(2026, 2, 28), True),
        (date(2026, 2, 1), date(2026, 2, 28), False),
    ],
)
def test_a_day_is_reported_once(start: date, end: date, *, is_found: bool) -> None:
    earlier = filing(earlier=(EarlierReport(start, end, 1),))

    assert ("already_reported" in codes(earlier)) is is_found


@pytest.mark.parametrize("second", [date(2026, 1, 10), date(2026, 1, 20)])
def test_rows_that_share_days_are_found_by_their_first_common_day(second: date) -> None:
    rows = (row(end=date(2026, 1, 20)), row(start=second))

    assert f"Jan {second.day}, 2026 more than once" in (
        preflight_file.rows_overlap(filing(rows=rows)) or ""
    )


@pytest.mark.parametrize("more", [-1, 1])
def test_any_other_total_is_a_correction(more: int) -> None:
    assert "adjustment_unchanged" not in codes(filing(corrects_wh=12_400_000 + more))


def test_one_whole_mwh_is_enough_for_a_certificate() -> None:
    assert "below_one_mwh" not in codes(filing(rows=(row(wh=1_000_000),)))
    assert "below_one_mwh" in codes(filing(rows=(row(wh=999_999),)))


def test_the_first_of_several_wrong_cells_is_named() -> None:
    given = b"M1,=1,1/2026,1/1/26,01/31/2026,1\r\nM2,=2,2/2026,2/1/26,01/31/2026,2"
    wrong = filing(given=given, unit=replace(UNIT, registry_id="M1", reporting_unit_id="=1"))

    assert "the unit's id is M1." in (preflight_file.id_not_a_number(wrong) or "")
    assert "reporting unit id =1 holds" in (preflight_file.reporting_unit_not_plain(wrong) or "")
    assert "written 1/2026;" in (preflight_file.vintage_format(wrong) or "")
    assert "written 1/1/26;" in (preflight_file.date_format(wrong) or "")
    assert "written 1; it needs 3 decimals" in (preflight_file.total_format(wrong) or "")
