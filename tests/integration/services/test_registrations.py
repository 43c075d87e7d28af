"""Add New Facility: every step is kept, and what became of it is seen by looking."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from dcarbon.db.authorizations import Authorization
from dcarbon.db.base import new_id
from dcarbon.db.facilities import Facility, FacilityRole
from dcarbon.domain.errors import DCarbonError, InvalidInput, InvalidTransition, NotFound
from dcarbon.services import authorizations, invitations, people, registrations
from dcarbon.services.actors import SYSTEM, Actor
from dcarbon.services.registrations import Choice, RegistrationView
from dcarbon.services.runtime import Runtime
from tests.integration.services.conftest import MovableClock, events

pytestmark = pytest.mark.database

LEAST = {
    "name": "Cold Storage",
    "street": "12 Wharf Street",
    "city": "Oakland",
    "state": "CA",
    "postal_code": "94607",
}


def _person(runtime: Runtime, name: str = "ann", kind: str = "commercial") -> Actor:
    person = people.ensure(
        runtime.sessions,
        email=f"{name}@example.test",
        account_kind=kind,
        actor=SYSTEM,
        now=runtime.now(),
    )
    return Actor(person.id)


def _with_details(runtime: Runtime, actor: Actor, role: str = "owner_operator") -> RegistrationView:
    started = registrations.start_new(runtime, actor)
    registrations.answer_role(runtime, started.id, role=role, actor=actor)
    return registrations.answer_details(runtime, started.id, answers=LEAST, actor=actor)


def test_commercial_people_choose_their_role_and_residents_do_not(runtime: Runtime) -> None:
    commercial = registrations.begin(runtime, _person(runtime))
    residential = registrations.begin(runtime, _person(runtime, "bo", "residential"))

    assert isinstance(commercial, RegistrationView)
    assert isinstance(residential, RegistrationView)
    assert (commercial.step, commercial.role) == ("role", None)
    assert (residential.step, residential.role) == ("details", "owner_operator")
    assert "role" not in residential.steps


def test_what_is_typed_is_kept_although_it_will_not_do(runtime: Runtime) -> None:
    ann = _person(runtime, kind="residential")
    started = registrations.start_new(runtime, ann)

    answered = registrations.answer_details(
        runtime, started.id, answers={"name": "Barn", "system_size_kw": "lots"}, actor=ann
    )
    later = registrations.continue_(runtime, started.id, actor=ann)

    assert {"street", "system_size_kw"} <= set(answered.errors)
    assert later.answers == {"name": "Barn", "system_size_kw": "lots"}
    assert (later.step, later.facility_id) == ("details", None)


def test_complete_details_make_the_facility_once_and_change_it_after(runtime: Runtime) -> None:
    ann = _person(runtime)
    first = _with_details(runtime, ann)

    again = registrations.answer_details(
        runtime, first.id, answers={"system_size_kw": "49.5"}, actor=ann
    )

    assert first.step == again.step == "utility"
    assert first.facility_id == again.facility_id
    with runtime.sessions() as session:
        facility = session.scalars(select(Facility)).one()
        role = session.scalars(select(FacilityRole.role)).one()
    assert (facility.name, facility.system_size_kw) == ("Cold Storage", Decimal("49.5"))
    assert (facility.time_zone, role) == ("America/Los_Angeles", "owner_operator")
    assert events(runtime)[-3:] == ["registration_started", "facility_created", "facility_updated"]


def test_the_role_can_be_changed_later_and_the_next_step_follows(runtime: Runtime) -> None:
    ann = _person(runtime)
    made = _with_details(runtime, ann, role="owner")

    changed = registrations.answer_role(runtime, made.id, role="owner_operator", actor=ann)

    assert (made.step, changed.step) == ("operator", "utility")
    with runtime.sessions() as session:
        assert session.scalars(select(FacilityRole.role)).one() == "owner_operator"


def test_steps_out_of_turn_are_refused(runtime: Runtime) -> None:
    ann = _person(runtime)
    started = registrations.start_new(runtime, ann)

    with pytest.raises(InvalidTransition, match="no role"):
        registrations.answer_details(runtime, started.id, answers=LEAST, actor=ann)
    with pytest.raises(InvalidTransition, match="details"):
        registrations.choose_utility(
            runtime, started.id, method="green_button", utility="pge", actor=ann, browser=None
        )
    with pytest.raises(InvalidInput):
        registrations.answer_role(runtime, started.id, role="operator", actor=ann)


def test_an_answer_nobody_asked_for_is_refused(runtime: Runtime) -> None:
    bo = _person(runtime, kind="residential")
    started = registrations.start_new(runtime, bo)

    with pytest.raises(InvalidInput):
        registrations.answer_details(runtime, started.id, answers={"is_admin": "1"}, actor=bo)


def test_a_resident_has_no_other_role(runtime: Runtime) -> None:
    bo = _person(runtime, kind="residential")
    started = registrations.start_new(runtime, bo)

    with pytest.raises(InvalidTransition):
        registrations.answer_role(runtime, started.id, role="owner", actor=bo)


def test_unfinished_registrations_are_offered_last_touched_first(
    runtime: Runtime, clock: MovableClock
) -> None:
    ann = _person(runtime)
    older = registrations.start_new(runtime, ann)
    clock.advance(timedelta(minutes=1))
    newer = registrations.start_new(runtime, ann)
    clock.advance(timedelta(minutes=1))
    registrations.answer_role(runtime, older.id, role="owner", actor=ann)

    offered = registrations.begin(runtime, ann)

    assert isinstance(offered, Choice)
    assert [each.id for each in offered.unfinished] == [older.id, newer.id]


def test_one_that_was_put_away_is_not_offered_and_not_gone_on_with(runtime: Runtime) -> None:
    ann = _person(runtime)
    started = registrations.start_new(runtime, ann)

    registrations.put_away(runtime, started.id, actor=ann)
    registrations.put_away(runtime, started.id, actor=ann)

    assert isinstance(registrations.begin(runtime, ann), RegistrationView)
    with pytest.raises(InvalidTransition) as refused:
        registrations.answer_role(runtime, started.id, role="owner", actor=ann)
    assert refused.value.code == "registration_over"
    assert events(runtime).count("registration_ended") == 1


def test_somebody_elses_registration_is_not_found(runtime: Runtime) -> None:
    ann, bo = _person(runtime), _person(runtime, "bo")
    of_ann = registrations.start_new(runtime, ann)
    admin = Actor(bo.person_id, is_admin=True)

    for other in (bo, admin):
        with pytest.raises(NotFound):
            registrations.continue_(runtime, of_ann.id, actor=other)
        with pytest.raises(NotFound):
            registrations.put_away(runtime, of_ann.id, actor=other)
    with pytest.raises(NotFound):
        registrations.continue_(runtime, new_id(), actor=ann)


def test_while_the_person_is_at_the_utility_it_waits_and_a_refusal_leads_back(
    runtime: Runtime,
) -> None:
    ann = _person(runtime)
    made = _with_details(runtime, ann)

    started = registrations.choose_utility(
        runtime, made.id, method="green_button", utility="pge", actor=ann, browser=None
    )
    away = registrations.continue_(runtime, made.id, actor=ann)
    state = started.redirect_url.partition("state=")[2].partition("&")[0]
    authorizations.complete_green_button(
        runtime, parameters={"state": state, "error": "access_denied"}, browser=None
    )
    back = registrations.continue_(runtime, made.id, actor=ann)

    assert (away.step, back.step) == ("waiting", "utility")
    assert away.answers["utility"] == "pge"


def test_a_refused_start_keeps_the_choice(runtime: Runtime) -> None:
    ann = _person(runtime)
    made = _with_details(runtime, ann)

    with pytest.raises(DCarbonError) as refused:
        registrations.choose_utility(
            runtime, made.id, method="green_button", utility="sce", actor=ann, browser=None
        )

    assert refused.value.code == "provider_not_set_up"
    kept = registrations.continue_(runtime, made.id, actor=ann)
    assert (kept.step, kept.answers["utility"]) == ("utility", "sce")


def test_an_authorized_facility_ends_the_registration_by_itself(runtime: Runtime) -> None:
    ann = _person(runtime)
    made = _with_details(runtime, ann)
    assert made.facility_id is not None
    with runtime.sessions.begin() as session:
        session.add(
            Authorization(
                id=new_id(),
                facility_id=made.facility_id,
                method="green_button",
                provider="pge",
                utility="PG&E",
                status="authorized",
                shard=0,
                authorized_at=runtime.now(),
            )
        )

    assert registrations.continue_(runtime, made.id, actor=ann).step == "done"
    with runtime.sessions() as session:
        assert registrations.unfinished(session, ann) == []
    with pytest.raises(InvalidTransition):
        registrations.answer_details(runtime, made.id, answers=LEAST, actor=ann)


def test_an_owner_waits_once_the_operator_is_invited(runtime: Runtime) -> None:
    ann = _person(runtime)
    made = _with_details(runtime, ann, role="owner")
    assert made.facility_id is not None

    invitations.invite(runtime, made.facility_id, email="op@example.test", actor=ann)
    invited = registrations.continue_(runtime, made.id, actor=ann)
    invitations.withdraw(runtime, made.facility_id, actor=ann)
    withdrawn = registrations.continue_(runtime, made.id, actor=ann)

    assert (made.step, invited.step, withdrawn.step) == ("operator", "waiting", "operator")


def test_who_operates_it_themselves_takes_the_invitation_back(runtime: Runtime) -> None:
    ann = _person(runtime)
    made = _with_details(runtime, ann, role="owner")
    assert made.facility_id is not None
    invitations.invite(runtime, made.facility_id, email="op@example.test", actor=ann)

    registrations.answer_role(runtime, made.id, role="owner_operator", actor=ann)

    with runtime.sessions() as session:
        assert invitations.open_of(session, made.facility_id, now=runtime.now()) is None
    assert events(runtime)[-1] == "invitation_ended"


def test_there_is_an_end_to_how_many_can_be_unfinished(runtime: Runtime) -> None:
    ann = _person(runtime)
    for _ in range(registrations.MOST_UNFINISHED):
        registrations.start_new(runtime, ann)

    with pytest.raises(InvalidTransition) as refused:
        registrations.start_new(runtime, ann)
    assert refused.value.code == "too_many_registrations"
