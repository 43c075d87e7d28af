"""A retry leads to readings; news from the utility, however often told, end an access once."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import UUID

import pytest
from sqlalchemy import select

from dcarbon.db.audit import AuditEntry
from dcarbon.db.authorizations import Authorization
from dcarbon.db.facilities import Facility
from dcarbon.db.mails import Mail
from dcarbon.db.provider_states import ProviderEvent
from dcarbon.db.work_orders import WorkOrder
from dcarbon.services import collection, notifications, retrying
from dcarbon.services.actors import Actor
from dcarbon.services.runtime import Runtime
from dcarbon_sandbox.clock import SandboxClock
from dcarbon_sandbox.product_settings import WEBHOOK_SECRET
from dcarbon_sandbox.server import Running
from tests.integration.collection.conftest import Make, authorization_of

pytestmark = pytest.mark.database

ADMIN = Actor(None, is_admin=True)
ANSWER_WITHIN_S = 30

Taken = queue.Queue[tuple[bytes, int]]


def _row(runtime: Runtime, identity: UUID) -> Authorization:
    with runtime.sessions() as session:
        return session.get_one(Authorization, identity)


def _events(runtime: Runtime) -> list[str]:
    with runtime.sessions() as session:
        return list(session.scalars(select(AuditEntry.event).order_by(AuditEntry.seq)))


@pytest.mark.parametrize("provider", ["pge", "sce", "sdge"])
def test_a_failed_authorization_is_retried_authorized_and_collected(
    runtime: Runtime, customer: Make, provider: str
) -> None:
    someone = customer("House")
    identity = authorization_of(someone.authorise(provider, "sunny", press="deny"))
    failed = _row(runtime, identity)

    retried = retrying.retry(runtime, identity, actor=ADMIN)
    waiting = _row(runtime, identity)
    again = authorization_of(someone.authorise(provider, "sunny"))
    outcome = collection.collect(runtime, again)

    row = _row(runtime, identity)
    assert (failed.status, retried.status, waiting.status) == ("failed", "pending", "pending")
    assert again == identity
    assert outcome.error is None
    assert (row.status, row.last_sync, row.retries) == ("authorized", runtime.now(), 1)
    with runtime.sessions() as session:
        facility = session.get_one(Facility, someone.facility.id)
        kinds = list(session.scalars(select(Mail.kind).order_by(Mail.id)))
    assert (facility.auth_status, facility.last_sync) == ("authorized", runtime.now())
    assert kinds == ["authorization_failed", "authorization_retry", "authorization_done"]
    assert [event for event in _events(runtime) if event.startswith("authorization_")] == [
        "authorization_started",
        "authorization_failed",
        "authorization_retried",
        "authorization_started",
        "authorization_created",
    ]


def test_one_that_is_held_up_is_collected_as_soon_as_somebody_retries(
    runtime: Runtime, customer: Make, sandbox: Running, clock: SandboxClock
) -> None:
    identity = authorization_of(customer("House").authorise("pge", "sunny"))
    sandbox.app.test_client().post(
        "/sandbox/faults", json={"kind": "unavailable", "provider": "pge", "times": None}
    )
    collection.collect(runtime, identity)
    held_up = _row(runtime, identity)
    sandbox.app.test_client().delete("/sandbox/faults")
    clock.advance(timedelta(hours=1))

    retrying.retry(runtime, identity, actor=ADMIN)
    outcome = collection.collect(runtime, identity)

    assert (held_up.status, held_up.sync_health) == ("authorized", "delayed")
    assert outcome.error is None
    row = _row(runtime, identity)
    assert (row.sync_health, row.last_sync) == ("ok", runtime.now())


def test_a_revocation_told_twice_and_out_of_order_ends_the_access_once(
    runtime: Runtime, customer: Make, sandbox: Running, clock: SandboxClock
) -> None:
    someone, control = customer("House"), sandbox.app.test_client()
    with _letterbox(runtime) as (address, taken):
        switches = {
            "webhooks": [{"url": address, "secret": WEBHOOK_SECRET}],
            "webhook_duplicate": True,
            "webhook_reorder": True,
        }
        assert control.patch("/sandbox/utilityapi/settings", json=switches).status_code == 200
        identity = authorization_of(someone.authorise("utilityapi", "hourly", utility="LADWP"))
        for _ in range(10):
            if _row(runtime, identity).last_sync is not None:
                break
            clock.advance(timedelta(minutes=1))
            collection.collect(runtime, identity)
        uid = _row(runtime, identity).external_id
        control.post(f"/sandbox/utilityapi/authorizations/{uid}/revoke")
        told = [_next_of(taken, b"authorization_revoked") for _ in range(2)]
        collection.collect(runtime, identity)

    assert told == [1, 0]
    row = _row(runtime, identity)
    assert row.status == "revoked"
    assert _events(runtime).count("authorization_revoked") == 1
    with runtime.sessions() as session:
        assert session.scalar(select(WorkOrder.id).where(WorkOrder.done_at.is_(None))) is None
        remembered = list(session.scalars(select(ProviderEvent.event_uid)))
        (mail,) = session.scalars(select(Mail).where(Mail.kind == "access_ended"))
    assert len(remembered) == len(set(remembered)) > 1
    assert "On the utility's side, somebody ended" in " ".join(mail.text_body.split())


@contextmanager
def _letterbox(runtime: Runtime) -> Iterator[tuple[str, Taken]]:
    """Take webhooks as the web app does; the queue says what came and how many it woke."""
    taken: Taken = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            woken = notifications.utilityapi_event(
                runtime,
                salt=self.headers["X-UtilityAPI-Webhook-Salt"],
                signature=self.headers["X-UtilityAPI-Webhook-Signature"],
                body=body,
            )
            self.send_response(200)
            self.end_headers()
            taken.put((body, woken))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 — its name there
            """Say nothing: the sandbox keeps a record of its deliveries."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, name="letterbox", daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/hooks", taken
        server.shutdown()
        thread.join()


def _next_of(taken: Taken, kind: bytes) -> int:
    """Return how many the next delivery with such an event woke."""
    while True:
        body, woken = taken.get(timeout=ANSWER_WITHIN_S)
        if kind in body:
            return woken
