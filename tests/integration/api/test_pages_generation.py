"""The page Generation: units, what channels may be used for, claims, and each refusal in place."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import func, select

from dcarbon.db.facilities import Facility
from dcarbon.db.generating_units import ChannelEligibility, GeneratingUnit, MeterClaim
from dcarbon.db.people import Person
from dcarbon.services import meter_claims
from dcarbon.services.actors import Actor
from dcarbon.services.runtime import Runtime
from tests.integration.api import generation, pages
from tests.integration.services import metering
from tests.support.browser import Browser


@pytest.fixture
def owner(runtime: Runtime) -> Person:
    return pages.person(runtime, "olive@example.org")


@pytest.fixture
def mill(runtime: Runtime, owner: Person) -> UUID:
    return pages.facility(runtime, owner)


@pytest.fixture
def browser(app: Flask, runtime: Runtime, owner: Person) -> Browser:
    return pages.at_browser(app, runtime, owner)


@pytest.fixture
def place(mill: UUID) -> str:
    return f"/facilities/{mill}/generation"


def read(browser: Browser, path: str) -> str:
    return pages.words(browser.get(path).text)


def test_without_a_unit_the_page_says_what_one_is_and_what_is_needed(
    browser: Browser, place: str
) -> None:
    shown = read(browser, place)

    assert "A generating unit is what makes electricity here" in shown
    assert "Certificates are issued for what a unit is measured to make" in shown
    assert "You need its size, the day it began to operate, and a meter" in shown
    assert "No meters yet" in shown


def test_a_new_unit_begins_with_what_the_facility_says(
    browser: Browser, runtime: Runtime, mill: UUID, place: str
) -> None:
    with runtime.sessions.begin() as session:
        facility = session.get_one(Facility, mill)
        facility.system_size_kw = Decimal("49.500")
        facility.commercial_operation_date = date(2024, 5, 31)

    form = browser.get(f"{place}/units/new").text

    assert 'value="49.5"' in form
    assert 'value="2024-05-31"' in form
    assert "WREGIS (file unconfirmed)" in form
    assert "M-RETS" in form


def test_a_unit_is_registered_shown_changed_and_removed(
    browser: Browser, runtime: Runtime, mill: UUID, place: str
) -> None:
    added = browser.post(f"{place}/units/new", generation.UNIT, page=f"{place}/units/new")
    assert (added.status_code, added.location) == (303, place)
    shown = read(browser, place)
    for words in ("Roof", "49.5 kW", "May 31, 2024", "Solar", "WREGIS", "No meter counts"):
        assert words in shown

    with runtime.sessions() as session:
        unit = session.scalars(select(GeneratingUnit.id)).one()
    path = f"{place}/units/{unit}"
    browser.post(path, {**generation.UNIT, "name": "Shed", "registry_id": "W805"}, page=path)
    assert "Shed" in (shown := read(browser, place))
    assert "W805" in shown

    assert "cannot be removed" in read(browser, f"{path}/remove")
    browser.post(f"{path}/remove", page=f"{path}/remove")
    assert "Shed was removed" in (shown := read(browser, place))
    assert "No generating unit yet" in shown


def test_what_will_not_do_is_said_at_its_field_and_the_rest_is_kept(
    browser: Browser, runtime: Runtime, owner: Person, mill: UUID, place: str
) -> None:
    path = f"{place}/units/new"
    typed = {**generation.UNIT, "nameplate_kw": "many", "registry": ""}

    refused = browser.post(path, typed, page=path)

    assert refused.status_code == 422
    assert 'id="nameplate_kw-errors"' in refused.text
    assert 'id="registry-errors"' in refused.text
    assert 'value="Roof"' in refused.text
    with runtime.sessions() as session:
        assert session.scalar(select(func.count()).select_from(GeneratingUnit)) == 0


def test_an_id_that_is_in_use_is_refused_at_its_field(
    browser: Browser, runtime: Runtime, mill: UUID, place: str
) -> None:
    path, typed = f"{place}/units/new", {**generation.UNIT, "registry_id": "W805"}
    browser.post(path, typed, page=path)

    refused = browser.post(path, typed, page=path)

    assert refused.status_code == 422
    assert 'id="registry_id-errors"' in refused.text


def test_each_channel_is_shown_with_its_rule_and_what_is_to_decide(
    browser: Browser, runtime: Runtime, mill: UUID, place: str
) -> None:
    metering.meter(runtime, mill, "delivered", "received", "net", numbers=("1001",))

    shown = read(browser, place)

    assert "Meter 1001" in shown
    assert "Proposed: Export by the hour" in shown
    assert "Consumption, never claimed" in shown
    assert "Net, never claimed" in shown
    assert "M-RETS operating procedures, 4.3: customer-sited generation (Jun 10, 2026)" in shown


def test_a_choice_is_made_with_a_note_and_shown_with_its_history(
    browser: Browser, runtime: Runtime, mill: UUID, place: str
) -> None:
    meter = metering.meter(runtime, mill, "delivered", "received")
    path = f"{place}/channels/{generation.channel(runtime, meter)}"

    saved = browser.post(
        path, {"eligibility": "hourly_export", "note": "The roof's export"}, page=path
    )

    assert (saved.status_code, saved.location) == (303, place)
    assert "Chosen by Olive on Mar 20, 2026" in read(browser, place)
    again = browser.get(path).text
    assert "The roof&#39;s export" in again
    assert "Chosen so far" in again


@pytest.mark.parametrize(
    ("direction", "wanted", "reason"),
    [
        ("net", "hourly_export", "What was generated cannot be told from it"),
        ("net", "production", "What was generated cannot be told from it"),
        ("delivered", "hourly_export", "consumption, which is never claimed"),
        ("delivered", "production", "counts energy in both directions"),
    ],
)
def test_a_net_or_consumption_channel_is_refused_with_the_reason_even_to_an_administrator(
    app: Flask,
    runtime: Runtime,
    mill: UUID,
    place: str,
    *,
    direction: str,
    wanted: str,
    reason: str,
) -> None:
    boss = pages.person(runtime, "boss@example.org", is_admin=True)
    browser = pages.at_browser(app, runtime, boss)
    meter = metering.meter(runtime, mill, "delivered", "received", "net")
    path = f"{place}/channels/{generation.channel(runtime, meter, direction)}"

    refused = browser.post(
        path, {"eligibility": wanted, "is_production_meter": "y", "note": "x"}, page=path
    )

    assert refused.status_code == 422
    assert 'id="eligibility-errors"' in refused.text
    assert reason in pages.words(refused.text)
    with runtime.sessions() as session:
        assert session.scalar(select(func.count(ChannelEligibility.chosen))) == 0


def test_production_is_offered_with_the_statement_it_needs(
    browser: Browser, runtime: Runtime, mill: UUID, place: str
) -> None:
    meter = metering.meter(runtime, mill, "delivered")
    path = f"{place}/channels/{generation.channel(runtime, meter, 'delivered')}"
    typed = {"eligibility": "production", "note": "Generation meter"}

    refused = browser.post(path, typed, page=path)
    bare = browser.post(path, {**typed, "note": "", "is_production_meter": "y"}, page=path)
    taken = browser.post(path, {**typed, "is_production_meter": "y"}, page=path)

    assert (refused.status_code, bare.status_code, taken.status_code) == (422, 422, 303)
    assert "nobody has stated" in pages.words(refused.text)
    assert 'id="note-errors"' in bare.text


def test_a_meter_is_claimed_ended_and_claimed_anew(
    browser: Browser, runtime: Runtime, owner: Person, mill: UUID, place: str
) -> None:
    actor = Actor(owner.id)
    unit = generation.unit(runtime, mill, actor)
    meter = generation.export_meter(runtime, mill, actor)
    path = f"{place}/units/{unit}/claim"
    typed = {"meter_id": str(meter), "first_day": "2026-03-01", "last_day": ""}

    assert "counts as export by the hour" in read(browser, path)
    claimed = browser.post(path, typed, page=path)
    assert (claimed.status_code, claimed.location) == (303, place)
    assert "Export by the hour, since Mar 1, 2026. Claimed by Olive" in read(browser, place)

    with runtime.sessions() as session:
        claim = session.scalars(select(MeterClaim.id)).one()
    ending = f"{place}/claims/{claim}"
    early = browser.post(ending, {"last_day": "2026-02-01"}, page=ending)
    no_date = browser.post(ending, {"last_day": "soon"}, page=ending)
    assert (early.status_code, no_date.status_code) == (422, 422)
    assert "The last day is before the first." in pages.words(early.text)
    browser.post(ending, {"last_day": "2026-03-10"}, page=ending)
    assert "Mar 1, 2026 to Mar 10, 2026" in read(browser, place)

    again = browser.post(path, {**typed, "first_day": "2026-03-11"}, page=path)
    assert again.status_code == 303


def test_a_double_claim_is_refused_at_the_days_with_the_first_one_named(
    browser: Browser, runtime: Runtime, owner: Person, mill: UUID, place: str
) -> None:
    actor = Actor(owner.id)
    unit = generation.unit(runtime, mill, actor)
    meter = generation.export_meter(runtime, mill, actor)
    generation.claim(runtime, unit, meter, actor)
    path = f"{place}/units/{unit}/claim"

    refused = browser.post(
        path, {"meter_id": str(meter), "first_day": "2026-03-05", "last_day": ""}, page=path
    )

    assert refused.status_code == 422
    assert 'id="first_day-errors"' in refused.text
    assert "counts for Roof from Mar 1, 2026 on already" in pages.words(refused.text)


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"meter_id": "", "first_day": "2026-03-01"}, "meter_id"),
        ({"meter_id": "not one of ours", "first_day": "2026-03-01"}, "meter_id"),
        ({"first_day": ""}, "first_day"),
        ({"first_day": "yesterday"}, "first_day"),
        ({"first_day": "2026-03-01", "last_day": "soon"}, "last_day"),
        ({"first_day": "2026-03-01"}, "meter_id"),  # nobody has decided what it may be used for
        ({"first_day": "2024-05-30"}, "first_day"),
        ({"first_day": "2026-03-21"}, "first_day"),
        ({"first_day": "2026-03-09", "last_day": "2026-03-08"}, "last_day"),
    ],
    ids=str,
)
def test_what_stands_against_a_claim_is_said_at_its_field(
    browser: Browser,
    runtime: Runtime,
    owner: Person,
    mill: UUID,
    place: str,
    *,
    typed: dict[str, str],
    field: str,
) -> None:
    unit = generation.unit(runtime, mill, Actor(owner.id))
    meter = metering.meter(runtime, mill, "delivered", "received")
    path = f"{place}/units/{unit}/claim"

    refused = browser.post(path, {"meter_id": str(meter), "last_day": "", **typed}, page=path)

    assert refused.status_code == 422
    assert f'id="{field}-errors"' in refused.text
    with runtime.sessions() as session:
        assert session.scalar(select(func.count()).select_from(MeterClaim)) == 0


def test_a_mistaken_claim_is_taken_back(
    browser: Browser, runtime: Runtime, owner: Person, mill: UUID, place: str
) -> None:
    actor = Actor(owner.id)
    unit = generation.unit(runtime, mill, actor)
    meter = generation.export_meter(runtime, mill, actor)
    claim = generation.claim(runtime, unit, meter, actor)

    back = browser.post(f"{place}/claims/{claim}/withdraw", page=f"{place}/claims/{claim}")

    assert back.status_code == 303
    assert "The claim was taken back" in read(browser, place)
    with runtime.sessions() as session:
        found = meter_claims.of_facility(session, mill, actor=actor, now=runtime.now())
    assert found == {unit: []}


def test_things_of_another_facility_of_ones_own_are_not_found_here(
    browser: Browser, runtime: Runtime, owner: Person, mill: UUID
) -> None:
    actor, other = Actor(owner.id), pages.facility(runtime, owner, name="Barn")
    unit = generation.unit(runtime, mill, actor)
    meter = generation.export_meter(runtime, mill, actor)
    claim = generation.claim(runtime, unit, meter, actor)
    channel = generation.channel(runtime, meter)
    place = f"/facilities/{other}/generation"

    for path in (f"units/{unit}", f"units/{unit}/claim", f"claims/{claim}", f"channels/{channel}"):
        assert browser.get(f"{place}/{path}").status_code == 404, path
