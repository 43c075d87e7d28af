"""The one way to write an audit entry: in the transaction of the change it tells of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from dcarbon.db import audit_chain
from dcarbon.db.audit_chain import NewEntry
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.services.actors import Actor


def record(
    session: Session,
    event: AuditEvent,
    *,
    actor: Actor,
    at: datetime,
    facility_id: UUID | None = None,
    authorization_id: UUID | None = None,
    **details: object,
) -> None:
    """Append one entry. ``details`` hold references and counts, never secrets or personal data."""
    told = entry(
        event,
        actor=actor,
        at=at,
        facility_id=facility_id,
        authorization_id=authorization_id,
        **details,
    )
    append(session, [told])


def entry(
    event: AuditEvent,
    *,
    actor: Actor,
    at: datetime,
    facility_id: UUID | None = None,
    authorization_id: UUID | None = None,
    **details: object,
) -> NewEntry:
    """Return an entry to be appended."""
    return NewEntry(
        at=at,
        event=event.value,
        actor_kind=actor.kind,
        actor_id=actor.person_id,
        facility_id=facility_id,
        authorization_id=authorization_id,
        ip=actor.ip,
        details=details,
    )


def append(session: Session, entries: Sequence[NewEntry]) -> None:
    """Append entries, in their order, when the session commits: nobody holds the log meanwhile."""
    audit_chain.append(session, entries)
