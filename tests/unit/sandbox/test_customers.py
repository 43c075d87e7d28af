"""The sandbox's people: invented, stable, and enough of every kind."""

from __future__ import annotations

from itertools import chain

import pytest

from dcarbon_sandbox.customers import CUSTOMERS, customer_by_login, generated_customer

METERS = tuple(chain.from_iterable(customer.meters for customer in CUSTOMERS))


def test_every_meter_has_a_ten_digit_id_of_its_own() -> None:
    generated = (generated_customer(number).meters[0] for number in range(1000))

    ids = [meter.id for meter in chain(METERS, generated)]

    assert len(set(ids)) == len(ids)
    assert all(len(one) == 10 and one.isdecimal() for one in ids)


def test_the_cast_covers_solar_plain_commercial_gas_hourly_and_holes() -> None:
    assert {meter.kind for meter in METERS} == {"household", "commercial", "solar", "gas"}
    assert {meter.step_s for meter in METERS} == {900, 3600, 86400}
    assert any("holes" in meter.quirks for meter in METERS)
    assert any(len(customer.meters) == 4 for customer in CUSTOMERS)


def test_only_solar_meters_export() -> None:
    assert all(meter.has_export == (meter.kind == "solar") for meter in METERS)


def test_each_big_utility_knows_a_resident_with_solar_and_one_without() -> None:
    for utility in ("PG&E", "SCE", "SDG&E"):
        known = [customer for customer in CUSTOMERS if utility in customer.utilities]
        single = [customer.meters[0].kind for customer in known if len(customer.meters) == 1]

        assert {"solar", "household"} <= set(single)


def test_the_demo_login_is_test_and_works_at_demo_only() -> None:
    customer = customer_by_login("test")

    assert customer is not None
    assert (customer.password, customer.utilities) == ("test", frozenset({"DEMO"}))


def test_nobody_can_be_mistaken_for_a_real_person() -> None:
    assert all(customer.email.endswith("@customer.example") for customer in CUSTOMERS)
    assert all(customer.city == "Anytown" for customer in CUSTOMERS)


def test_generated_customers_have_one_and_a_half_channels_on_average() -> None:
    channels = [
        1 + meter.has_export for number in range(100) for meter in generated_customer(number).meters
    ]

    assert sum(channels) == 150


def test_a_generated_customer_is_found_by_login() -> None:
    assert customer_by_login("bulk-17") == generated_customer(17)


@pytest.mark.parametrize(
    "login", ["nobody", "", "bulk-", "bulk--1", "bulk-x", "bulk-²", "bulk-99999999999", "17"]
)
def test_an_unknown_login_finds_nobody(login: str) -> None:
    assert customer_by_login(login) is None


@pytest.mark.parametrize("number", [-1, 10_000_000])
def test_a_generated_customer_out_of_range_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="numbered"):
        generated_customer(number)
