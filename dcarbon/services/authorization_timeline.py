"""Everything that ever happened to one authorization: its states with reason, attempt and who.

It is read from the audit log and from the attempts at the utility. Names are looked up when it is
read: the log itself holds none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcarbon.db.audit import AuditEntry
from dcarbon.db.authorizations import Authorization, AuthorizationSession
from dcarbon.db.work_orders import WorkOrder
from dcarbon.domain import admin_status, authorization_steps, texts
from dcarbon.domain.admin_status import AdminStatus
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.authorization_steps import BY_PROVIDER, EVENTS
from dcarbon.domain.states import AuthStatus
from dcarbon.services import authorization_endings, provider_change, role_names
from dcarbon.services.actors import Actor

SYSTEM_NAME = "DCarbon"
PROVIDER_NAME = "The provider"
UNKNOWN_NAME = "Somebody who is no longer known here"
_ATTEMPTED = {
    AuditEvent.AUTHORIZATION_STARTED,
    AuditEvent.AUTHORIZATION_CREATED,
    AuditEvent.AUTHORIZATION_FAILED,
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step. ``status`` is the state it led to, ``None`` where that did not change."""

    at: datetime
    status: AdminStatus | None
    title: str
    reason: str
    code: str | None
    who: str
    attempt: int | None
    """Number of the attempt at the utility, from 1."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way to the utility's page and back. ``code`` is ``None`` for one that went well."""

    id: UUID
    number: int
    who: str
    started_at: datetime
    expires_at: datetime
    came_back_at: datetime | None
    code: str | None
    words: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """Both newest first."""

    steps: tuple[Step, ...]
    attempts: tuple[Attempt, ...]


def of(session: Session, row: Authorization, *, actor: Actor) -> Timeline:
    """Return the whole timeline. The caller has checked that the actor may see it."""
    entries = session.scalars(
        select(AuditEntry)
        .where(AuditEntry.authorization_id == row.id, AuditEntry.event.in_(EVENTS))
        .order_by(AuditEntry.seq)
    ).all()
    tried = session.scalars(
        select(AuthorizationSession)
        .where(AuthorizationSession.authorization_id == row.id)
        .order_by(AuthorizationSession.id)
    ).all()
    people = {*(entry.actor_id for entry in entries), *(one.person_id for one in tried)}
    names = role_names.of(
        session, people | {row.requested_by}, facility_id=row.facility_id, actor=actor
    )
    reader = _Reader(row, tried, names, _typed(session, row.id))
    steps = sorted([*reader.told(entries), *reader.untold(entries)], key=lambda step: step.at)
    attempts = [reader.attempt(number, one) for number, one in enumerate(tried, 1)]
    return Timeline(tuple(steps[::-1]), tuple(attempts[::-1]))


@dataclass(frozen=True, slots=True)
class _Reader:
    row: Authorization
    tried: Sequence[AuthorizationSession]
    names: dict[UUID, str]
    typed: str
    """Why a person ended it, in their words."""

    def told(self, entries: Sequence[AuditEntry]) -> Iterator[Step]:
        """Return what the log tells, oldest first."""
        for entry in entries:
            words = authorization_steps.of(entry.event, entry.details)
            reason, status = words.reason, words.status
            if entry.event == AuditEvent.AUTHORIZATION_REVOKED:
                if self.typed and entry.actor_id:
                    reason = f"{reason} Reason given: “{self.typed}”"
                if status is AdminStatus.ENDING and not self._was_told(entries):
                    status = admin_status.status_of(self.row.status, self.row.reason_code)
            yield Step(
                at=entry.at,
                status=status,
                title=words.title,
                reason=reason,
                code=words.code,
                who=self._who(entry),
                attempt=self._number(entry) if entry.event in _ATTEMPTED else None,
            )

    def untold(self, entries: Sequence[AuditEntry]) -> Iterator[Step]:
        """Return the first and the present state where the log has no entry of them: those older
        than what is kept of it.
        """
        row = self.row
        if not entries or entries[0].at > row.created_at:
            who = self._name(row.requested_by) if row.requested_by else SYSTEM_NAME
            yield Step(
                row.created_at, AdminStatus.PENDING, "Authorization opened", "", None, who, None
            )
        status = admin_status.status_of(row.status, row.reason_code)
        is_told = any(EVENTS[AuditEvent(one.event)] for one in entries)
        if not is_told and row.status != AuthStatus.PENDING:
            label, code = admin_status.LABELS[status], row.reason_code
            yield Step(row.status_at, status, label, row.reason or "", code, SYSTEM_NAME, None)

    def attempt(self, number: int, one: AuthorizationSession) -> Attempt:
        text = texts.of(one.error_code) if one.error_code else None
        return Attempt(
            id=one.id,
            number=number,
            who=self._name(one.person_id),
            started_at=one.created_at,
            expires_at=one.expires_at,
            came_back_at=one.consumed_at,
            code=one.error_code,
            words=text.what_happened if text else "",
        )

    def _was_told(self, entries: Sequence[AuditEntry]) -> bool:
        """Say whether the provider had to be told of the end, and whether it is known how."""
        ended = AuditEvent.AUTHORIZATION_ENDED_AT_PROVIDER
        return any(one.event == ended for one in entries)

    def _who(self, entry: AuditEntry) -> str:
        if entry.details.get("by") == BY_PROVIDER:
            return PROVIDER_NAME
        return self._name(entry.actor_id) if entry.actor_id else SYSTEM_NAME

    def _name(self, person_id: UUID) -> str:
        return self.names.get(person_id, UNKNOWN_NAME)

    def _number(self, entry: AuditEntry) -> int | None:
        """Return which attempt an entry is of: the one it names, else the last begun before."""
        named = entry.details.get("attempt")
        number = None
        for place, one in enumerate(self.tried, 1):
            if named == str(one.id):
                return place
            if one.created_at <= entry.at:
                number = place
        return number


def _typed(session: Session, authorization_id: UUID) -> str:
    """Return the reason a person typed when ending it: it is kept with the order alone, for words
    of people do not go into the log.
    """
    order = session.scalar(
        select(WorkOrder)
        .where(WorkOrder.authorization_id == authorization_id, WorkOrder.kind == "revoke")
        .order_by(WorkOrder.id)
        .limit(1)
    )
    if order is None or order.requested_by is None:
        return ""
    unsaid = {authorization_endings.UNSAID, provider_change.UNSAID}
    return "" if order.reason in unsaid else order.reason
