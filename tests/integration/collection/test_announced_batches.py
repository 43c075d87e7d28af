"""A custodian that prepares its data first: 202, a notification, the data; or none, and a walk."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import func, select

from dcarbon.db.interval_days import IntervalDay
from dcarbon.db.meters import Meter, MeterChannel
from dcarbon.db.payloads import AwaitedBatch, LandedPayload
from dcarbon.db.work_orders import WorkOrder
from dcarbon.domain.errors import UnreadablePayload
from dcarbon.providers.green_button import atom, espi
from dcarbon.providers.green_button.client import published
from dcarbon.services import collection, notifications, work
from dcarbon.services.fetching_green_button import GIVE_UP_WAITING_AFTER
from dcarbon.services.runtime import Runtime
from dcarbon_sandbox.clock import SandboxClock
from dcarbon_sandbox.customers import customer_by_login
from dcarbon_sandbox.green_button.dialects import DIALECTS
from dcarbon_sandbox.green_button.records_feed import batch_list
from dcarbon_sandbox.server import Running
from tests.integration.collection.conftest import (
    Make,
    authorization_of,
    sandbox_wh,
    stored_wh,
    whole_days,
)

pytestmark = pytest.mark.database

ANSWER_WITHIN_S = 10


@dataclass(frozen=True)
class Letterbox:
    """Where the utility's notifications arrive, and how many led to work."""

    address: str
    woken: queue.Queue[int]

    def next(self) -> int:
        return self.woken.get(timeout=ANSWER_WITHIN_S)


@pytest.fixture
def letterbox(runtime: Runtime, sandbox: Running) -> Iterator[Letterbox]:
    """An address on the loopback that hands what is posted to the service."""
    with _letterbox(runtime) as opened:
        _ask(sandbox, "notification-uris", {"sce": opened.address})
        yield opened


@pytest.fixture
def history_days(request: pytest.FixtureRequest) -> int:
    """One piece, unless a test says otherwise: one batch is prepared."""
    return int(getattr(request, "param", 30))


@pytest.fixture(autouse=True)
def prepares_first(sandbox: Running) -> None:
    _ask(sandbox, "utilities/sce", {"asynchronous": "all", "asynchronous_delay_s": 0})


def test_announced_data_are_fetched_and_are_exactly_the_utility_s(
    runtime: Runtime, customer: Make, letterbox: Letterbox
) -> None:
    identity = authorization_of(customer("House").authorise("sce", "sunny"))

    first = collection.collect(runtime, identity)
    woken = letterbox.next()
    second = collection.collect(runtime, identity)

    assert (first.waiting, first.readings) == (True, 0)
    assert woken == 1
    assert (second.waiting, second.error) == (False, None)
    assert stored_wh(runtime) == sandbox_wh("sunny", whole_days(second.window))
    assert _open_orders(runtime) == []


@pytest.mark.parametrize("history_days", [90], indirect=True)
def test_each_piece_of_a_long_history_is_waited_for_on_its_own(
    runtime: Runtime, customer: Make, letterbox: Letterbox
) -> None:
    identity = authorization_of(customer("House").authorise("sce", "sunny"))

    outcomes = [collection.collect(runtime, identity)]
    while outcomes[-1].waiting:
        letterbox.next()
        outcomes.append(collection.collect(runtime, identity))

    # Each time what was announced comes, and the piece before it is asked for.
    assert [outcome.waiting for outcome in outcomes] == [True, True, True, False]
    assert [outcome.readings > 0 for outcome in outcomes] == [False, True, True, True]
    assert stored_wh(runtime) == sandbox_wh("sunny", whole_days(outcomes[-1].window))
    assert _open_orders(runtime) == []


@pytest.mark.parametrize("history_days", [90], indirect=True)
def test_a_long_history_that_is_never_announced_is_given_up_on_once(
    runtime: Runtime, customer: Make, sandbox: Running, clock: SandboxClock
) -> None:
    outcome = _walked(runtime, customer, sandbox, clock)

    assert (outcome.error, outcome.waiting) == (None, False)
    stored = stored_wh(runtime)
    assert stored == sandbox_wh("sunny", whole_days(outcome.window), as_of=clock.now())


