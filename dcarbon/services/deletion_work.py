"""Carrying out a request for deletion, step by step; each step is one transaction.

1. *Started*: the person is forgotten and signed out everywhere, access ends here, utilities are
   told. The utility's own names for the consents are still needed for that.
2. *Erased*: once they have confirmed, or after a week: readings, payloads, facilities.
3. *Done*: the bytes have left the landing zone; the receipt is written and mailed.

Stopped at any point it goes on from the step it was at.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from dcarbon.db import deletions as db
from dcarbon.db import forgetting
from dcarbon.db.audit_chain import NewEntry
from dcarbon.db.authorizations import Authorization
from dcarbon.db.deletions import DeletionRequest, LeavingPayload
from dcarbon.db.facilities import Facility
from dcarbon.db.mails import Mail
from dcarbon.db.people import Person
from dcarbon.db.work_orders import WorkOrder
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.deletion_words import DeletionState
from dcarbon.domain.errors import InvalidInput, NotFound
from dcarbon.domain.secrets import hashed
from dcarbon.services import (
    audit,
    deletion_plans,
    deletion_receipts,
    deletions,
    erasure,
    grants,
    leave_takings,
    leaving_payloads,
    mails,
    readings_storing,
)
from dcarbon.services.actors import SYSTEM
from dcarbon.services.deletion_receipts import Told
from dcarbon.services.erasure import Scope
from dcarbon.services.runtime import Runtime

CONFIRMED_WITHIN = timedelta(days=7)
"""How long utilities are asked to confirm the end before everything else is deleted anyway."""
RECEIPT_MAIL = "deletion_receipt"


def due(runtime: Runtime) -> list[UUID]:
    """Return the requests with something to be done, oldest first."""
    with runtime.sessions() as session:
        return list(db.to_carry_out(session, now=runtime.now()))


def carry_out(runtime: Runtime, deletion_id: UUID) -> DeletionState:
    """Take a request as far as it can go now and return the state it is in then.

    Raises :class:`NotFound` and :class:`InvalidTransition` (``deletion_of_last_administrator``).
    """
    _start(runtime, deletion_id)
    _erase(runtime, deletion_id)
    leaving_payloads.settle(runtime)
    _finish(runtime, deletion_id)
    with runtime.sessions() as session:
        return deletions.one(session, deletion_id).state


def is_waiting(runtime: Runtime) -> bool:
    """Say whether there is anything to do: a request, bytes that leave, an address to forget."""
    with runtime.sessions() as session:
        leaving = select(LeavingPayload.sha256).limit(1)
        receipts = select(Mail.id).where(*_receipts_sent()).limit(1)
        return (
            bool(db.to_carry_out(session, now=runtime.now()))
            or session.scalar(leaving) is not None
            or session.scalar(receipts) is not None
        )


def forget_receipts_sent(runtime: Runtime) -> int:
    """Forget the addresses that receipts went to, or could not go to; return how many."""
    with runtime.sessions.begin() as session:
        gone = update(Mail).where(*_receipts_sent()).values(to_address="", last_error=None)
        return len(session.scalars(gone.returning(Mail.id)).all())


def _receipts_sent() -> tuple[ColumnElement[bool], ...]:
    over = Mail.sent_at.is_not(None) | Mail.given_up_at.is_not(None)
    return (Mail.kind == RECEIPT_MAIL, over, Mail.to_address != "")


def _start(runtime: Runtime, deletion_id: UUID) -> None:
    now = runtime.now()
    with runtime.sessions.begin() as session:
        # The person first, as whoever takes the request back does.
        person = _person(session, deletion_id)
        row = db.locked(session, deletion_id)
        is_due = row.state == DeletionState.ASKED and row.due_at is not None and row.due_at <= now
        if not is_due and row.state != DeletionState.APPROVED:
            return
        deletions.require_not_last_administrator(session, person)
        if is_due:
            row.decided_at = now
        row.contact = person.email
        going = deletion_plans.facilities_going(session, person.id)
        public_url = runtime.settings.public_url
        ended = leave_takings.end_consents(session, going, person, public_url=public_url, now=now)
        leave_takings.tell_others(session, going, person, now=now)
        leave_takings.close_to_people(session, going)
        forgotten = forgetting.forget_person(session, person, now=now)
        roles = forgotten["roles"] + len(going)
        counts = {**forgotten, "roles": roles, "authorizations": len(ended)}
        row.erased = {
            "facility_ids": [str(facility.id) for facility in going],
            "authorization_ids": [str(one) for one in ended],
            "counts": counts,
        }
        row.state, row.started_at = DeletionState.STARTED, now
        _forget_reasons(session, person.id)
        _record(session, AuditEvent.PERSON_ERASED, row, at=now, counts=counts)


def _erase(runtime: Runtime, deletion_id: UUID) -> None:
    now = runtime.now()
    with runtime.sessions.begin() as session:
        row = db.locked(session, deletion_id)
        if row.state != DeletionState.STARTED or row.started_at is None:
            return
        if _waits_for_utilities(session, row) and now - row.started_at < CONFIRMED_WITHIN:
            return
        erasure.hold(session)
        told = Told(row.erased["counts"])
        going = sorted(map(UUID, row.erased["facility_ids"]))
        # All at once: one after the other, each would be waited for with what is erased in hand.
        readings_storing.lock(session, going)
        entries = [_erase_facility(session, one, row, told, now=now) for one in going]
        row.erased = {**row.erased, **told.as_json()}
        row.state, row.erased_at = DeletionState.ERASED, now
        # The log last: whoever appends to it waits for the one before.
        audit.append(session, entries)


def _erase_facility(
    session: Session, facility_id: UUID, row: DeletionRequest, told: Told, *, now: datetime
) -> NewEntry:
    facility = session.get_one(Facility, facility_id)
    erased = erasure.erase(
        session,
        Scope(facility_id),
        payloads=True,
        readings=True,
        now=now,
        deletion_id=row.id,
    )
    told.add(erased)
    for authorization_id in session.scalars(
        select(Authorization.id).where(Authorization.facility_id == facility_id)
    ).all():
        grants.destroy(session, authorization_id, now=now)
    counts = Counter(erased.counts)
    held = erased.held.meter_ids
    for found in (
        forgetting.forget_units(session, facility_id, now=now),
        forgetting.forget_meters(session, facility_id, reported=held, now=now),
        forgetting.forget_facility(session, facility, now=now),
    ):
        counts.update(found)
        told.counts.update(found)
    told.counts["facilities"] += 1
    return audit.entry(
        AuditEvent.FACILITY_ERASED,
        actor=SYSTEM,
        at=now,
        facility_id=facility_id,
        deletion=str(row.id),
        counts=dict(counts),
        reports=[str(one.report_id) for one in erased.held.reports],
    )


def _waits_for_utilities(session: Session, row: DeletionRequest) -> bool:
    waiting = select(WorkOrder.id).where(
        WorkOrder.authorization_id.in_([UUID(one) for one in row.erased["authorization_ids"]]),
        WorkOrder.kind == "revoke",
        WorkOrder.done_at.is_(None),
    )
    return session.scalar(waiting.limit(1)) is not None


def _finish(runtime: Runtime, deletion_id: UUID) -> None:
    now = runtime.now()
    with runtime.sessions.begin() as session:
        row = db.locked(session, deletion_id)
        if row.state != DeletionState.ERASED or db.leaving_for(session, row.id):
            return
        receipt = deletion_receipts.written(row, done_at=now)
        digest = hashlib.sha256(receipt).hexdigest()
        secret = secrets.token_urlsafe(32)
        row.receipt, row.link_hash = receipt, hashed(secret)
        row.erased = {
            "counts": row.erased["counts"],
            "receipt_sha256": digest,
        }
        row.state, row.done_at = DeletionState.DONE, now
        _mail_receipt(session, runtime, row, secret=secret, digest=digest, now=now)
        row.contact = None
        _record(
            session,
            AuditEvent.DELETION_COMPLETED,
            row,
            at=now,
            counts=row.erased["counts"],
            receipt_sha256=digest,
        )


def _mail_receipt(
    session: Session,
    runtime: Runtime,
    row: DeletionRequest,
    *,
    secret: str,
    digest: str,
    now: datetime,
) -> None:
    if row.contact is None:
        return
    counts = row.erased["counts"]
    # An address that no mail can reach does not undo a deletion; administrators have the receipt.
    with suppress(InvalidInput):
        mails.queue(
            session,
            to=row.contact,
            kind=RECEIPT_MAIL,
            context={
                "number": str(row.id),
                "readings": f"{counts.get('readings', 0):,}",
                "payloads": f"{counts.get('payloads', 0):,}",
                "kept": deletion_receipts.kept_words(counts),
                "sha256": digest,
                "link": f"{runtime.settings.public_url}/deletion-receipts/{secret}",
            },
            now=now,
        )


def _forget_reasons(session: Session, person_id: UUID) -> None:
    row = DeletionRequest
    session.execute(update(row).where(row.person_id == person_id).values(reason=None))


def _person(session: Session, deletion_id: UUID) -> Person:
    row = session.get(DeletionRequest, deletion_id)
    if row is None:
        raise NotFound("no such request")
    return session.get_one(Person, row.person_id, with_for_update=True)


def _record(
    session: Session,
    event: AuditEvent,
    row: DeletionRequest,
    *,
    at: datetime,
    counts: Mapping[str, int],
    receipt_sha256: str | None = None,
) -> None:
    audit.record(
        session,
        event,
        actor=SYSTEM,
        at=at,
        deletion=str(row.id),
        person=str(row.person_id),
        counts=dict(counts),
        receipt_sha256=receipt_sha256,
    )
