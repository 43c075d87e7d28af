"""Requests of people to have their data deleted: asking, taking back, deciding, looking.

What carrying one out means is in ``deletion_plans``; it is done in ``deletion_work``.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcarbon.db import deletions as db
from dcarbon.db.base import new_id
from dcarbon.db.deletions import DeletionRequest
from dcarbon.db.people import Person
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.deletion_words import DeletionState
from dcarbon.domain.errors import InvalidInput, InvalidTransition, NotFound
from dcarbon.services import administrators, audit, deletion_plans, mails
from dcarbon.services.actors import Actor
from dcarbon.services.deletion_plans import Plan
from dcarbon.services.runtime import Runtime

CAN_BE_TAKEN_BACK = frozenset({DeletionState.ASKED, DeletionState.APPROVED})
PAGE = 50
_LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class DeletionView:
    """One request. Times are UTC; ``due_at`` is ``None`` where only an administrator decides."""

    id: UUID
    person_id: UUID
    address: str | None
    """Whose it is, until the person is forgotten."""
    state: DeletionState
    asked_at: datetime
    due_at: datetime | None
    decided_at: datetime | None
    decided_by: UUID | None
    reason: str | None
    started_at: datetime | None
    erased_at: datetime | None
    done_at: datetime | None
    receipt_sha256: str | None
    """In hexadecimal, once it is done."""

    @property
    def can_be_taken_back(self) -> bool:
        return self.state in CAN_BE_TAKEN_BACK

    @property
    def number(self) -> str:
        """What people call it by."""
        return str(self.id)


@dataclass(frozen=True, slots=True)
class Page:
    """Requests, the newest first; ``after`` asks for those that follow, ``None`` at the end."""

    requests: tuple[DeletionView, ...]
    after: UUID | None


def ask(runtime: Runtime, *, actor: Actor) -> DeletionView:
    """Write down that the actor wants their data deleted; they and administrators are told.

    Nothing is deleted before an administrator says so or the grace period is over. Asking again
    while a request is open returns that one. Raises :class:`InvalidTransition`
    (``deletion_of_last_administrator``) and :class:`NotFound` for nobody.
    """
    now, days = runtime.now(), runtime.settings.deletion_grace_days
    with runtime.sessions.begin() as session:
        person = _person(session, actor, is_locked=True)
        found = db.open_request(session, person.id)
        if found is not None:
            return _view(found, person)
        require_not_last_administrator(session, person)
        row = DeletionRequest(
            id=new_id(),
            person_id=person.id,
            state=DeletionState.ASKED,
            asked_at=now,
            due_at=None if days is None else now + timedelta(days=days),
            erased={},
        )
        session.add(row)
        session.flush()
        _tell_of_asking(session, runtime, person, row, now=now)
        _record(session, AuditEvent.DELETION_REQUESTED, row, actor=actor, at=now)
        return _view(row, person)


def cancel(runtime: Runtime, *, actor: Actor) -> DeletionView | None:
    """Take the actor's own request back; ``None`` where there is none, which is harmless.

    Raises :class:`InvalidTransition` (``deletion_started``).
    """
    now = runtime.now()
    with runtime.sessions.begin() as session:
        person = _person(session, actor, is_locked=True)
        row = db.open_request(session, person.id)
        if row is None:
            return None
        if row.state not in CAN_BE_TAKEN_BACK:
            raise InvalidTransition("begun", code="deletion_started")
        row.state = DeletionState.CANCELLED
        _record(session, AuditEvent.DELETION_CANCELLED, row, actor=actor, at=now)
        return _view(row, person)


def approve(runtime: Runtime, deletion_id: UUID, *, actor: Actor) -> DeletionView:
    """Decide that a request is carried out now, without waiting for the grace period to end.

    Raises :class:`NotFound`, :class:`InvalidTransition` (``deletion_decided``,
    ``deletion_of_ones_own``, ``deletion_of_last_administrator``).
    """
    now = runtime.now()
    with runtime.sessions.begin() as session:
        row, person = _to_decide(session, deletion_id, actor=actor)
        require_not_last_administrator(session, person)
        row.state, row.decided_at, row.decided_by = DeletionState.APPROVED, now, actor.person_id
        _record(session, AuditEvent.DELETION_APPROVED, row, actor=actor, at=now)
        return _view(row, person)


def decline(runtime: Runtime, deletion_id: UUID, *, reason: str, actor: Actor) -> DeletionView:
    """Decide that nothing is deleted; the person is told why.

    Raises as :func:`approve`, and :class:`InvalidInput` (``reason_needed``).
    """
    now, words = runtime.now(), " ".join(reason.split())[:_LONGEST_REASON]
    if not words:
        raise InvalidInput("declined without a reason", code="reason_needed")
    with runtime.sessions.begin() as session:
        row, person = _to_decide(session, deletion_id, actor=actor)
        row.state, row.decided_at, row.decided_by = DeletionState.DECLINED, now, actor.person_id
        row.reason = words
        mails.queue(
            session,
            to=person.email,
            kind="deletion_declined",
            context={"reason": words, "link": f"{runtime.settings.public_url}/account"},
            now=now,
        )
        _record(session, AuditEvent.DELETION_DECLINED, row, actor=actor, at=now)
        return _view(row, person)


def own(session: Session, *, actor: Actor) -> DeletionView | None:
    """Return the actor's latest request, ``None`` without one."""
    person = _person(session, actor)
    row = session.scalar(
        select(DeletionRequest)
        .where(DeletionRequest.person_id == person.id)
        .order_by(DeletionRequest.id.desc())
        .limit(1)
    )
    return _view(row, person) if row else None