def test_a_notification_before_the_202_is_not_waited_for_again(
    runtime: Runtime, customer: Make, sandbox: Running, letterbox: Letterbox
) -> None:
    """The order must not be put off by the late 202 after the notification brought it forward."""
    _ask(sandbox, "faults", {"kind": "notify_first"})
    identity = authorization_of(customer("House").authorise("sce", "sunny"))

    first = collection.collect(runtime, identity)
    due = work.due(runtime.sessions, now=runtime.now())
    second = collection.collect(runtime, identity)

    assert letterbox.next() == 1
    assert first.waiting
    assert [authorization_id for _, authorization_id, _ in due] == [identity]
    assert not second.waiting
    assert stored_wh(runtime) == sandbox_wh("sunny", whole_days(second.window))


def test_the_same_notification_twice_is_work_once(
    runtime: Runtime, customer: Make, sandbox: Running, letterbox: Letterbox
) -> None:
    _ask(sandbox, "faults", {"kind": "notify_twice"})
    identity = authorization_of(customer("House").authorise("sce", "sunny"))
    collection.collect(runtime, identity)

    woken = letterbox.next() + letterbox.next()
    outcome = collection.collect(runtime, identity)

    assert woken == 1
    assert (outcome.waiting, outcome.unreadable) == (False, 0)
    assert _open_orders(runtime) == []


def test_a_notification_repeated_after_the_data_came_asks_for_nothing(
    runtime: Runtime, customer: Make, letterbox: Letterbox
) -> None:
    """Asking again would be answered by 202 and another notification, without end."""
    identity = authorization_of(customer("House").authorise("sce", "sunny"))
    collection.collect(runtime, identity)
    letterbox.next()
    collection.collect(runtime, identity)
    announced = _batch(runtime).notified_url or ""

    woken = notifications.green_button_notified(runtime, "sce", _body(announced))

    assert woken == 0
    assert _open_orders(runtime) == []


def test_later_news_of_the_same_address_open_a_collection(
    runtime: Runtime, customer: Make, clock: SandboxClock, letterbox: Letterbox
) -> None:
    identity = authorization_of(customer("House").authorise("sce", "sunny"))
    collection.collect(runtime, identity)
    letterbox.next()
    collection.collect(runtime, identity)
    clock.advance(timedelta(days=1))
    announced = _batch(runtime).notified_url or ""

    woken = notifications.green_button_notified(runtime, "sce", _body(announced))

    assert woken == 1
    assert [order.authorization_id for order in _open_orders(runtime)] == [identity]


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/DataCustodian/espi/1_1/resource/Batch/Subscription/{subscription}",
        "http://127.0.0.1/sce/DataCustodian/espi/1_1/resource/Batch/Subscription/{subscription}",
        "{base}/Batch/Subscription/{subscription}/../../../../admin",
        "{base}/Batch/Subscription/999999",
    ],
    ids=["foreign_host", "no_tls", "leaves_the_custodian", "nobody_s_subscription"],
)
def test_a_notification_of_something_else_is_ignored(
    runtime: Runtime, customer: Make, sandbox: Running, address: str
) -> None:
    _ask(sandbox, "faults", {"kind": "notify_lost", "times": None})
    identity = authorization_of(customer("House").authorise("sce", "sunny"))
    collection.collect(runtime, identity)
    batch = _batch(runtime)
    base, _, subscription = batch.url_key.partition("/Batch/Subscription/")

    woken = notifications.green_button_notified(
        runtime, "sce", _body(address.format(base=base, subscription=subscription))
    )

    assert woken == 0
    assert _batch(runtime).notified_at is None
    assert [order.not_before for order in _open_orders(runtime)] == [
        runtime.now() + GIVE_UP_WAITING_AFTER
    ]


