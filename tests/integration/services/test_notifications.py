"""Wake-ups come repeated, late, out of order, many at once and from anybody: work once, or none."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from dcarbon.db.authorizations import Authorization, AuthorizationSession, shard_of
from dcarbon.db.base import new_id
from dcarbon.db.payloads import AwaitedBatch
from dcarbon.db.people import Person
from dcarbon.db.provider_states import ProviderEvent
from dcarbon.db.sign_in import SignInLink, WebSession
from dcarbon.db.work_orders import WorkOrder
from dcarbon.domain.errors import InvalidInput, ProviderThrottled
from dcarbon.services import notifications, sign_in, web_sessions, work
from dcarbon.services.runtime import Runtime
from tests.integration.conftest import WEBHOOK_SECRET
from tests.integration.services.conftest import MovableClock, Settle

pytestmark = pytest.mark.database

Make = Callable[..., UUID]


@pytest.fixture
def authorization(runtime: Runtime, settle: Settle) -> Make:
    def make(
        *,
        provider: str = "utilityapi",
        uid: str | None = None,
        status: str = "authorized",
        form: str | None = None,
        referral: str | None = None,
        place: str | None = None,
    ) -> UUID:
        who, identity = settle(new_id().hex), new_id()
        resources = runtime.providers.profile("pge").resource_url
        with runtime.sessions.begin() as session:
            session.add(
                Authorization(
                    id=identity,
                    facility_id=who.facility.id,
                    method="utilityapi" if provider == "utilityapi" else "green_button",
                    provider=provider,
                    utility="LADWP",
                    status=status,
                    external_id=uid,
                    resource_uri=f"{resources}/Batch/Subscription/{place}" if place else None,
                    authorization_uri=f"{resources}/Authorization/{place}" if place else None,
                    shard=shard_of(identity),
                )
            )
            session.flush()
            if form is not None:
                session.add(
                    AuthorizationSession(
                        id=new_id(),
                        authorization_id=identity,
                        person_id=who.actor.person_id,
                        state_hash=identity.bytes,
                        redirect_uri="https://dcarbon.example/utilityapi/return",
                        form_uid=form,
                        referral=referral,
                        created_at=runtime.now(),
                        expires_at=runtime.now(),
                        consumed_at=runtime.now(),
                    )
                )
        return identity

    return make


def _event(uid: str, kind: str = "meter_intervals_added", **about: str) -> dict[str, str]:
    return {"uid": uid, "type": kind, "ts": "2026-03-20T12:00:00.000000+00:00", **about}


def _deliver(runtime: Runtime, *events: dict[str, str], secret: str = WEBHOOK_SECRET) -> int:
    body = json.dumps({"events": events, "next": None}, indent=4).encode()
    signature = hashlib.sha256(b".".join((secret.encode(), b"salt", body))).hexdigest()
    return notifications.utilityapi_event(runtime, salt="salt", signature=signature, body=body)


def _notify(runtime: Runtime, addresses: Sequence[str]) -> int:
    listed = "".join(f"<resources>{address}</resources>" for address in addresses)
    body = f'<BatchList xmlns="http://naesb.org/espi">{listed}</BatchList>'.encode()
    return notifications.green_button_notified(runtime, "pge", body)


def _place(runtime: Runtime, number: str, kind: str = "Batch/Subscription") -> str:
    return f"{runtime.providers.profile('pge').resource_url}/{kind}/{number}"


def _orders(runtime: Runtime) -> list[WorkOrder]:
    with runtime.sessions() as session:
        return list(session.scalars(select(WorkOrder).order_by(WorkOrder.id)))


def _finish(runtime: Runtime, identity: UUID) -> None:
    """Let what is open be collected now."""
    with runtime.sessions.begin() as session:
        for order in session.scalars(select(WorkOrder).where(WorkOrder.done_at.is_(None))):
            order.done_at, order.outcome = runtime.now(), "done"
        session.get_one(Authorization, identity).last_sync = runtime.now()


def test_an_event_that_comes_again_is_work_once(runtime: Runtime, authorization: Make) -> None:
    identity = authorization(uid="402118")
    event = _event("9c41d07e", authorization_uid="402118")

    first = _deliver(runtime, event)
    _finish(runtime, identity)
    again = [_deliver(runtime, event), _deliver(runtime, event, event)]

    assert (first, again) == (1, [0, 0])
    assert len(_orders(runtime)) == 1


def test_events_in_any_order_and_number_open_one_order_for_each(
    runtime: Runtime, authorization: Make
) -> None:
    identities = {authorization(uid=str(number)) for number in range(5)}
    events = [
        _event(f"{number}-{kind}", kind, authorization_uid=str(number))
        for number in range(5)
        for kind in ("meter_historical_collection_finished_successful", "authorization_created")
    ]
    deliveries = events * 3
    random.Random(7).shuffle(deliveries)

    for event in deliveries:
        _deliver(runtime, event)

    assert {order.authorization_id for order in _orders(runtime)} == identities
    assert len(_orders(runtime)) == 5


def test_the_same_delivery_many_times_at_once_is_work_once(
    runtime: Runtime, authorization: Make
) -> None:
    for number in range(3):
        authorization(uid=str(number))
    events = [_event(f"event-{number}", authorization_uid=str(number)) for number in range(3)]

    with ThreadPoolExecutor(8) as pool:
        woken = list(
            pool.map(
                lambda turn: _deliver(runtime, *random.Random(turn).sample(events, 3)), range(16)
            )
        )

    assert sum(woken) == 3
    assert [order.attempts for order in _orders(runtime)] == [0, 0, 0]


def test_an_event_whose_order_could_not_be_written_is_not_remembered(
    runtime: Runtime, authorization: Make
) -> None:
    authorization(uid="1")
    event = _event("a", authorization_uid="1")
    with runtime.sessions.begin() as session:
        session.execute(
            text(
                "create function refuse() returns trigger language plpgsql as"
                " $$ begin raise exception 'disk full'; end $$"
            )
        )
        session.execute(
            text(
                "create trigger refuse before insert on work_orders"
                " for each row execute function refuse()"
            )
        )

    with pytest.raises(DBAPIError):
        _deliver(runtime, event)

    with runtime.sessions.begin() as session:
        session.execute(text("drop trigger refuse on work_orders"))
    assert _deliver(runtime, event) == 1


@pytest.mark.parametrize(
    "kind", ["authorization_revoked", "authorization_expired", "authorization_renewed"]
)
def test_news_of_the_consent_wakes_a_collection_that_finds_out(
    runtime: Runtime, authorization: Make, kind: str
) -> None:
    identity = authorization(uid="402118")

    assert _deliver(runtime, _event("a", kind, authorization_uid="402118")) == 1

    (order,) = _orders(runtime)
    assert (order.kind, order.authorization_id) == ("collect", identity)
    assert order.not_before == runtime.now()


def test_an_event_about_one_we_do_not_know_yet_wakes_the_one_of_its_form(
    runtime: Runtime, authorization: Make
) -> None:
    mine = authorization(status="pending", form="560118", referral="330914")
    authorization(status="pending", form="560119", referral="330915")

    woken = _deliver(
        runtime,
        _event("a", "authorization_created", authorization_uid="402118", form_uid="560118"),
    )

    assert woken == 1
    assert [order.authorization_id for order in _orders(runtime)] == [mine]


def test_one_that_names_no_form_wakes_all_that_wait_for_the_provider(
    runtime: Runtime, authorization: Make
) -> None:
    waiting = {
        authorization(status="pending", form=form, referral="r") for form in ("560118", "560119")
    }
    authorization(status="pending", form="560120")
    event = _event("a", "authorization_update_finished_successful", authorization_uid="402118")

    assert _deliver(runtime, event) == 2

    assert {order.authorization_id for order in _orders(runtime)} == waiting


def test_one_that_is_over_here_is_not_woken(runtime: Runtime, authorization: Make) -> None:
    authorization(uid="1", status="revoked")
    authorization(uid="2", status="expired")
    events = [_event(f"e{number}", authorization_uid=str(number)) for number in (1, 2, 3)]

    assert _deliver(runtime, *events, _event("p", "ping"), _event("f", "form_created")) == 0

    assert _orders(runtime) == []


def test_what_is_not_signed_wakes_nobody_and_is_not_remembered(
    runtime: Runtime, authorization: Make
) -> None:
    authorization(uid="1")
    event = _event("a", authorization_uid="1")

    with pytest.raises(InvalidInput) as refused:
        _deliver(runtime, event, secret="somebody-elses")

    assert refused.value.code == "signature_invalid"
    assert _deliver(runtime, event) == 1


def test_an_open_order_that_was_put_off_is_brought_forward(
    runtime: Runtime, authorization: Make, clock: MovableClock
) -> None:
    identity = authorization(uid="1")
    _deliver(runtime, _event("a", authorization_uid="1"))
    with runtime.sessions.begin() as session:
        order = session.scalars(select(WorkOrder)).one()
        order.not_before = runtime.now() + timedelta(hours=6)

    _deliver(runtime, _event("b", authorization_uid="1"))

    (order,) = _orders(runtime)
    assert (order.authorization_id, order.not_before) == (identity, runtime.now())
    assert order.attempts == 1


def test_events_are_forgotten_when_nobody_repeats_them_any_more(
    runtime: Runtime, authorization: Make, clock: MovableClock
) -> None:
    authorization(uid="1")
    _deliver(runtime, _event("old", authorization_uid="1"))
    clock.advance(notifications.KEPT_FOR)
    _deliver(runtime, _event("new", authorization_uid="1"))
    clock.advance(timedelta(seconds=1))

    with runtime.sessions.begin() as session:
        gone = notifications.prune(session, runtime.now())

    assert gone == 1
    with runtime.sessions() as session:
        assert list(session.scalars(select(ProviderEvent.event_uid))) == ["new"]


def test_a_thousand_hints_at_once_are_an_order_each_and_no_more(
    runtime: Runtime, authorization: Make
) -> None:
    known = [authorization(provider="pge", place=str(number)) for number in range(20)]
    addresses = [_place(runtime, str(number)) for number in range(1_000)]

    first = _notify(runtime, addresses)
    again = _notify(runtime, list(reversed(addresses)))

    assert (first, again) == (20, 0)
    assert {order.authorization_id for order in _orders(runtime)} == set(known)
    assert len(_orders(runtime)) == 20
    with runtime.sessions() as session:
        # What belongs to nobody leaves no trace either.
        assert session.scalar(select(func.count()).select_from(ProviderEvent)) == 20


@pytest.mark.parametrize(
    "address",
    [
        "https://elsewhere.invalid/espi/1_1/resource/Batch/Subscription/1",
        "http://api.pge.com/GreenButtonConnect/espi/1_1/resource/Batch/Subscription/1",
        "sftp://api.pge.com/bulk/1.xml",
        "not an address",
    ],
)
def test_addresses_that_are_not_the_utilitys_are_never_looked_at(
    runtime: Runtime, authorization: Make, address: str
) -> None:
    authorization(provider="pge", place="1")

    assert _notify(runtime, [address]) == 0

    assert _orders(runtime) == []


def test_a_notification_for_another_utility_wakes_nobody(
    runtime: Runtime, authorization: Make
) -> None:
    authorization(provider="sdge", place="1")

    assert _notify(runtime, [_place(runtime, "1")]) == 0
    with pytest.raises(InvalidInput):
        notifications.green_button_notified(runtime, "nobody", b"")


def test_the_address_of_an_authorization_says_that_it_changed(
    runtime: Runtime, authorization: Make
) -> None:
    identity = authorization(provider="pge", place="7")

    assert _notify(runtime, [_place(runtime, "7", "Authorization")]) == 1

    assert [order.authorization_id for order in _orders(runtime)] == [identity]


def test_made_up_addresses_leave_one_trace_and_move_an_open_order_once(
    runtime: Runtime, authorization: Make, clock: MovableClock
) -> None:
    """Nobody signs them: whoever knows one address can think up any number below it."""
    authorization(provider="pge", place="1")
    place = _place(runtime, "1")

    def send_fifty() -> int:
        return _notify(runtime, [f"{place}/UsagePoint/{n}?a={n}" for n in range(50)])

    taken = [send_fifty(), send_fifty()]
    with runtime.sessions.begin() as session:
        session.scalars(select(WorkOrder)).one().not_before = runtime.now() + timedelta(hours=6)
    clock.advance(notifications.REST)
    taken += [send_fifty(), send_fifty()]

    (order,) = _orders(runtime)
    assert taken == [1, 0, 1, 0]
    assert (order.attempts, order.not_before) == (1, runtime.now())
    with runtime.sessions() as session:
        assert session.scalar(select(func.count()).select_from(ProviderEvent)) == 1


def test_a_hint_shortens_no_wait_after_a_failure(runtime: Runtime, authorization: Make) -> None:
    """The utility may have said how long to leave it alone."""
    identity, until = authorization(provider="pge", place="1"), runtime.now() + timedelta(hours=1)
    with runtime.sessions.begin() as session:
        order = work.open_collection(session, identity, reason="a test", now=runtime.now())
        session.flush()
        work.postpone(session, order.id, until=until, error=ProviderThrottled("busy"))

    assert _notify(runtime, [_place(runtime, "1")]) == 0

    (order,) = _orders(runtime)
    assert (order.attempts, order.not_before) == (1, until)


def test_however_many_hints_come_there_is_a_rest_between_collections(
    runtime: Runtime, authorization: Make
) -> None:
    identity = authorization(provider="pge", place="1")
    _notify(runtime, [_place(runtime, "1")])
    _finish(runtime, identity)

    for number in range(3):
        _notify(runtime, [f"{_place(runtime, '1')}?published-min={number}"])

    order = _orders(runtime)[-1]
    assert len(_orders(runtime)) == 2
    assert order.not_before == runtime.now() + notifications.REST


def test_prepared_data_are_fetched_without_a_rest(runtime: Runtime, authorization: Make) -> None:
    identity = authorization(provider="pge", place="1")
    place = _place(runtime, "1")
    with runtime.sessions.begin() as session:
        session.get_one(Authorization, identity).last_sync = runtime.now()
        session.add(
            AwaitedBatch(id=new_id(), authorization_id=identity, request_url=place, url_key=place)
        )

    taken = [_notify(runtime, [f"{place}/UsagePoint/3"]) for _ in range(2)]

    (order,) = _orders(runtime)
    assert (taken, order.not_before) == ([1, 0], runtime.now())


def test_links_and_sessions_that_are_long_over_are_forgotten(
    runtime: Runtime, settle: Settle, clock: MovableClock
) -> None:
    person_id = settle().actor.person_id
    assert person_id is not None
    with runtime.sessions() as session:
        email = session.get_one(Person, person_id).email
    sign_in.new_link(runtime, email)
    web_sessions.open_session(runtime, person_id, how="link", ip=None, user_agent=None)
    clock.advance(timedelta(days=121))
    sign_in.new_link(runtime, email)
    web_sessions.open_session(runtime, person_id, how="link", ip=None, user_agent=None)

    with runtime.sessions.begin() as session:
        gone = (
            sign_in.prune(session, runtime.now()),
            web_sessions.prune(session, runtime.now()),
        )

    assert gone == (1, 1)
    with runtime.sessions() as session:
        left = [
            session.scalar(select(func.count()).select_from(table))
            for table in (SignInLink, WebSession)
        ]
    assert left == [1, 1]
