"""Facilities and people: who sees what, and what is refused when something is registered."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from dcarbon.db.base import new_id
from dcarbon.db.facilities import Facility
from dcarbon.db.people import Person
from dcarbon.domain.errors import InvalidInput, NotFound
from dcarbon.services import facilities, people
from dcarbon.services.actors import SYSTEM, Actor
from dcarbon.services.facilities import FacilityDetails
from dcarbon.services.runtime import Runtime
from tests.integration.services.conftest import Settle, entries, events

pytestmark = pytest.mark.database


def test_people_see_their_own_facilities_only(runtime: Runtime, settle: Settle) -> None:
    ann, ben = settle("ann"), settle("ben")

    with runtime.sessions() as session:
        seen = [each.id for each in facilities.visible(session, actor=ann.actor)]
        found = facilities.get(session, ann.facility.id, actor=ann.actor)
        with pytest.raises(NotFound):
            facilities.get(session, ben.facility.id, actor=ann.actor)

    assert seen == [found.id] == [ann.facility.id]


def test_an_administrator_sees_all_newest_first(runtime: Runtime, settle: Settle) -> None:
    made = [settle(name).facility.id for name in ("ann", "ben")]

    with runtime.sessions() as session:
        seen = [
            each.id for each in facilities.visible(session, actor=Actor(new_id(), is_admin=True))
        ]

    assert seen == made[::-1]


@pytest.mark.parametrize("actor", [Actor(None), Actor(new_id())], ids=["nobody", "a stranger"])
def test_a_stranger_sees_nothing(runtime: Runtime, settle: Settle, actor: Actor) -> None:
    ann = settle()

    with runtime.sessions() as session:
        assert not facilities.visible(session, actor=actor)
        with pytest.raises(NotFound):
            facilities.get(session, ann.facility.id, actor=actor)


@pytest.mark.parametrize("role", ["operator", "owner_operator"])
def test_an_operator_may_authorize(runtime: Runtime, settle: Settle, role: str) -> None:
    ann = settle(role=role)

    with runtime.sessions() as session:
        found = facilities.require_may_authorize(session, ann.facility.id, actor=ann.actor)

    assert found.id == ann.facility.id


def test_an_owner_is_told_who_may_authorize(runtime: Runtime, settle: Settle) -> None:
    ann = settle(role="owner")

    with runtime.sessions() as session, pytest.raises(InvalidInput) as caught:
        facilities.require_may_authorize(session, ann.facility.id, actor=ann.actor)

    assert caught.value.code == "operator_needed"


@pytest.mark.parametrize(
    ("details", "kind", "role"),
    [
        (FacilityDetails(name=" "), "residential", "owner"),
        (FacilityDetails(name="House"), "royal", "owner"),
        (FacilityDetails(name="House"), "residential", "guest"),
        (FacilityDetails(name="House", time_zone="Mars/Olympus"), "residential", "owner"),
        (FacilityDetails(name="House", time_zone=""), "residential", "owner"),
        (FacilityDetails(name="House", time_zone="../../etc/passwd"), "residential", "owner"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_written(
    runtime: Runtime, details: FacilityDetails, kind: str, role: str
) -> None:
    with pytest.raises(InvalidInput):
        facilities.create(
            runtime.sessions,
            details,
            account_kind=kind,
            role=role,
            actor=Actor(new_id()),
            now=runtime.now(),
        )

    with runtime.sessions() as session:
        assert session.scalar(select(func.count()).select_from(Facility)) == 0
    assert events(runtime) == []


def test_only_an_administrator_registers_for_somebody_else(
    runtime: Runtime, settle: Settle
) -> None:
    ann, ben = settle("ann"), settle("ben")

    def register(actor: Actor) -> Facility:
        return facilities.create(
            runtime.sessions,
            FacilityDetails(name="Barn"),
            account_kind="residential",
            role="owner",
            actor=actor,
            now=runtime.now(),
            person_id=ben.actor.person_id,
        )

    by_ann, by_system = register(ann.actor), register(SYSTEM)

    with runtime.sessions() as session:
        seen = {each.id for each in facilities.visible(session, actor=ben.actor)}
    assert by_system.id in seen
    assert by_ann.id not in seen


def test_registering_writes_one_entry_without_personal_data(
    runtime: Runtime, settle: Settle
) -> None:
    ann = settle("ann")

    written = entries(runtime)

    assert [entry.event for entry in written] == ["person_created", "facility_created"]
    assert written[1].facility_id == ann.facility.id
    assert "ann@" not in str([entry.details for entry in written])


def test_one_address_is_one_person_however_it_is_written(runtime: Runtime) -> None:
    found = [
        people.ensure(
            runtime.sessions,
            email=email,
            account_kind="commercial",
            actor=SYSTEM,
            now=runtime.now(),
        )
        for email in ("Ann@Example.test", " ann@example.TEST ", "ann@example.test")
    ]

    assert len({person.id for person in found}) == 1
    assert events(runtime) == ["person_created"]


@pytest.mark.parametrize("email", ["", "ann", "ann@", "@example.test", "a b@example.test", "a@b"])
def test_what_is_no_address_is_refused(runtime: Runtime, email: str) -> None:
    with pytest.raises(InvalidInput):
        people.ensure(
            runtime.sessions,
            email=email,
            account_kind="commercial",
            actor=SYSTEM,
            now=runtime.now(),
        )

    with runtime.sessions() as session:
        assert session.scalar(select(func.count()).select_from(Person)) == 0
