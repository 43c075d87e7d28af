"""Retrying asks the right person for the consent, or collects at once where it stands."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import pytest
from sqlalchemy import select, update

from dcarbon.db.authorizations import Authorization, AuthorizationSession, shard_of
from dcarbon.db.base import new_id
from dcarbon.db.facilities import Facility, FacilityRole
from dcarbon.db.mails import Mail
from dcarbon.db.work_orders import WorkOrder
from dcarbon.domain.errors import InvalidInput, InvalidTransition, NotFound
from dcarbon.domain.secrets import Secret
from dcarbon.providers.green_button.token_response import TokenSet
from dcarbon.services import (
    authorization_records,
    authorization_sessions,
    authorizations,
    people,
    retrying,
    work,
)
from dcarbon.services.actors import SYSTEM, Actor
from dcarbon.services.authorizations import Started
from dcarbon.services.retrying import RetriedBy
from dcarbon.services.runtime import Runtime
from tests.integration.services.conftest import MovableClock, Resident, Settle, entries

pytestmark = pytest.mark.database

ADMIN = Actor(None, is_admin=True)


def _authorization(
    runtime: Runtime,
    who: Resident,
    status: str,
    *,
    health: str = "ok",
    provider: str = "pge",
    requested_by: UUID | None = None,
) -> UUID:
    identity = new_id()
    with runtime.sessions.begin() as session:
        facility = session.get_one(Facility, who.facility.id)
        facility.auth_method, facility.auth_provider = "green_button", provider
        facility.auth_status = status
        session.add(
            Authorization(
                id=identity,
                facility_id=facility.id,
                requested_by=requested_by,
                method="green_button",
                provider=provider,
                utility=provider,
                status=status,
                reason="The utility said no." if status == "failed" else None,
                reason_code="access_denied" if status == "failed" else None,
                sync_health=health,
                shard=shard_of(identity),
            )
        )
    return identity


def _join(runtime: Runtime, who: Resident, name: str, role: str) -> UUID:
    """Give somebody else a role at the same facility."""
    person = people.ensure(
        runtime.sessions,
        email=f"{name}@example.test",
        account_kind="commercial",
        actor=SYSTEM,
        now=runtime.now(),
    )
    with runtime.sessions.begin() as session:
        session.add(
            FacilityRole(
                facility_id=who.facility.id, person_id=person.id, role=role, since=runtime.now()
            )
        )
    return person.id


def _row(runtime: Runtime, identity: UUID) -> Authorization:
    with runtime.sessions() as session:
        return session.get_one(Authorization, identity)


def _mails(runtime: Runtime) -> list[Mail]:
    with runtime.sessions() as session:
        return list(session.scalars(select(Mail).order_by(Mail.to_address)))


def _asked(runtime: Runtime) -> list[str]:
    return [mail.to_address for mail in _mails(runtime) if mail.kind == "authorization_retry"]


def _orders(runtime: Runtime) -> list[WorkOrder]:
    with runtime.sessions() as session:
        return list(session.scalars(select(WorkOrder).order_by(WorkOrder.id)))


def test_a_failed_one_waits_again_and_the_link_leads_to_the_step(
    runtime: Runtime, settle: Settle
) -> None:
    who = settle()
    identity = _authorization(runtime, who, "failed")

    done = retrying.retry(runtime, identity, actor=ADMIN)

    assert (done.status, done.by, done.retries) == ("pending", RetriedBy.ASKING, 1)
    row = _row(runtime, identity)
    assert (row.status, row.reason_code, row.retries) == ("pending", None, 1)
    assert row.retried_at == runtime.now()
    (mail,) = _mails(runtime)
    assert (mail.kind, mail.to_address) == ("authorization_retry", "ann@example.test")
    assert f"{runtime.settings.public_url}/facilities/{who.facility.id}/utility" in mail.text_body
    assert "The utility said no." in mail.text_body
    with runtime.sessions() as session:
        assert session.get_one(Facility, who.facility.id).auth_status == "pending"
    last = entries(runtime)[-1]
    assert (last.event, last.authorization_id) == ("authorization_retried", identity)
    assert last.details == {"was": "failed", "by": "asking", "retries": 1}


def test_a_second_click_within_a_minute_is_the_same_retry(
    runtime: Runtime, settle: Settle, clock: MovableClock
) -> None:
    identity = _authorization(runtime, settle(), "failed")
    retrying.retry(runtime, identity, actor=ADMIN)
    clock.advance(timedelta(seconds=59))
    again = retrying.retry(runtime, identity, actor=ADMIN)
    clock.advance(timedelta(seconds=1))
    later = retrying.retry(runtime, identity, actor=ADMIN)

    assert (again.by, again.retries) == (None, 1)
    assert (later.by, later.retries) == (RetriedBy.ASKING, 2)
    assert len(_mails(runtime)) == 2


def test_an_expired_one_stays_so_until_somebody_authorizes(
    runtime: Runtime, settle: Settle
) -> None:
    identity = _authorization(runtime, settle(), "expired")

    done = retrying.retry(runtime, identity, actor=ADMIN)

    assert (done.status, done.by) == ("expired", RetriedBy.ASKING)
    assert _asked(runtime) == ["ann@example.test"]


def test_the_operator_is_asked_where_the_owner_may_not_authorize(
    runtime: Runtime, settle: Settle
) -> None:
    owner = settle("owner", role="owner")
    for name in ("first", "second"):
        _join(runtime, owner, name, "operator")
    identity = _authorization(runtime, owner, "failed", requested_by=owner.actor.person_id)

    retrying.retry(runtime, identity, actor=ADMIN)

    assert _asked(runtime) == ["first@example.test", "second@example.test"]


def test_who_asked_for_it_is_asked_before_the_others(runtime: Runtime, settle: Settle) -> None:
    owner = settle("owner", role="owner")
    _join(runtime, owner, "first", "operator")
    second = _join(runtime, owner, "second", "operator")
    identity = _authorization(runtime, owner, "failed", requested_by=second)

    retrying.retry(runtime, identity, actor=ADMIN)

    assert _asked(runtime) == ["second@example.test"]


def test_where_nobody_may_authorize_nothing_changes(runtime: Runtime, settle: Settle) -> None:
    identity = _authorization(runtime, settle("owner", role="owner"), "failed")

    with pytest.raises(InvalidTransition) as refused:
        retrying.retry(runtime, identity, actor=ADMIN)

    assert refused.value.code == "nobody_may_authorize"
    row = _row(runtime, identity)
    assert (row.status, row.retries) == ("failed", 0)


def test_only_who_may_authorize_may_retry(runtime: Runtime, settle: Settle) -> None:
    owner, stranger = settle("owner", role="owner"), settle("stranger")
    operator = Actor(_join(runtime, owner, "operator", "operator"))
    identity = _authorization(runtime, owner, "failed")

    with pytest.raises(InvalidInput) as refused:
        retrying.retry(runtime, identity, actor=owner.actor)
    with pytest.raises(NotFound):
        retrying.retry(runtime, identity, actor=stranger.actor)
    with pytest.raises(NotFound):
        retrying.retry(runtime, new_id(), actor=ADMIN)

    assert refused.value.code == "operator_needed"
    assert retrying.retry(runtime, identity, actor=operator).retries == 1


@pytest.mark.parametrize(
    ("status", "code"), [("revoked", "ended_on_purpose"), ("authorized", "nothing_to_retry")]
)
def test_what_needs_no_retry_says_so(
    runtime: Runtime, settle: Settle, status: str, code: str
) -> None:
    identity = _authorization(runtime, settle(), status)

    with pytest.raises(InvalidTransition) as refused:
        retrying.retry(runtime, identity, actor=ADMIN)

    assert refused.value.code == code
    assert _mails(runtime) == []


def test_a_failed_one_beside_one_that_works_is_left_alone(runtime: Runtime, settle: Settle) -> None:
    who = settle()
    identity = _authorization(runtime, who, "failed")
    _authorization(runtime, who, "authorized", provider="sdge")

    with pytest.raises(InvalidTransition) as refused:
        retrying.retry(runtime, identity, actor=ADMIN)

    assert refused.value.code == "already_authorized"


@pytest.mark.parametrize("health", ["delayed", "blocked"])
def test_one_that_is_held_up_is_collected_at_once_with_its_waiting_reset(
    runtime: Runtime, settle: Settle, health: str
) -> None:
    identity = _authorization(runtime, settle(), "authorized", health=health)
    now = runtime.now()
    with runtime.sessions.begin() as session:
        old = work.open_collection(session, identity, reason="newly authorized", now=now)
        old.attempts, old.not_before = 7, now + timedelta(hours=6)
        old.window_start, old.window_end = now - timedelta(days=90), now
        old.progress = {"pieces_done": 2}

    done = retrying.retry(runtime, identity, actor=ADMIN)

    assert (done.status, done.by) == ("authorized", RetriedBy.COLLECTING)
    before, after = _orders(runtime)
    assert before.outcome == "cancelled"
    assert (after.attempts, after.not_before, after.done_at) == (0, now, None)
    assert (after.window_start, after.window_end) == (before.window_start, before.window_end)
    assert (after.kind, after.reason, after.progress) == (
        "collect",
        "newly authorized",
        {"pieces_done": 2},
    )
    assert _mails(runtime) == []


def test_one_that_is_held_up_without_an_order_gets_one(runtime: Runtime, settle: Settle) -> None:
    identity = _authorization(runtime, settle(), "authorized", health="delayed")

    retrying.retry(runtime, identity, actor=ADMIN)

    (order,) = _orders(runtime)
    assert (order.kind, order.not_before, order.done_at) == ("collect", runtime.now(), None)


def test_one_that_waits_for_the_provider_is_looked_for_again(
    runtime: Runtime, settle: Settle
) -> None:
    identity = _authorization(runtime, settle(), "pending")
    with runtime.sessions.begin() as session:
        waiting = work.open_collection(
            session, identity, reason="waiting for the provider", now=runtime.now()
        )
        waiting.attempts, waiting.not_before = 3, runtime.now() + timedelta(minutes=30)

    done = retrying.retry(runtime, identity, actor=ADMIN)

    assert (done.status, done.by) == ("pending", RetriedBy.LOOKING_AGAIN)
    assert [order.not_before for order in _orders(runtime)][1:] == [runtime.now()]
    assert _mails(runtime) == []


def _started(runtime: Runtime, who: Resident) -> Started:
    return authorizations.start_green_button(
        runtime, facility_id=who.facility.id, provider="pge", actor=who.actor, browser=None
    )


def _start(runtime: Runtime, who: Resident) -> UUID:
    started = _started(runtime, who)
    with runtime.sessions() as session:
        attempt = session.get_one(AuthorizationSession, started.session_id)
        return attempt.authorization_id


def test_an_attempt_nobody_came_back_from_fails_and_who_started_it_reads_so(
    runtime: Runtime, settle: Settle, clock: MovableClock
) -> None:
    identity = _start(runtime, settle())
    early = retrying.sweep_unanswered(runtime)
    clock.advance(timedelta(minutes=31))

    counts = [retrying.sweep_unanswered(runtime) for _ in range(2)]

    assert (early, counts) == (0, [1, 0])
    row = _row(runtime, identity)
    assert (row.status, row.reason_code) == ("failed", "nobody_came_back")
    (mail,) = _mails(runtime)
    assert (mail.kind, mail.to_address) == ("authorization_failed", "ann@example.test")
    assert "Nobody came back" in mail.text_body


def test_a_return_that_was_cut_off_fails_instead_of_waiting_for_ever(
    runtime: Runtime, settle: Settle, clock: MovableClock
) -> None:
    """The process ended between taking the state and writing down what came of it."""
    identity = _start(runtime, settle())
    with runtime.sessions.begin() as session:
        session.execute(update(AuthorizationSession).values(consumed_at=runtime.now()))
    early = retrying.sweep_unanswered(runtime)
    clock.advance(timedelta(minutes=31))

    counts = [retrying.sweep_unanswered(runtime) for _ in range(2)]

    assert (early, counts) == (0, [1, 0])
    row = _row(runtime, identity)
    assert (row.status, row.reason_code) == ("failed", "return_cut_off")


def test_a_return_in_the_last_moment_has_time_to_be_written_down(
    runtime: Runtime, settle: Settle, clock: MovableClock
) -> None:
    """The state is good for half an hour; the utility may take a while to give the tokens."""
    identity = _start(runtime, settle())
    clock.advance(timedelta(minutes=29, seconds=59))
    with runtime.sessions.begin() as session:
        session.execute(update(AuthorizationSession).values(consumed_at=runtime.now()))
    clock.advance(timedelta(seconds=30))

    under_way = retrying.sweep_unanswered(runtime)
    clock.advance(retrying.RETURN_TAKES)

    assert (under_way, retrying.sweep_unanswered(runtime)) == (0, 1)
    assert _row(runtime, identity).reason_code == "return_cut_off"


def test_tokens_that_come_after_all_leave_no_word_of_the_failure(
    runtime: Runtime, settle: Settle, clock: MovableClock
) -> None:
    who = settle()
    started = _started(runtime, who)
    state = dict(parse_qsl(urlsplit(started.redirect_url).query))["state"]
    attempt = authorization_sessions.take(runtime, state, browser=None)
    clock.advance(timedelta(minutes=31))
    assert retrying.sweep_unanswered(runtime) == 1

    tokens = TokenSet(Secret("opened-sesame"), runtime.now() + timedelta(hours=1))
    authorization_records.authorized_by_tokens(runtime, attempt, tokens)

    stands = authorizations.session_status(
        runtime, started.session_id, method="green_button", actor=who.actor
    )
    assert (stands.status, stands.error_code) == ("authorized", None)


def test_an_open_attempt_keeps_an_older_one_from_failing_it(
    runtime: Runtime, settle: Settle, clock: MovableClock
) -> None:
    who = settle()
    identity = _start(runtime, who)
    clock.advance(timedelta(minutes=20))
    assert _start(runtime, who) == identity
    clock.advance(timedelta(minutes=20))

    assert retrying.sweep_unanswered(runtime) == 0
    assert _row(runtime, identity).status == "pending"


def test_one_that_was_started_again_waits_for_its_person(
    runtime: Runtime, settle: Settle, clock: MovableClock
) -> None:
    """The attempt from before the retry says nothing of the one that was asked for."""
    identity = _start(runtime, settle())
    clock.advance(timedelta(minutes=31))
    retrying.retry(runtime, identity, actor=ADMIN)

    assert retrying.sweep_unanswered(runtime) == 0
    assert _row(runtime, identity).status == "pending"


def test_one_whose_consent_was_given_waits_for_the_provider(
    runtime: Runtime, settle: Settle, clock: MovableClock
) -> None:
    identity = _start(runtime, settle())
    with runtime.sessions.begin() as session:
        work.open_collection(session, identity, reason="waiting", now=runtime.now())
    clock.advance(timedelta(minutes=31))

    assert retrying.sweep_unanswered(runtime) == 0
