"""Bytes leave the landing zone only when nobody has them, also when they land again just then."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select

from dcarbon.db.deletions import LeavingPayload
from dcarbon.db.payloads import LandedPayload
from dcarbon.domain.errors import PayloadMissing
from dcarbon.services import erasure, ingestion, leaving_payloads
from dcarbon.services.erasure import Scope
from dcarbon.services.ingestion import Arrival
from dcarbon.services.readings_storing import Origin
from dcarbon.services.runtime import Runtime
from tests.integration.services.conftest import MovableClock, Settle

pytestmark = pytest.mark.database
SAME, OWN = b"an answer without readings", b"an answer of one's own"
DIGEST = hashlib.sha256(SAME).digest()


def land(runtime: Runtime, facility_id: UUID, content: bytes = SAME) -> None:
    arrival = Arrival(content, "application/json", "https://x.example.test", runtime.now())
    origin = Origin(facility_id, None, "pge", "PG&E", "America/Los_Angeles")
    ingestion.land(runtime.sessions, runtime.landing, arrival, origin)


def erase(runtime: Runtime, facility_id: UUID) -> None:
    with runtime.sessions.begin() as session:
        erasure.hold(session)
        erasure.erase(session, Scope(facility_id), payloads=True, readings=True, now=runtime.now())
    leaving_payloads.settle(runtime)


def leaving(runtime: Runtime) -> int:
    with runtime.sessions() as session:
        return session.scalar(select(func.count()).select_from(LeavingPayload)) or 0


def test_bytes_that_somebody_else_has_stay_until_nobody_has_them(
    runtime: Runtime, settle: Settle, clock: MovableClock
) -> None:
    ann, ben = settle("ann").facility.id, settle("ben").facility.id
    land(runtime, ann)
    land(runtime, ann, OWN)
    land(runtime, ben)

    erase(runtime, ann)
    assert runtime.landing.get(DIGEST) == SAME
    assert leaving(runtime) == 1
    erase(runtime, ben)
    assert leaving(runtime) == 2
    with pytest.raises(PayloadMissing):
        runtime.landing.get(DIGEST)
    clock.advance(leaving_payloads.SETTLED_AFTER)
    assert leaving_payloads.settle(runtime).deleted == 2

    assert leaving(runtime) == 0
    assert not list((runtime.settings.directory / "landing").rglob("*.zst"))


def test_bytes_recorded_by_somebody_who_found_them_just_before_are_brought_back(
    runtime: Runtime, settle: Settle, clock: MovableClock
) -> None:
    """Whoever lands bytes writes them first and records them after: in between nobody has them."""
    ann, ben = settle("ann").facility.id, settle("ben").facility.id
    land(runtime, ann)
    digest = runtime.landing.put(SAME)  # ben's collection finds them there
    erase(runtime, ann)
    with runtime.sessions.begin() as session:  # and records them now
        session.add(
            LandedPayload(
                facility_id=ben,
                sha256=digest,
                media_type="application/json",
                byte_count=len(SAME),
                source="",
                received_at=runtime.now(),
            )
        )
    clock.advance(timedelta(minutes=1))

    assert leaving_payloads.settle(runtime).brought_back == 1
    assert runtime.landing.get(DIGEST) == SAME


def test_a_crash_before_the_bytes_were_set_aside_only_delays_their_end(
    runtime: Runtime, settle: Settle, clock: MovableClock
) -> None:
    ann = settle("ann").facility.id
    land(runtime, ann)
    with runtime.sessions.begin() as session:
        erasure.hold(session)
        erasure.erase(session, Scope(ann), payloads=True, readings=True, now=runtime.now())
    clock.advance(timedelta(days=1))

    assert leaving_payloads.settle(runtime).set_aside == 1
    assert leaving_payloads.settle(runtime).deleted == 0
    clock.advance(leaving_payloads.SETTLED_AFTER)
    assert leaving_payloads.settle(runtime).deleted == 1
