"""Each rule before a report finds its own mistake, and says in a sentence what to do."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from dcarbon.domain import preflight, registry_files
from dcarbon.domain.filings import EarlierReport, Filing
from dcarbon.domain.preflight import RULES, Severity
from tests.unit.domain.filing import CLAIM, MONTH, UNIT, days, filing, row

END = date(2026, 1, 31)
SPRING = date(2026, 3, 1)


def _march() -> Filing:
    march = [replace(day, hours=23 if day.day.day == 8 else 24) for day in days(SPRING)]
    return filing(
        month=SPRING,
        today=date(2026, 4, 10),
        days=tuple(march),
        rows=(row(vintage=SPRING, start=SPRING, end=date(2026, 3, 31)),),
    )


FAILING: dict[str, Filing] = {
    "meter_missing": filing(claims=()),
    "meter_gap": filing(claims=(replace(CLAIM, first_day=date(2026, 1, 3)),)),
    "channel_not_eligible": filing(claims=(replace(CLAIM, eligibility="net"),)),
    "month_not_over": filing(today=END),
    "days_incomplete": filing(
        days=(replace(days()[0], is_complete=False, reason="We asked."), *days()[1:])
    ),
    "estimates": filing(
        days=(replace(days()[0], is_complete=False, is_estimated=True), *days()[1:])
    ),
    "rows_gap": filing(rows=(row(end=date(2026, 1, 30)),)),
    "rows_overlap": filing(
        rows=(row(end=date(2026, 1, 15)), row(start=date(2026, 1, 15), end=END))
    ),
    "already_reported": filing(earlier=(EarlierReport(MONTH, END, 5_000_000),)),
    "beyond_capacity": filing(days=days(wh=12_000_001)),
    "day_beyond_capacity": filing(days=(*days(wh=12_000_001, count=1), *days()[1:])),
    "before_operation": filing(unit=replace(UNIT, commercial_operation_date=date(2026, 2, 1))),
    "window_closed": filing(today=date(2026, 4, 4)),
    "window_disputed": filing(corrects_wh=1, today=date(2026, 5, 1)),
    "registry_id_missing": filing(unit=replace(UNIT, registry_id=None)),
    "reporting_unit_missing": filing("ncrets", unit=replace(UNIT, registry_id="114")),
    "registry_id_not_a_number": filing(rows=(row(generator_id="X805"),)),
    "reporting_unit_not_plain": filing(
        unit=replace(UNIT, reporting_unit_id="=2+5"), rows=(row(reporting_unit_id="=2+5"),)
    ),
    "not_ascii": filing(rows=(row(reporting_unit_id="Ünit"),)),
    "columns_wrong": filing(rows=(row(reporting_unit_id="8,05"),)),
    "vintage_format": filing(given=b"805,805,1/2026,01/01/2026,01/31/2026,12.400"),
    "date_format": filing(given=b"805,805,01/2026,1/1/26,01/31/2026,12.400"),
    "total_format": filing(given=b"805,805,01/2026,01/01/2026,01/31/2026,12.4"),
    "trailing_rows": filing(given=b"805,805,01/2026,01/01/2026,01/31/2026,12.400\r\n"),
    "adjustment_unchanged": filing(corrects_wh=12_400_000),
    "adjustment_unmarked": filing(
        "ncrets", corrects_wh=1, unit=replace(UNIT, registry_id="114", reporting_unit_id="2A")
    ),
    "format_unconfirmed": filing("wregis"),
    "clocks_change": _march(),
    "below_one_mwh": filing(rows=(row(wh=999_000),)),
}
"""One filing for each rule that breaks it."""


@pytest.mark.parametrize(
    ("corrects_wh", "not_asked"),
    [
        (None, {"adjustment_unchanged", "adjustment_unmarked"}),
        (1_000_000, {"already_reported", "below_one_mwh"}),
    ],
    ids=["report", "correction"],
)
def test_a_filing_in_which_nothing_is_wrong_passes_every_rule_that_is_for_it(
    corrects_wh: int | None, not_asked: set[str]
) -> None:
    result = preflight.check(filing(corrects_wh=corrects_wh))

    assert (result.errors, result.warnings) == ((), ())
    asked = [rule.code for rule in RULES if rule.code not in not_asked]
    assert [one.code for one in result.passed] == asked
    assert result.is_clear


def test_every_rule_has_a_failing_example() -> None:
    assert list(FAILING) == [rule.code for rule in RULES]


@pytest.mark.parametrize("code", list(FAILING))
def test_a_rule_finds_its_failing_example_and_says_what_to_do(code: str) -> None:
    rule = next(rule for rule in RULES if rule.code == code)

    result = preflight.check(FAILING[code])

    found = {one.code: one for one in (*result.errors, *result.warnings)}
    assert code in found
    assert found[code].severity is rule.severity
    assert found[code].words.endswith((".", "M805."))
    assert len(found[code].words.split()) > 8
    assert result.is_clear is (not result.errors)


def test_only_warnings_do_not_stop_a_report() -> None:
    result = preflight.check(FAILING["clocks_change"])

    assert [one.code for one in result.warnings] == ["clocks_change"]
    assert result.is_clear


def test_a_unit_that_begins_within_the_month_reports_from_its_first_day() -> None:
    began = date(2026, 1, 15)
    begun = filing(
        unit=replace(UNIT, commercial_operation_date=began),
        days=days(began, 17),
        rows=(row(start=began),),
    )

    assert preflight.check(begun).errors == ()
    assert begun.hours == 17 * 24


def test_a_meter_day_nobody_knows_of_is_a_missing_one() -> None:
    result = preflight.check(filing(days=days()[:30]))

    assert [one.code for one in result.errors] == ["days_incomplete"]
    assert "Jan 31, 2026" in result.errors[0].words


def test_the_day_the_window_closes_is_still_inside() -> None:
    """Above 150 kW the published text says 62 days from the month's end."""
    last = filing(today=date(2026, 4, 3))

    assert preflight.check(last).errors == ()


@pytest.mark.parametrize(("kw", "code"), [("150", "none"), ("151", "window_closed")])
def test_how_late_a_month_may_come_goes_by_the_nameplate(kw: str, code: str) -> None:
    late = filing(
        unit=replace(UNIT, nameplate_kw=Decimal(kw)), today=date(2026, 6, 1), days=days(wh=1)
    )

    found = [one.code for one in preflight.check(late).errors]

    assert found == ([] if code == "none" else [code])


def test_both_published_windows_are_named_where_they_differ() -> None:
    words = next(
        one.words
        for one in preflight.check(FAILING["window_disputed"]).warnings
        if one.code == "window_disputed"
    )

    assert "62 days" in words
    assert "730" in words


def test_parts_that_add_up_to_the_month_are_taken() -> None:
    parts = (row(end=date(2026, 1, 15)), row(start=date(2026, 1, 16)))

    assert preflight.check(filing(rows=parts)).errors == ()


def test_errors_stop_and_warnings_do_not() -> None:
    by_severity = {rule.code: rule.severity for rule in RULES}

    assert {code for code, one in by_severity.items() if one is Severity.WARNING} == {
        "day_beyond_capacity",
        "window_disputed",
        "adjustment_unmarked",
        "format_unconfirmed",
        "clocks_change",
        "below_one_mwh",
    }


def test_what_the_code_writes_has_no_trailing_row() -> None:
    given = registry_files.content(filing("ncrets").profile.file, [row(), row()])

    assert not registry_files.trailing_rows(given)
    assert given.count(b"\r\n") == 2
