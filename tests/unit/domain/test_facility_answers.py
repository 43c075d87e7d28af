"""What people type about a facility is read leniently and refused field by field, in words."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from dcarbon.domain import facility_answers
from dcarbon.domain.us_states import TIME_ZONES

TODAY = date(2026, 3, 20)
LEAST = {
    "name": "Cold Storage",
    "street": "12 Wharf Street",
    "city": "Oakland",
    "state": "ca",
    "postal_code": "94607",
}


def test_the_least_is_enough_and_the_time_zone_follows_from_the_state() -> None:
    found = facility_answers.read({**LEAST, "state": "ny"}, today=TODAY)

    assert found.errors == {}
    assert (found.values["state"], found.values["time_zone"]) == ("NY", "America/New_York")
    assert found.values["system_size_kw"] is None


def test_nothing_typed_names_every_field_that_is_needed() -> None:
    found = facility_answers.read({}, today=TODAY)

    assert list(found.errors) == ["name", "street", "city", "state", "postal_code"]
    assert all(words.startswith("Please") for words in found.errors.values())


@pytest.mark.parametrize(
    ("field", "typed", "value"),
    [
        ("system_size_kw", " 49.500 ", Decimal("49.5")),
        ("commercial_operation_date", "2024-05-31", date(2024, 5, 31)),
        ("postal_code", "94607-1234", "94607-1234"),
        ("finance_type", "PPA", "ppa"),
        ("time_zone", "America/Denver", "America/Denver"),
        ("installer", "  Sun & Sons ", "Sun & Sons"),
        ("installer", "x" * 200, "x" * 200),
        ("system_size_kw", "0.001", Decimal("0.001")),
        ("system_size_kw", "9999999.999", Decimal("9999999.999")),
        ("commercial_operation_date", "1950-01-01", date(1950, 1, 1)),
        ("commercial_operation_date", "2036-12-31", date(2036, 12, 31)),
        ("finance_company", "", None),
    ],
)
def test_what_will_do_is_read(field: str, typed: str, value: object) -> None:
    found = facility_answers.read({**LEAST, field: typed}, today=TODAY)

    assert (found.errors, found.values[field]) == ({}, value)


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("name", "  "),
        ("name", "x" * 201),
        ("name", "a\x00b"),
        ("name", "two\nlines"),
        ("state", "California"),
        ("state", "ZZ"),
        ("postal_code", "9460"),
        ("postal_code", "\uff19\uff14\uff16\uff10\uff17"),
        ("time_zone", "Mars/Olympus"),
        ("time_zone", "../../etc/passwd"),
        ("finance_type", "gift"),
        ("system_size_kw", "many"),
        ("system_size_kw", "0"),
        ("system_size_kw", "-3"),
        ("system_size_kw", "NaN"),
        ("system_size_kw", "Infinity"),
        ("system_size_kw", "1e400"),
        ("system_size_kw", "1.2341"),
        ("system_size_kw", "1.2349"),
        ("system_size_kw", "0.0009"),
        ("system_size_kw", "10000000"),
        ("system_size_kw", "1e-999999"),
        ("commercial_operation_date", "2024-02-31"),
        ("commercial_operation_date", "31.5.2024"),
        ("commercial_operation_date", "1492-01-01"),
        ("commercial_operation_date", "1949-12-31"),
        ("commercial_operation_date", "2037-01-01"),
        ("commercial_operation_date", "2999-01-01"),
    ],
)
def test_what_will_not_do_is_said_at_its_field_alone(field: str, typed: str) -> None:
    found = facility_answers.read({**LEAST, field: typed}, today=TODAY)

    assert list(found.errors) == [field]
    assert field not in found.values


def test_every_state_has_a_time_zone_that_exists() -> None:
    assert len(TIME_ZONES) == 56
    for zone in TIME_ZONES.values():
        assert ZoneInfo(zone).key == zone
