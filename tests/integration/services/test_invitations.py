"""Inviting an operator: one open link at a time, used once, and words for every other one."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from dcarbon.db.facilities import Facility, FacilityRole
from dcarbon.db.mails import Mail
from dcarbon.db.people import Person
from dcarbon.db.registrations import Invitation
from dcarbon.domain.errors import DCarbonError, InvalidInput, InvalidTransition, NotFound
from dcarbon.services import facilities, facility_views, invitations, people, web_sessions
from dcarbon.services.actors import SYSTEM, Actor
from dcarbon.services.runtime import Runtime
from tests.integration.services.conftest import MovableClock, Settle, events

pytestmark = pytest.mark.database

OPERATOR = "op@example.test"


def _secrets(runtime: Runtime) -> list[str]:
    """Return the secrets of the links mailed so far, as their readers find them."""
    with runtime.sessions() as session:
        mails = session.scalars(
            select(Mail).where(Mail.kind == "operator_invitation").order_by(Mail.id)
        ).all()
    return [re.findall(r"/invitations/([\w-]+)", mail.text_body)[0] for mail in mails]


def _accept(runtime: Runtime, secret: str) -> invitations.Accepted:
    return invitations.accept(runtime, secret, ip="127.0.0.1", user_agent="Test/1")


def test_an_invitation_is_a_row_without_the_secret_a_mail_and_an_audit_entry(
    runtime: Runtime, settle: Settle
) -> None:
    ann = settle(role="owner")

    sent = invitations.invite(runtime, ann.facility.id, email=" OP@example.test ", actor=ann.actor)

    assert sent.email == OPERATOR
    assert sent.expires_at == runtime.now() + timedelta(days=14)
    (secret,) = _secrets(runtime)
    with runtime.sessions() as session:
        mail = session.scalars(select(Mail)).one()
        stored = str(session.execute(text("select * from invitations")).one())
        facility = session.get_one(Facility, ann.facility.id)
    assert (mail.to_address, mail.facility_id) == (OPERATOR, ann.facility.id)
    assert secret not in stored
    assert facility.auth_status == "pending"
    assert events(runtime)[-1] == "operator_invited"


def test_looking_shows_the_facility_and_uses_nothing_up(runtime: Runtime, settle: Settle) -> None:
    ann = settle(role="owner")
    invitations.invite(runtime, ann.facility.id, email=OPERATOR, actor=ann.actor)
    (secret,) = _secrets(runtime)

    looks = [invitations.look(runtime, secret) for _ in range(3)]

    assert {look.state for look in looks} == {"good"}
    assert looks[0].facility is not None
    assert (looks[0].facility.name, looks[0].facility.owner) == (
        "House of ann",
        "ann@example.test",
    )
    assert looks[0].is_new_person
    assert _accept(runtime, secret).facility_id == ann.facility.id


def test_whoever_looks_waits_for_nobody_who_changes(runtime: Runtime, settle: Settle) -> None:
    ann = settle(role="owner")
    invitations.invite(runtime, ann.facility.id, email=OPERATOR, actor=ann.actor)

    with runtime.sessions.begin() as changing, runtime.sessions.begin() as looking:
        assert invitations.open_row(changing, ann.facility.id, lock=True) is not None
        looking.execute(text("set local lock_timeout = '200ms'"))
        assert invitations.open_of(looking, ann.facility.id, now=runtime.now()) is not None


def test_accepting_makes_the_operator_and_signs_them_in(runtime: Runtime, settle: Settle) -> None:
    ann = settle(role="owner")
    invitations.invite(runtime, ann.facility.id, email=OPERATOR, actor=ann.actor)

    accepted = _accept(runtime, _secrets(runtime)[0])

    assert (accepted.person.email, accepted.person.account_kind) == (OPERATOR, "commercial")
    assert accepted.session_secret is not None
    actor = web_sessions.actor_of(runtime, accepted.session_secret, ip=None)
    assert actor is not None
    with runtime.sessions() as session:
        assert facilities.require_may_authorize(session, ann.facility.id, actor=actor)
        assert invitations.open_of(session, ann.facility.id, now=runtime.now()) is None
        told = session.scalars(select(Mail).where(Mail.kind == "invitation_accepted")).one()
    assert told.to_address == "ann@example.test"
    assert {"person_created", "signed_in", "invitation_accepted"} <= set(events(runtime))


def test_a_person_we_know_keeps_their_account(runtime: Runtime, settle: Settle) -> None:
    ann, bo = settle(role="owner"), settle("bo")
    invitations.invite(runtime, ann.facility.id, email="bo@example.test", actor=ann.actor)

    accepted = _accept(runtime, _secrets(runtime)[0])

    assert accepted.person.id == bo.actor.person_id
    assert accepted.person.account_kind == "residential"


def test_an_administrator_gets_the_role_but_no_session(runtime: Runtime, settle: Settle) -> None:
    ann = settle(role="owner")
    people.make_admin(runtime.sessions, email=OPERATOR, actor=SYSTEM, now=runtime.now())
    invitations.invite(runtime, ann.facility.id, email=OPERATOR, actor=ann.actor)

    accepted = _accept(runtime, _secrets(runtime)[0])

    assert accepted.session_secret is None
    with runtime.sessions() as session:
        held = session.get_one(FacilityRole, (ann.facility.id, accepted.person.id))
    assert held.role == "operator"


def _used(runtime: Runtime, settle: Settle, clock: MovableClock) -> str:
    secret = _sent(runtime, settle)
    _accept(runtime, secret)
    return secret


def _expired(runtime: Runtime, settle: Settle, clock: MovableClock) -> str:
    secret = _sent(runtime, settle)
    clock.advance(timedelta(days=14))
    return secret


def _replaced(runtime: Runtime, settle: Settle, clock: MovableClock) -> str:
    ann = settle(role="owner")
    invitations.invite(runtime, ann.facility.id, email=OPERATOR, actor=ann.actor)
    invitations.resend(runtime, ann.facility.id, actor=ann.actor)
    return _secrets(runtime)[0]


def _moved(runtime: Runtime, settle: Settle, clock: MovableClock) -> str:
    ann = settle(role="owner")
    invitations.invite(runtime, ann.facility.id, email=OPERATOR, actor=ann.actor)
    invitations.change_email(runtime, ann.facility.id, email="c@example.test", actor=ann.actor)
    return _secrets(runtime)[0]


def _withdrawn(runtime: Runtime, settle: Settle, clock: MovableClock) -> str:
    ann = settle(role="owner")
    invitations.invite(runtime, ann.facility.id, email=OPERATOR, actor=ann.actor)
    invitations.withdraw(runtime, ann.facility.id, actor=ann.actor)
    return _secrets(runtime)[0]


def _wrong(runtime: Runtime, settle: Settle, clock: MovableClock) -> str:
    return _sent(runtime, settle) + "x"


def _endless(runtime: Runtime, settle: Settle, clock: MovableClock) -> str:
    return "x" * 5000


def _sent(runtime: Runtime, settle: Settle) -> str:
    ann = settle(role="owner")
    invitations.invite(runtime, ann.facility.id, email=OPERATOR, actor=ann.actor)
    return _secrets(runtime)[0]


@pytest.mark.parametrize(
    ("make", "state"),
    [
        (_used, "accepted"),
        (_expired, "expired"),
        (_replaced, "replaced"),
        (_moved, "replaced"),
        (_withdrawn, "withdrawn"),
        (_wrong, "unknown"),
        (_endless, "unknown"),
    ],
)
def test_a_link_that_is_no_longer_good_says_which_way_and_what_to_do(
    runtime: Runtime, settle: Settle, clock: MovableClock, make: object, state: str
) -> None:
    secret = make(runtime, settle, clock)  # type: ignore[operator]

    look = invitations.look(runtime, secret)
    with pytest.raises(invitations.InvitationRefused) as refused:
        _accept(runtime, secret)

    assert look.state == state
    assert look.facility is None
    assert refused.value.code == f"invitation_{state}"
    assert look.words == refused.value.display_message


def test_resending_ends_the_link_before_and_the_new_one_works(
    runtime: Runtime, settle: Settle
) -> None:
    ann = settle(role="owner")
    invitations.invite(runtime, ann.facility.id, email=OPERATOR, actor=ann.actor)

    again = invitations.resend(runtime, ann.facility.id, actor=ann.actor)

    first, second = _secrets(runtime)
    assert again.email == OPERATOR
    assert invitations.look(runtime, first).state == "replaced"
    assert _accept(runtime, second).person.email == OPERATOR


def test_an_expired_invitation_can_be_sent_again_and_shows_as_expired(
    runtime: Runtime, settle: Settle, clock: MovableClock
) -> None:
    ann = settle(role="owner")
    invitations.invite(runtime, ann.facility.id, email=OPERATOR, actor=ann.actor)
    clock.advance(timedelta(days=15))
    with runtime.sessions() as session:
        shown = invitations.open_of(session, ann.facility.id, now=runtime.now())

    invitations.invite(runtime, ann.facility.id, email="new@example.test", actor=ann.actor)

    assert shown is not None
    assert shown.is_expired
    assert invitations.look(runtime, _secrets(runtime)[1]).email == "new@example.test"


def test_only_one_invitation_is_open_at_a_time(runtime: Runtime, settle: Settle) -> None:
    ann = settle(role="owner")

    def invite(n: int) -> str:
        try:
            invitations.invite(
                runtime, ann.facility.id, email=f"op{n}@example.test", actor=ann.actor
            )
        except InvalidTransition as error:
            return error.code
        return "sent"

    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(pool.map(invite, range(4)))

    assert outcomes == ["invitation_open", "invitation_open", "invitation_open", "sent"]
    with runtime.sessions() as session:
        assert session.scalar(select(func.count()).select_from(Invitation)) == 1


def test_a_link_pressed_twice_at_once_works_once(runtime: Runtime, settle: Settle) -> None:
    secret = _sent(runtime, settle)

    def accept(_: int) -> str:
        try:
            _accept(runtime, secret)
        except InvalidTransition as error:
            return error.code
        return "accepted"

    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(pool.map(accept, range(4)))

    assert outcomes == ["accepted"] + ["invitation_accepted"] * 3
    with runtime.sessions() as session:
        people_known = session.scalar(
            select(func.count()).select_from(Person).where(Person.email == OPERATOR)
        )
    assert people_known == 1


@pytest.mark.parametrize("role", ["owner", "owner_operator"])
def test_owners_invite(runtime: Runtime, settle: Settle, role: str) -> None:
    ann = settle(role=role)

    sent = invitations.invite(runtime, ann.facility.id, email=OPERATOR, actor=ann.actor)

    assert sent.email == OPERATOR


def test_operators_do_not_invite(runtime: Runtime, settle: Settle) -> None:
    ann = settle(role="operator")

    with pytest.raises(InvalidInput) as refused:
        invitations.invite(runtime, ann.facility.id, email=OPERATOR, actor=ann.actor)
    assert refused.value.code == "owner_needed"


def test_somebody_elses_facility_cannot_be_invited_to(runtime: Runtime, settle: Settle) -> None:
    ann, bo = settle(role="owner"), settle("bo", role="owner")
    invitations.invite(runtime, ann.facility.id, email=OPERATOR, actor=ann.actor)

    for attempt in (
        lambda: invitations.invite(runtime, ann.facility.id, email=OPERATOR, actor=bo.actor),
        lambda: invitations.resend(runtime, ann.facility.id, actor=bo.actor),
        lambda: invitations.change_email(
            runtime, ann.facility.id, email="x@example.test", actor=bo.actor
        ),
        lambda: invitations.withdraw(runtime, ann.facility.id, actor=bo.actor),
    ):
        with pytest.raises(NotFound):
            attempt()


def test_what_makes_no_sense_is_refused_and_nothing_is_sent(
    runtime: Runtime, settle: Settle
) -> None:
    ann = settle(role="owner")

    with pytest.raises(InvalidInput) as own:
        invitations.invite(runtime, ann.facility.id, email="ann@example.test", actor=ann.actor)
    with pytest.raises(InvalidInput):
        invitations.invite(runtime, ann.facility.id, email="nobody", actor=ann.actor)
    with pytest.raises(InvalidTransition) as none:
        invitations.resend(runtime, ann.facility.id, actor=ann.actor)

    assert (own.value.code, none.value.code) == ("invited_already_here", "invitation_missing")
    with runtime.sessions() as session:
        assert session.scalar(select(func.count()).select_from(Mail)) == 0


def test_too_many_mails_in_an_hour_are_refused_and_the_last_link_still_works(
    runtime: Runtime, settle: Settle, clock: MovableClock
) -> None:
    ann = settle(role="owner")
    invitations.invite(runtime, ann.facility.id, email=OPERATOR, actor=ann.actor)
    for _ in range(runtime.settings.invitations_per_facility - 1):
        invitations.resend(runtime, ann.facility.id, actor=ann.actor)

    with pytest.raises(DCarbonError) as refused:
        invitations.resend(runtime, ann.facility.id, actor=ann.actor)

    assert refused.value.code == "invitation_quota"
    assert invitations.look(runtime, _secrets(runtime)[-1]).state == "good"
    clock.advance(timedelta(minutes=61))
    assert invitations.resend(runtime, ann.facility.id, actor=ann.actor)


def test_the_owner_sees_the_banner_go_when_the_operator_has_accepted(
    runtime: Runtime, settle: Settle
) -> None:
    ann = settle(role="owner")
    invitations.invite(runtime, ann.facility.id, email=OPERATOR, actor=ann.actor)

    def card() -> facility_views.FacilityCard:
        with runtime.sessions() as session:
            page = facility_views.page(session, actor=ann.actor, now=runtime.now())
        return page.cards[0]

    before = card()
    _accept(runtime, _secrets(runtime)[0])
    after = card()

    assert before.pending_invitation is not None
    assert before.pending_invitation.email == OPERATOR
    assert (before.may_authorize, after.pending_invitation) == (False, None)


def test_an_operator_who_became_owner_meanwhile_is_both(runtime: Runtime, settle: Settle) -> None:
    ann, bo = settle(role="owner"), settle("bo", role="owner")
    invitations.invite(runtime, ann.facility.id, email="bo@example.test", actor=ann.actor)
    with runtime.sessions.begin() as session:
        session.add(
            FacilityRole(
                facility_id=ann.facility.id,
                person_id=bo.actor.person_id,
                role="owner",
                since=runtime.now(),
            )
        )

    _accept(runtime, _secrets(runtime)[0])

    with runtime.sessions() as session:
        actor = Actor(bo.actor.person_id)
        assert facilities.role_at(session, ann.facility.id, actor=actor) == "owner_operator"