def own_plan(session: Session, *, actor: Actor) -> Plan:
    """Return what deleting the actor's data would do."""
    return deletion_plans.of(session, _person(session, actor).id)


def one(session: Session, deletion_id: UUID) -> DeletionView:
    """Return a request, for administrators. Raises :class:`NotFound`."""
    row = session.get(DeletionRequest, deletion_id)
    if row is None:
        raise NotFound("no such request")
    return _view(row, session.get_one(Person, row.person_id))


def plan_of(session: Session, deletion_id: UUID) -> Plan | None:
    """Return what a request would still do; ``None`` once it has begun or will not be done."""
    row = session.get(DeletionRequest, deletion_id)
    if row is None:
        raise NotFound("no such request")
    return deletion_plans.of(session, row.person_id) if row.state in CAN_BE_TAKEN_BACK else None


def listing(
    session: Session, *, states: Collection[DeletionState] = (), after: UUID | None = None
) -> Page:
    """Return requests, the newest first, those in some states or all."""
    chosen = select(DeletionRequest, Person).join(Person, Person.id == DeletionRequest.person_id)
    if states:
        chosen = chosen.where(DeletionRequest.state.in_([str(state) for state in states]))
    if after is not None:
        chosen = chosen.where(DeletionRequest.id < after)
    rows = session.execute(chosen.order_by(DeletionRequest.id.desc()).limit(PAGE + 1)).all()
    views = tuple(_view(row, person) for row, person in rows[:PAGE])
    return Page(views, views[-1].id if len(rows) > PAGE else None)


def require_not_last_administrator(session: Session, person: Person) -> None:
    """Raise :class:`InvalidTransition` where nobody would be left to look after the place."""
    if not person.is_admin:
        return
    others = select(Person.id).where(Person.is_admin, Person.id != person.id).limit(1)
    if session.scalar(others) is None:
        raise InvalidTransition("the last one", code="deletion_of_last_administrator")


def _person(session: Session, actor: Actor, *, is_locked: bool = False) -> Person:
    """Return who asks; locked, so that of two clicks one comes after the other."""
    asked = actor.person_id
    person = session.get(Person, asked, with_for_update=is_locked) if asked else None
    if person is None or person.erased_at is not None:
        raise NotFound("a request belongs to a person")
    return person


def _to_decide(
    session: Session, deletion_id: UUID, *, actor: Actor
) -> tuple[DeletionRequest, Person]:
    row = db.locked(session, deletion_id)
    if row.state != DeletionState.ASKED:
        raise InvalidTransition(f"it is {row.state}", code="deletion_decided")
    if row.person_id == actor.person_id:
        raise InvalidTransition("their own", code="deletion_of_ones_own")
    return row, session.get_one(Person, row.person_id)


def _tell_of_asking(
    session: Session, runtime: Runtime, person: Person, row: DeletionRequest, *, now: datetime
) -> None:
    url = runtime.settings.public_url
    if row.due_at is None:
        when = "It is carried out when an administrator has looked at it."
    else:
        when = (
            f"It is carried out on {row.due_at.day} {row.due_at:%B %Y}, or before if an "
            "administrator says so."
        )
    mails.queue(
        session,
        to=person.email,
        kind="deletion_asked",
        context={"when": when, "link": f"{url}/account/deletion"},
        now=now,
    )
    context = {"when": when, "link": f"{url}/admin/deletions/{row.id}"}
    administrators.mail_all(session, "deletion_to_decide", context, now=now)


def _record(
    session: Session, event: AuditEvent, row: DeletionRequest, *, actor: Actor, at: datetime
) -> None:
    # Not the reason: it is typed by a person about a person, and the log is never changed.
    due_on: Any = row.due_at.date() if row.due_at else None
    audit.record(
        session,
        event,
        actor=actor,
        at=at,
        deletion=str(row.id),
        person=str(row.person_id),
        due_on=due_on,
    )


def _view(row: DeletionRequest, person: Person) -> DeletionView:
    digest = row.erased.get("receipt_sha256")
    return DeletionView(
        id=row.id,
        person_id=row.person_id,
        address=None if person.erased_at else person.email,
        state=DeletionState(row.state),
        asked_at=row.asked_at,
        due_at=row.due_at,
        decided_at=row.decided_at,
        decided_by=row.decided_by,
        reason=row.reason,
        started_at=row.started_at,
        erased_at=row.erased_at,
        done_at=row.done_at,
        receipt_sha256=digest,
    )
