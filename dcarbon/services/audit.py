"""The one way to write an audit entry: in the transaction of the change it tells of."""

from __future__ import annotations

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
    entry = NewEntry(
        at=at,
        event=event.value,
        actor_kind=actor.kind,
        actor_id=actor.person_id,
        facility_id=facility_id,
        authorization_id=authorization_id,
        ip=actor.ip,
        details=details,
    )
    # What changed is locked before the log is: the other way round, two changes of the same row
    # could wait for each other for ever.
    session.flush()
    audit_chain.append(session, [entry])
