"""What people read in Dagster: exact numbers, links, and tables that survive any text."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import dagster as dg

from dcarbon.db.base import new_id
from dcarbon.domain.errors import ProviderUnavailable
from dcarbon.services.collection import CollectionOutcome
from dcarbon_pipelines import metadata

URL = "https://dcarbon.example"


def outcome(**changes: object) -> CollectionOutcome:
    values: dict[str, object] = {
        "authorization_id": new_id(),
        "facility_id": new_id(),
        "provider": "pge",
        "utility": "PG&E",
        "window": (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 8, tzinfo=UTC)),
        "payloads": 2,
        "readings": 96,
        "new": 90,
        "restated": 6,
        "delivered_kwh": Decimal("12.345"),
        "received_kwh": Decimal("0.5"),
        "covered_days": 6,
        "due_days": 8,
        "provider_seconds": 1.23456,
        **changes,
    }
    return CollectionOutcome(**values)  # type: ignore[arg-type]  # values by name


def test_a_collection_tells_its_numbers_and_links_to_its_facility() -> None:
    collected = outcome(meters=2)

    found = metadata.of_outcome(collected, URL)

    assert found["facility"] == dg.MetadataValue.url(f"{URL}/facilities/{collected.facility_id}")
    assert found["window"].value == "2026-03-01T00:00:00+00:00/2026-03-08T00:00:00+00:00"
    assert (found["readings"].value, found["new"].value, found["restated"].value) == (96, 90, 6)
    assert (found["kwh_delivered"].value, found["kwh_received"].value) == (12.345, 0.5)
    assert (found["coverage"].value, found["coverage_percent"].value) == ("6 of 8 channel days", 75)
    assert found["provider_seconds"].value == 1.235


def test_a_day_sums_its_authorizations_and_says_what_became_of_whom() -> None:
    failed = outcome(error=ProviderUnavailable("connection refused"), readings=0)

    found = metadata.of_day([outcome(), outcome(), failed], URL)

    assert (found["authorizations"].value, found["failed"].value) == (3, 1)
    assert found["readings"].value == 192
    assert found["failed_percent"].value == 33.33
    first, *others = str(found["outcomes"].value).splitlines()[2:]
    assert str(failed.facility_id) in first
    assert "provider_unavailable" in first
    assert len(others) == 2


def test_a_day_without_authorizations_has_numbers_too() -> None:
    found = metadata.of_day([], URL)

    assert (found["authorizations"].value, found["coverage_percent"].value) == (0, 0)
    assert "outcomes" not in found


def test_the_table_of_a_run_begins_with_what_failed() -> None:
    well, waiting = outcome(), outcome(waiting=True)
    failed = outcome(error=ProviderUnavailable("connection refused"))

    lines = metadata.outcome_table([well, waiting, failed], URL).splitlines()

    facilities = [failed.facility_id, waiting.facility_id, well.facility_id]
    assert [str(f) in line for f, line in zip(facilities, lines[2:], strict=True)] == [True] * 3


def test_a_table_keeps_its_shape_whatever_is_in_it() -> None:
    lines = metadata.table(("a", "b"), [("x|y", "two\nlines")]).splitlines()

    assert lines == ["| a | b |", "| --- | --- |", "| x\\|y | two lines |"]


def test_a_long_table_is_cut_and_says_so() -> None:
    rows = [(number,) for number in range(metadata.LONGEST_TABLE + 5)]

    assert metadata.table(("n",), rows).endswith("… and 5 more.")