def test_a_body_that_is_no_notification_changes_nothing(runtime: Runtime, customer: Make) -> None:
    identity = authorization_of(customer("House").authorise("sce", "sunny"))
    collection.collect(runtime, identity)

    with pytest.raises(UnreadablePayload) as refusal:
        notifications.green_button_notified(runtime, "sce", b"<html>news</html>")

    assert refusal.value.code == "not_espi"
    assert _batch(runtime).notified_at is None


def test_data_below_the_address_asked_for_are_all_fetched(
    runtime: Runtime, customer: Make, sandbox: Running
) -> None:
    """Some custodians never fill the batch itself, but name one address per usage point."""
    _ask(sandbox, "faults", {"kind": "notify_lost", "times": None})
    identity = authorization_of(customer("House").authorise("sce", "acme"))
    collection.collect(runtime, identity)
    _ask(sandbox, "utilities/sce", {"asynchronous": "off"})
    points = _addresses_of_points(_batch(runtime), "acme")

    woken = notifications.green_button_notified(runtime, "sce", _body(*points))
    outcome = collection.collect(runtime, identity)

    assert woken == outcome.meters == len(points) == 4
    assert stored_wh(runtime) == sandbox_wh("acme", whole_days(outcome.window))


def test_prepared_data_that_are_gone_are_asked_for_anew(
    runtime: Runtime, customer: Make, sandbox: Running, letterbox: Letterbox
) -> None:
    identity = authorization_of(customer("House").authorise("sce", "sunny"))
    collection.collect(runtime, identity)
    letterbox.next()
    _ask(sandbox, "faults", {"kind": "not_found", "provider": "sce"})

    outcome = collection.collect(runtime, identity)

    assert outcome.error is None
    assert stored_wh(runtime) == sandbox_wh("sunny", whole_days(outcome.window))


def test_a_request_that_failed_is_repeated_and_not_walked(
    runtime: Runtime, customer: Make, sandbox: Running, clock: SandboxClock, letterbox: Letterbox
) -> None:
    """Whether the first request arrived is unknown; the batch is asked for again all the same."""
    identity = authorization_of(customer("House").authorise("sce", "sunny"))
    _ask(sandbox, "faults", {"kind": "unavailable", "provider": "sce", "times": None})
    failed = collection.collect(runtime, identity)
    sandbox.app.test_client().delete("/sandbox/faults")
    clock.advance(timedelta(hours=1))

    again = collection.collect(runtime, identity)

    assert failed.error is not None
    assert failed.error.code == "provider_unavailable"
    assert (again.waiting, again.payloads) == (True, 0)
    assert letterbox.next() == 1


def test_an_order_for_another_time_is_not_done_by_the_announced_one(
    runtime: Runtime, customer: Make, letterbox: Letterbox
) -> None:
    """A re-pull of older data while newer ones are awaited asks for its own window afterwards."""
    identity = authorization_of(customer("House").authorise("sce", "sunny"))
    first = collection.collect(runtime, identity)
    letterbox.next()
    earlier = first.window[0] - timedelta(days=30)

    asked = collection.collect(runtime, identity, start=earlier, end=first.window[0])
    letterbox.next()
    outcome = collection.collect(runtime, identity, start=earlier, end=first.window[0])

    assert asked.waiting
    assert not outcome.waiting
    whole = whole_days((earlier, first.window[1]))
    assert stored_wh(runtime) == sandbox_wh("sunny", whole)


def test_without_a_notification_the_resources_are_walked_one_by_one(
    runtime: Runtime, customer: Make, sandbox: Running, clock: SandboxClock
) -> None:
    outcome = _walked(runtime, customer, sandbox, clock)

    assert (outcome.error, outcome.waiting, outcome.unreadable) == (None, False, 0)
    assert outcome.meters == 1
    stored = stored_wh(runtime)
    assert stored == sandbox_wh("sunny", whole_days(outcome.window), as_of=clock.now())
    with runtime.sessions() as session:
        channels = session.scalars(select(MeterChannel)).all()
    assert {(one.direction, one.unit) for one in channels} == {
        ("delivered", "Wh"),
        ("received", "Wh"),
    }


