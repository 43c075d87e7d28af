"""Ending access, for real: here at once, at the utility until it confirms; data stay."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select, text

from dcarbon.db.audit import AuditEntry
from dcarbon.db.authorizations import Authorization, Grant
from dcarbon.db.facilities import Facility
from dcarbon.db.interval_days import IntervalDay
from dcarbon.db.meters import Meter, MeterChannel, Series
from dcarbon.db.work_orders import WorkOrder
from dcarbon.domain.errors import InvalidTransition, ReauthorizationRequired
from dcarbon.services import (
    authorizations,
    collection,
    facility_views,
    grants,
    provider_change,
    revocation,
    work,
)
from dcarbon.services.runtime import Runtime
from dcarbon_sandbox.clock import SandboxClock
from dcarbon_sandbox.server import Running
from tests.integration.collection.conftest import Customer, Make, authorization_of

pytestmark = pytest.mark.database

WAYS = [
    ("pge", "sunny", ""),
    ("sce", "sunny", ""),
    ("sdge", "sunny", ""),
    ("utilityapi", "hourly", "LADWP"),
]


def _row(runtime: Runtime, identity: UUID) -> Authorization:
    with runtime.sessions() as session:
        return session.get_one(Authorization, identity)


def _authorised(
    someone: Customer, clock: SandboxClock, provider: str, login: str, utility: str
) -> UUID:
    """Go to the utility and come back; UtilityAPI makes the authorization a little later."""
    identity = authorization_of(someone.authorise(provider, login, utility=utility))
    for _ in range(10):
        if _row(someone.runtime, identity).status == "authorized":
            return identity
        clock.advance(timedelta(minutes=1))
        collection.collect(someone.runtime, identity)
    raise AssertionError("the authorization never appeared")


def _fault(sandbox: Running, **rule: object) -> None:
    answer = sandbox.app.test_client().post("/sandbox/faults", json=rule)
    assert answer.status_code < 300, answer.text


def _due(runtime: Runtime) -> list[UUID]:
    found = work.due(runtime.sessions, now=runtime.now(), kinds=("revoke",))
    return [order_id for order_id, _, _ in found]


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_access_ends_here_at_once_and_at_the_utility_once_told(
    runtime: Runtime, customer: Make, clock: SandboxClock, way: tuple[str, str, str]
) -> None:
    someone = customer("House")
    identity = _authorised(someone, clock, *way)

    revoked = revocation.revoke(runtime, identity, actor=someone.actor)
    before = _row(runtime, identity)
    assert revoked.order_id is not None
    outcome = revocation.end_at_provider(runtime, revoked.order_id)
    after = _row(runtime, identity)

    assert (before.status, before.reason_code) == ("revoked", "ending_at_provider")
    assert (outcome.is_confirmed, outcome.error) == (True, None)
    assert (after.status, after.reason_code) == ("revoked", "ended_at_provider")
    assert _due(runtime) == []
    with runtime.sessions() as session:
        assert session.get_one(Facility, someone.facility.id).auth_status == "revoked"
        events = list(session.scalars(select(AuditEntry.event).order_by(AuditEntry.seq)))
        how = session.scalars(
            select(AuditEntry.details).where(AuditEntry.event == "authorization_ended_at_provider")
        ).one()
    assert events[-2:] == ["authorization_revoked", "authorization_ended_at_provider"]
    assert (how["how"], how["attempts"]) == ("confirmed", 1)


@pytest.mark.parametrize("provider", ["pge", "sce", "sdge"])
def test_the_utility_refuses_the_old_token_afterwards(
    runtime: Runtime, customer: Make, sandbox: Running, provider: str
) -> None:
    someone = customer("House")
    identity = authorization_of(someone.authorise(provider, "sunny"))
    kept = grants.for_revocation(runtime, identity)
    assert kept is not None
    assert kept.refresh_token is not None
    revoked = revocation.revoke(runtime, identity, actor=someone.actor)
    assert revoked.order_id is not None
    revocation.end_at_provider(runtime, revoked.order_id)

    with pytest.raises(ReauthorizationRequired):
        grants.oauth_client(runtime, provider).refresh(
            kept.refresh_token, granted_scope=kept.scope, now=runtime.now()
        )


def test_no_token_is_used_for_data_after_the_end_and_none_is_left_once_confirmed(
    runtime: Runtime, customer: Make
) -> None:
    someone = customer("House")
    identity = authorization_of(someone.authorise("pge", "sunny"))
    revoked = revocation.revoke(runtime, identity, actor=someone.actor)

    with pytest.raises(ReauthorizationRequired) as refused:
        grants.access_token(runtime, identity)
    outcome = collection.collect(runtime, identity)
    assert revoked.order_id is not None
    revocation.end_at_provider(runtime, revoked.order_id)

    assert refused.value.code == "access_ended"
    assert outcome.error is not None
    assert outcome.payloads == 0
    with runtime.sessions() as session:
        sealed = session.execute(select(Grant.sealed, Grant.ended_at, Grant.end_reason)).all()
        verifiers = session.execute(
            text("select code_verifier_sealed from authorization_sessions")
        ).scalars()
    assert [tuple(row) for row in sealed] == [(b"", runtime.now(), "revoked")]
    assert set(verifiers) == {None}


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_utility_that_is_down_is_asked_again_until_it_confirms(
    runtime: Runtime,
    customer: Make,
    sandbox: Running,
    clock: SandboxClock,
    way: tuple[str, str, str],
) -> None:
    someone = customer("House")
    identity = _authorised(someone, clock, *way)
    revoked = revocation.revoke(runtime, identity, actor=someone.actor)
    assert revoked.order_id is not None
    _fault(sandbox, kind="unavailable", provider=way[0], times=None)

    first = revocation.end_at_provider(runtime, revoked.order_id)
    waiting = _row(runtime, identity)
    not_due_yet = _due(runtime)
    clock.advance(timedelta(hours=7))
    second = revocation.end_at_provider(runtime, revoked.order_id)
    sandbox.app.test_client().delete("/sandbox/faults")
    clock.advance(timedelta(hours=7))
    due_again = _due(runtime)
    third = revocation.end_at_provider(runtime, revoked.order_id)

    assert [o.is_confirmed for o in (first, second, third)] == [False, False, True]
    assert first.error is not None
    assert first.error.code == "provider_unavailable"
    assert (waiting.status, waiting.reason_code) == ("revoked", "ending_at_provider")
    assert (not_due_yet, due_again) == ([], [revoked.order_id])
    with runtime.sessions() as session:
        order = session.get_one(WorkOrder, revoked.order_id)
        left = session.scalar(
            select(func.count()).select_from(Grant).where(func.length(Grant.sealed) > 0)
        )
    assert (order.outcome, order.attempts, left) == ("done", 2, 0)
    assert revocation.end_at_provider(runtime, revoked.order_id).is_confirmed


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_an_authorization_that_is_gone_at_the_utility_already_counts_as_ended(
    runtime: Runtime,
    customer: Make,
    sandbox: Running,
    clock: SandboxClock,
    way: tuple[str, str, str],
) -> None:
    someone = customer("House")
    identity = _authorised(someone, clock, *way)
    row = _row(runtime, identity)
    place = "utilityapi/authorizations" if way[2] else "authorizations"
    answer = sandbox.app.test_client().post(f"/sandbox/{place}/{row.external_id}/revoke")
    assert answer.status_code < 300, answer.text

    revoked = revocation.revoke(runtime, identity, actor=someone.actor)
    assert revoked.order_id is not None
    outcome = revocation.end_at_provider(runtime, revoked.order_id)

    assert outcome.error is None
    assert outcome.is_confirmed


def test_what_was_collected_stays_and_what_was_asked_for_is_cancelled(
    runtime: Runtime, customer: Make
) -> None:
    someone = customer("House")
    identity = authorization_of(someone.authorise("sdge", "sunny"))
    collection.collect(runtime, identity)
    revocation.collect_first(runtime, someone.facility.id, actor=someone.actor)
    with runtime.sessions() as session:
        before = session.scalar(select(func.count()).select_from(IntervalDay))

    revocation.revoke(runtime, identity, actor=someone.actor)

    with runtime.sessions() as session:
        kept = session.scalar(select(func.count()).select_from(IntervalDay))
        outcomes = list(
            session.scalars(
                select(WorkOrder.outcome).where(WorkOrder.kind == "collect").order_by(WorkOrder.id)
            )
        )
    assert before
    assert kept == before
    assert outcomes == ["done", "cancelled"]


def test_readings_that_arrive_after_the_end_are_not_kept(runtime: Runtime, customer: Make) -> None:
    """A collection under way when the access ended went on to its end and stored everything."""
    someone = customer("House")
    identity = authorization_of(someone.authorise("sdge", "sunny"))
    with runtime.sessions.begin() as session:
        # The collection has begun; then, in another process, the customer ends the access.
        session.execute(
            text(
                "create function end_it() returns trigger language plpgsql as $$ begin"
                " update authorizations set status = 'revoked'; return new; end $$"
            )
        )
        session.execute(
            text(
                "create trigger end_it after insert on sync_attempts"
                " for each row execute function end_it()"
            )
        )

    outcome = collection.collect(runtime, identity)

    assert outcome.error is not None
    assert outcome.readings == 0
    with runtime.sessions() as session:
        assert session.scalar(select(func.count()).select_from(IntervalDay)) == 0


def test_a_revoked_authorization_cannot_be_revoked_again(runtime: Runtime, customer: Make) -> None:
    someone = customer("House")
    identity = authorization_of(someone.authorise("pge", "sunny"))
    revocation.revoke(runtime, identity, actor=someone.actor)

    with pytest.raises(InvalidTransition):
        revocation.revoke(runtime, identity, actor=someone.actor)


def test_a_consent_that_has_not_appeared_yet_is_ended_when_it_does(
    runtime: Runtime, customer: Make, clock: SandboxClock
) -> None:
    someone = customer("House")
    identity = authorization_of(someone.authorise("utilityapi", "hourly", utility="LADWP"))
    revoked = revocation.revoke(runtime, identity, actor=someone.actor)
    assert revoked.order_id is not None

    early = revocation.end_at_provider(runtime, revoked.order_id)
    clock.advance(timedelta(minutes=5))
    later = revocation.end_at_provider(runtime, revoked.order_id)

    assert (early.is_confirmed, later.is_confirmed) == (False, True)


def test_an_attempt_nobody_finished_ends_without_asking_the_utility(
    runtime: Runtime, customer: Make
) -> None:
    someone = customer("House")
    someone.start("pge")
    with runtime.sessions() as session:
        identity = session.scalars(select(Authorization.id)).one()

    revoked = revocation.revoke(runtime, identity, actor=someone.actor)

    assert revoked.order_id is None
    assert _row(runtime, identity).reason_code == "ended"


def test_changing_the_provider_ends_the_old_one_and_keeps_facility_meters_and_readings(
    runtime: Runtime, customer: Make, clock: SandboxClock
) -> None:
    someone = customer("House")
    old = authorization_of(someone.authorise("pge", "sunny"))
    collection.collect(runtime, old)
    with runtime.sessions() as session:
        preview = provider_change.preview(
            session, someone.facility.id, actor=someone.actor, now=runtime.now()
        )
    days = _days_of(runtime, old)

    changed = provider_change.change(
        runtime, someone.facility.id, actor=someone.actor, new_utility="LADWP"
    )
    between = _view(runtime, someone)
    for order in _due(runtime):
        revocation.end_at_provider(runtime, order)
    new = _authorised(someone, clock, "utilityapi", "hourly", "LADWP")
    after = _view(runtime, someone)

    assert (preview.can_change, preview.utility, preview.meters_kept) == (True, "PG&E", 1)
    assert not preview.is_behind
    assert [one.authorization_id for one in changed.revoked] == [old]
    assert (between.card.auth_status, between.card.utility) == ("pending", None)
    assert between.previous is not None
    assert (between.previous.utility, between.previous.is_ending_at_provider) == ("PG&E", True)
    assert (after.card.auth_status, after.card.utility) == ("authorized", "LADWP")
    assert (after.card.authorization_id, after.previous) == (new, None)
    assert _row(runtime, old).reason_code == "ended_at_provider"
    assert _days_of(runtime, old) == days > 0
    with runtime.sessions() as session:
        assert set(session.scalars(select(Meter.facility_id))) == {someone.facility.id}
        events = list(session.scalars(select(AuditEntry.event)))
    assert "authorization_method_changed" in events


def test_the_same_utility_can_be_authorized_again_and_keeps_its_meter(
    runtime: Runtime, customer: Make
) -> None:
    someone = customer("House")
    old = authorization_of(someone.authorise("sdge", "sunny"))
    collection.collect(runtime, old)
    provider_change.change(runtime, someone.facility.id, actor=someone.actor)

    new = authorization_of(someone.authorise("sdge", "sunny"))
    for order in _due(runtime):
        assert revocation.end_at_provider(runtime, order).is_confirmed
    outcome = collection.collect(runtime, new)

    assert outcome.error is None
    assert new != old
    with runtime.sessions() as session:
        assert session.scalars(select(Meter.authorization_id)).all() == [new]


def test_a_consent_that_comes_when_another_utility_was_authorized_is_ended_again(
    runtime: Runtime, customer: Make
) -> None:
    """Two tabs at two utilities: both came to be in force, and only one of them was shown."""
    someone = customer("House")
    late = someone.visit("sce", "sunny")
    first = authorization_of(someone.authorise("pge", "sunny"))

    completed = _completed(runtime, late)

    assert completed.error is not None
    assert completed.error.code == "authorization_not_wanted"
    assert completed.authorization_id is not None
    unwanted = _row(runtime, completed.authorization_id)
    assert (unwanted.status, unwanted.reason_code) == ("revoked", "ending_at_provider")
    view = _view(runtime, someone)
    assert (view.card.auth_status, view.card.authorization_id) == ("authorized", first)
    (order,) = _due(runtime)
    assert revocation.end_at_provider(runtime, order).is_confirmed
    assert collection.collect(runtime, first).error is None


def test_a_person_who_comes_back_after_the_end_finds_it_ended(
    runtime: Runtime, customer: Make
) -> None:
    someone = customer("House")
    late = someone.visit("pge", "sunny")
    with runtime.sessions() as session:
        identity = session.scalars(select(Authorization.id)).one()
    revocation.revoke(runtime, identity, actor=someone.actor)

    completed = _completed(runtime, late)

    assert completed.error is not None
    assert completed.error.code == "state_used"
    assert _row(runtime, identity).status == "revoked"


def _days_of(runtime: Runtime, authorization_id: UUID) -> int:
    with runtime.sessions() as session:
        found = session.scalar(
            select(func.count())
            .select_from(IntervalDay)
            .join(Series, Series.id == IntervalDay.series_id)
            .join(MeterChannel, MeterChannel.id == Series.channel_id)
            .join(Meter, Meter.id == MeterChannel.meter_id)
            .where(Meter.authorization_id == authorization_id)
        )
    return found or 0


def _completed(runtime: Runtime, back: dict[str, str]) -> authorizations.Completed:
    return authorizations.complete_green_button(runtime, parameters=back, browser=None)


def _view(runtime: Runtime, someone: Customer) -> facility_views.FacilityView:
    with runtime.sessions() as session:
        return facility_views.one(
            session, someone.facility.id, actor=someone.actor, now=runtime.now()
        )
