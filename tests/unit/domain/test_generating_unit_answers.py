"""What people type about a generating unit, and the sentences for what will not do."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from dcarbon.domain import generating_unit_answers as answers
from dcarbon.domain import registries

TODAY = date(2026, 3, 20)
GOOD = {
    "name": " Roof ",
    "nameplate_kw": "49.5",
    "commercial_operation_date": "2024-05-31",
    "fuel": "Solar",
    "registry": "WREGIS",
    "registry_id": "W805",
    "reporting_unit_id": "",
}


def test_good_answers_are_read() -> None:
    found = answers.read(GOOD, today=TODAY)

    assert found.errors == {}
    assert found.values == {
        "name": "Roof",
        "nameplate_kw": Decimal("49.5"),
        "commercial_operation_date": date(2024, 5, 31),
        "fuel": "solar",
        "registry": "wregis",
        "registry_id": "W805",
        "reporting_unit_id": None,
    }


def test_a_unit_without_any_id_is_good_until_it_is_reported() -> None:
    found = answers.read({**GOOD, "registry_id": ""}, today=TODAY)

    assert (found.errors, found.values["registry_id"]) == ({}, None)


@pytest.mark.parametrize("key", list(registries.profiles()))
def test_every_registry_we_write_files_for_can_be_chosen(key: str) -> None:
    assert answers.read({**GOOD, "registry": key}, today=TODAY).values["registry"] == key


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"nameplate_kw": ""}, "nameplate_kw"),
        ({"nameplate_kw": "0"}, "nameplate_kw"),
        ({"nameplate_kw": "NaN"}, "nameplate_kw"),
        ({"nameplate_kw": "1.2345"}, "nameplate_kw"),
        ({"commercial_operation_date": ""}, "commercial_operation_date"),
        ({"commercial_operation_date": "May 2024"}, "commercial_operation_date"),
        ({"commercial_operation_date": "1900-01-01"}, "commercial_operation_date"),
        ({"fuel": "coal dust"}, "fuel"),
        ({"registry": ""}, "registry"),
        ({"registry": "nasdaq"}, "registry"),
        ({"registry_id": "=1+1"}, "registry_id"),
        ({"registry_id": "8" * 41}, "registry_id"),
        ({"registry_id": "", "reporting_unit_id": "R1"}, "registry_id"),
    ],
    ids=str,
)
def test_what_will_not_do_is_named_with_a_sentence(change: dict[str, str], field: str) -> None:
    found = answers.read({**GOOD, **change}, today=TODAY)

    assert set(found.errors) == {field}
    assert found.errors[field].startswith(("Please", "The"))