def test_every_resource_of_a_walk_lands_and_can_be_read_again(
    runtime: Runtime, customer: Make, sandbox: Running, clock: SandboxClock
) -> None:
    outcome = _walked(runtime, customer, sandbox, clock)

    with runtime.sessions() as session:
        landed = session.scalars(select(LandedPayload).order_by(LandedPayload.id)).all()
    bodies = [runtime.landing.get(payload.sha256) for payload in landed]
    shared = [body for body in bodies if not atom.holds(body, "IntervalBlock")]
    blocks = [body for body in bodies if atom.holds(body, "IntervalBlock")]
    again = [espi.parse(body, context=shared) for body in blocks]
    assert len(landed) == outcome.payloads
    assert len(blocks) == 2
    assert sum(payload.readings.num_rows for payload in again) == outcome.readings
    assert {channel.uom for payload in again for channel in payload.channels} == {72}
    assert {payload.state for payload in landed} <= {"parsed", "empty"}


def test_a_walk_done_twice_writes_nothing_new(
    runtime: Runtime, customer: Make, sandbox: Running, clock: SandboxClock
) -> None:
    start, end = _walked(runtime, customer, sandbox, clock).window
    with runtime.sessions() as session:
        days = session.scalar(select(func.count()).select_from(IntervalDay))
        identity = session.scalars(select(Meter.authorization_id)).one()
    assert identity is not None
    # What was published last may still change: the first half may not.
    half = start + (end - start) / 2
    asked = collection.collect(runtime, identity, start=start, end=half)
    clock.advance(GIVE_UP_WAITING_AFTER)

    again = collection.collect(runtime, identity, start=start, end=half)

    assert asked.waiting
    assert again.readings > 0
    assert (again.new, again.restated) == (0, 0)
    with runtime.sessions() as session:
        assert session.scalar(select(func.count()).select_from(IntervalDay)) == days


def _walked(
    runtime: Runtime, customer: Make, sandbox: Running, clock: SandboxClock
) -> collection.CollectionOutcome:
    """Let every notification be lost and come back after a day."""
    _ask(sandbox, "faults", {"kind": "notify_lost", "times": None})
    identity = authorization_of(customer("House").authorise("sce", "sunny"))
    assert collection.collect(runtime, identity).waiting
    clock.advance(GIVE_UP_WAITING_AFTER)
    return collection.collect(runtime, identity)


@contextmanager
def _letterbox(runtime: Runtime) -> Iterator[Letterbox]:
    woken: queue.Queue[int] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            woken.put(notifications.green_button_notified(runtime, "sce", body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 — its name there
            """Say nothing: the sandbox keeps a record of its deliveries."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, name="letterbox", daemon=True)
        thread.start()
        yield Letterbox(f"http://127.0.0.1:{server.server_port}/notify", woken)
        server.shutdown()
        thread.join()


def _ask(sandbox: Running, path: str, sent: dict[str, Any]) -> None:
    answer = sandbox.app.test_client().post(f"/sandbox/{path}", json=sent)
    assert answer.status_code < 300, answer.text


def _body(*addresses: str) -> bytes:
    return batch_list(DIALECTS["sce"], addresses).encode()


def _batch(runtime: Runtime) -> AwaitedBatch:
    with runtime.sessions() as session:
        return session.scalars(select(AwaitedBatch)).one()


def _addresses_of_points(batch: AwaitedBatch, login: str) -> list[str]:
    known = customer_by_login(login)
    assert known is not None
    assert batch.window_start is not None
    assert batch.window_end is not None
    query = urlencode(published(batch.window_start, batch.window_end))
    return [f"{batch.url_key}/UsagePoint/{meter.id}?{query}" for meter in known.meters]


def _open_orders(runtime: Runtime) -> list[WorkOrder]:
    with runtime.sessions() as session:
        return list(session.scalars(select(WorkOrder).where(WorkOrder.done_at.is_(None))))
