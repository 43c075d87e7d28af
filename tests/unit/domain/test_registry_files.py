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


def test_a_correction_is_told_apart_by_its_name() -> None:
    profile = registries.of("mrets")

    assert registry_files.file_name(profile, "805", date(2026, 3, 1), sequence=0) == (
        "mrets-805-2026-03.csv"
    )
    assert registry_files.file_name(profile, "../8 05", date(2026, 3, 1), sequence=2) == (
        "mrets-8-05-2026-03-adjustment-2.csv"
    )
