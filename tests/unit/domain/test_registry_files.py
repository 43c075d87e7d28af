"""Monthly files are what the registries document, byte for byte.

The golden files were written by hand from the published formats, never by the code.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcarbon.domain import registries, registry_files
from dcarbon.domain.registry_files import FileRow

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize(
    ("key", "golden", "row"),
    [
        (
            "mrets",
            "mrets",
            FileRow("805", "805", date(2026, 3, 1), date(2026, 3, 1), date(2026, 3, 31), 12345000),
        ),
        (
            "mrets",
            "mrets-adjustment",
            FileRow(
                "805",
                "RU-17",
                date(2026, 3, 1),
                date(2026, 3, 1),
                date(2026, 3, 31),
                20_700_000,
                is_adjustment=True,
            ),
        ),
        (
            "wregis",
            "wregis",
            FileRow("5521", "5521", date(2028, 2, 1), date(2028, 2, 1), date(2028, 2, 29), 4000),
        ),
        (
            "ncrets",
            "ncrets",
            FileRow(
                *("114", "2A58A68", date(2018, 8, 1), date(2018, 8, 1), date(2018, 8, 31)),
                100_000_000,
            ),
        ),
        (
            "mirecs",
            "mirecs",
            FileRow(
                *("1", "2", date(2018, 1, 1), date(2018, 1, 15), date(2018, 1, 31)), 1_234_567_000
            ),
        ),
    ],
)
def test_the_file_is_the_golden_one_byte_for_byte(key: str, golden: str, row: FileRow) -> None:
    expected = (GOLDEN / f"{golden}.csv").read_bytes()

    assert registry_files.content(registries.of(key).file, [row]) == expected


@pytest.mark.parametrize(
    ("key", "typed", "written"),
    [
        ("mrets", "M805", "805"),
        ("mrets", " m805 ", "805"),
        ("mrets", "805", "805"),
        ("wregis", "W5521", "5521"),
        ("wregis", "M805", "M805"),
        ("ncrets", "114", "114"),
    ],
)
def test_the_generator_id_is_its_number_only(key: str, typed: str, written: str) -> None:
    assert registry_files.generator_number(registries.of(key).file, typed) == written


@given(st.integers(0, 10**15), st.integers(-6, 3))
def test_what_is_finer_than_the_file_is_cut_and_never_rounded_up(value: int, exponent: int) -> None:
    exact = Decimal(value).scaleb(exponent)

    reported = registry_files.reportable_wh(registries.of("mrets").file, exact)

    assert 0 <= exact - reported < 1000
    assert reported % 1000 == 0


def wrong(key: str, given: str) -> set[str]:
    """Return the names of the checks that find something in a file."""
    file, content = registries.of(key).file, given.encode()
    found = {
        "letters": registry_files.not_ascii(content),
        "end": registry_files.trailing_rows(content),
        "columns": registry_files.wrong_columns(file, content),
        "vintages": registry_files.wrong_vintages(file, content),
        "dates": registry_files.wrong_dates(file, content),
        "ids": registry_files.wrong_ids(file, content),
        "units": registry_files.wrong_reporting_units(file, content),
        "totals": registry_files.wrong_totals(file, content),
    }
    return {name for name, is_found in found.items() if is_found}


ROW = "805,RU-17,01/2026,01/01/2026,01/31/2026,12.400"


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (ROW, set()),
        (f"{ROW}\r\n{ROW}", set()),
        (f"{ROW},Adjustment", set()),
        (f"{ROW.replace('805', 'x')},Adjustment", {"ids"}),
        (f"{ROW},Adj", {"columns"}),
        (f"{ROW},Correction", {"columns"}),
        (f"{ROW},Adjustment,", {"columns"}),
        ("", {"columns"}),
        (ROW.removesuffix(",12.400"), {"columns"}),
        (f"{ROW}\r\n", {"end"}),
        (f"{ROW} ", {"end", "totals"}),
        (f"{ROW}\r\n\r\n{ROW}", {"end", "columns"}),
        (f"{ROW}\r\n,,,,,\r\n{ROW}", {"end", "ids", "units", "vintages", "dates", "totals"}),
        (ROW.replace("RU", "RÜ"), {"letters", "units"}),
        (ROW.replace("805", "M805"), {"ids"}),
        (ROW.replace("805", ""), {"ids"}),
        (ROW.replace("RU-17", "=1+1"), {"units"}),
        (ROW.replace("RU-17", "-17"), {"units"}),
        (ROW.replace("01/2026,", "1/2026,", 1), {"vintages"}),
        (ROW.replace("01/2026,", "13/2026,", 1), {"vintages"}),
        (ROW.replace("01/01/2026", "1/01/2026"), {"dates"}),
        (ROW.replace("01/31/2026", "02/31/2026"), {"dates"}),
        (ROW.replace("01/31/2026", "01/31/26"), {"dates"}),
        (ROW.replace("12.400", "12.4"), {"totals"}),
        (ROW.replace("12.400", "-12.400"), {"totals"}),
        (ROW.replace("12.400", "12.4000"), {"totals"}),
        (f"{ROW}\r\n{ROW.replace('805', 'x')}", {"ids"}),
    ],
)
def test_what_is_wrong_with_a_file_without_a_header_is_found(given: str, found: set[str]) -> None:
    assert wrong("mrets", given) == found


def test_each_check_names_the_cells_it_is_about() -> None:
    file = registries.of("mrets").file
    given = f"{ROW}\r\nM8,=2,1/2026,1/1/26,2/1/26,x".encode()

    assert registry_files.wrong_ids(file, given) == ["M8"]
    assert registry_files.wrong_reporting_units(file, given) == ["=2"]
    assert registry_files.wrong_vintages(file, given) == ["1/2026"]
    assert registry_files.wrong_dates(file, given) == ["1/1/26", "2/1/26"]
    assert registry_files.wrong_totals(file, given) == ["x"]


HEAD = "PROJECTID,REPORTINGENTITYID,VINTAGE,FROMDATE,TODATE,TOTALMWH"


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (f"{HEAD}\r\n{ROW}", set()),
        (f"{HEAD}\r\n{ROW}\r\n{ROW}", set()),
        (f"{HEAD}\r\n{ROW},Adjustment", {"columns"}),
        (HEAD, {"columns"}),
        ("", {"columns"}),
        (ROW, {"columns"}),
        (f"{HEAD.lower()}\r\n{ROW}", {"columns"}),
        (f"{HEAD.replace('TOTALMWH', 'MWH')}\r\n{ROW}", {"columns"}),
        (f"{HEAD}\r\n{ROW.replace('12.400', '12.4')}", {"totals"}),
    ],
)
def test_what_is_wrong_with_a_file_with_a_header_is_found(given: str, found: set[str]) -> None:
    assert wrong("ncrets", given) == found


def test_no_amount_is_too_large_to_be_cut_exactly() -> None:
    wh = Decimal("12345678901234567890123999.99999999")

    assert registry_files.reportable_wh(registries.of("mrets").file, wh) == (
        12345678901234567890123000
    )


def test_a_correction_is_told_apart_by_its_name() -> None:
    profile = registries.of("mrets")

    assert registry_files.file_name(profile, "805", date(2026, 3, 1), sequence=0) == (
        "mrets-805-2026-03.csv"
    )
    assert registry_files.file_name(profile, "../8 05", date(2026, 3, 1), sequence=2) == (
        "mrets-8-05-2026-03-adjustment-2.csv"
    )
