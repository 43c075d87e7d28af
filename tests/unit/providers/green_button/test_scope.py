"""Scope strings are read as they are found, not as they should be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcarbon.providers.green_button.scope import parse_scope


def test_a_full_scope_is_read_in_parts() -> None:
    text = (
        "FB=1_3_4_5_13;IntervalDuration=900_3600;BlockDuration=monthly;HistoryLength=94608000;"
        "SubscriptionFrequency=Daily;AccountCollection=2;BR=000092"
    )

    scope = parse_scope(text)

    assert scope.text == text
    assert scope.function_blocks == (1, 3, 4, 5, 13)
    assert scope.interval_durations == (900, 3600)
    assert (scope.block_duration, scope.subscription_frequency) == ("monthly", "daily")
    assert (scope.account_collection, scope.bulk_id) == (2, "000092")
    assert scope.history == timedelta(days=1095)
    assert scope.covers_intervals()


def test_pges_scope_keeps_what_the_standard_does_not_know() -> None:
    scope = parse_scope(
        "FB=1_3_8_39_40_4_5;AdditionalScope=Usage_Billing;dataCustodianId=PGE;BlockDuration=Daily;"
    )

    assert scope.others == {"AdditionalScope": "Usage_Billing", "dataCustodianId": "PGE"}
    assert scope.function_blocks[-2:] == (4, 5)
    assert scope.block_duration == "daily"


@pytest.mark.parametrize(
    ("length", "days"),
    [("13", 396), ("24", 730), ("600", 18262), ("63072000", 730), ("0", 0), ("601", 0)],
)
def test_a_small_history_is_in_months(length: str, days: int) -> None:
    history = parse_scope(f"HistoryLength={length}").history

    assert history == timedelta(days=days)


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("PreferredAuthEndDate=1798761600", datetime(2027, 1, 1, tzinfo=UTC)),
        ("PreferredAuthEndDate=0", None),
        ("PreferredAuthEndDate=999999999999", None),
        ("FB=4", None),
    ],
)
def test_the_end_of_an_authorization_is_read(text: str, ends: datetime | None) -> None:
    assert parse_scope(text).ends_at == ends


@pytest.mark.parametrize(
    ("text", "covered"), [("FB=4_5", True), ("FB=15_16", False), ("", True), ("812", True)]
)
def test_readings_may_be_asked_for_with_block_4_or_without_a_list(text: str, covered: bool) -> None:  # noqa: FBT001
    assert parse_scope(text).covers_intervals() is covered


@pytest.mark.parametrize(
    ("text", "covered"), [("FB=4_46", True), ("FB=4_5_58", True), ("FB=4_5", False), ("", True)]
)
def test_customer_data_may_be_asked_for_with_their_blocks(text: str, covered: bool) -> None:  # noqa: FBT001
    assert parse_scope(text).covers_customer() is covered


@given(st.text())
def test_no_text_breaks_the_parser(text: str) -> None:
    assert parse_scope(text).text == text
