"""Daylight saving rules are 32 bits in hexadecimal; some files cut them short."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcarbon.providers.green_button import espi
from dcarbon.providers.green_button.espi.local_time import DstRule, decode_dst_rule


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("360E2000", DstRule(month=3, operator=3, day=0, weekday=7, hour=2, second=0)),
        ("B40E2000", DstRule(month=11, operator=2, day=0, weekday=7, hour=2, second=0)),
        ("380A1A8C", DstRule(month=3, operator=4, day=0, weekday=5, hour=1, second=2700)),
        ("b60e", DstRule(month=11, operator=3, day=0, weekday=7, hour=0, second=0)),
        ("B40E", DstRule(month=11, operator=2, day=0, weekday=7, hour=0, second=0)),
    ],
)
def test_a_rule_is_decoded(text: str, rule: DstRule) -> None:
    assert decode_dst_rule(text) == rule


@pytest.mark.parametrize("text", ["FFFFFFFF", "", None, "never", "123456789", "1394330400"])
def test_no_rule_and_no_nonsense_is_decoded(text: str | None) -> None:
    assert decode_dst_rule(text) is None


@pytest.mark.parametrize(
    ("text", "year", "moment"),
    [
        ("360E2000", 2026, "2026-03-08T02:00"),
        ("360E2000", 2015, "2015-03-08T02:00"),
        ("B40E2000", 2026, "2026-11-01T02:00"),
        ("B40E2000", 2020, "2020-11-01T02:00"),
        ("380A1A8C", 2026, "2026-03-20T01:45"),
        ("3E0E1000", 2026, "2026-03-29T01:00"),
        ("328E2000", 2026, "2026-03-08T02:00"),
        ("30102000", 2026, "2026-03-01T02:00"),
    ],
    ids=["2nd_sunday", "2nd_sunday_on_the_8th", "1st_sunday", "1st_sunday_on_the_1st",
         "3rd_friday", "last_sunday", "sunday_from_the_8th", "fixed_day"],
)  # fmt: skip
def test_a_rule_names_a_moment_of_each_year(text: str, year: int, moment: str) -> None:
    rule = decode_dst_rule(text)

    assert rule is not None
    assert rule.is_plausible
    assert rule.moment(year).isoformat(timespec="minutes") == moment


@pytest.mark.parametrize("text", ["00000000", "F60E2000", "36002000", "360F9000", "30002000"])
def test_a_senseless_rule_is_not_plausible(text: str) -> None:
    rule = decode_dst_rule(text)

    assert rule is not None
    assert not rule.is_plausible


def test_the_parameters_of_pge_are_read(samples: Path) -> None:
    content = (samples / "pge-local-time-parameters.xml").read_bytes()

    parameters = espi.parse_local_time_parameters(content)

    assert (parameters.tz_offset_s, parameters.dst_offset_s) == (-28_800, 3_600)
    assert parameters.dst_start == decode_dst_rule("360E2000")
    assert parameters.dst_end == decode_dst_rule("B40E2000")
    assert not parameters.rules_are_doubtful


def test_rules_cut_short_are_doubtful(samples: Path) -> None:
    parameters = espi.parse_local_time_parameters((samples / "sce-bulk-usage.xml").read_bytes())

    assert parameters.rules_are_doubtful
