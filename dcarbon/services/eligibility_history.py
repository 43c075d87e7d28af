"""What was chosen for a channel before and by whom, from the audit log, where it cannot change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcarbon.db.audit import AuditEntry
from dcarbon.domain import eligibility as rules
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.eligibility import Rule
from dcarbon.services import eligibility, meters, role_names
from dcarbon.services.actors import Actor


@dataclass(frozen=True, slots=True)
class Choice:
    """One choice in the history of a channel, from the audit log."""

    at: datetime
    by: str | None
    before: str | None
    after: str
    rule: Rule | None


def of_channel(session: Session, channel_id: UUID, *, actor: Actor) -> list[Choice]:
    """Return every choice made for a channel, newest first."""
    meter = meters.get(session, eligibility.meter_of(session, channel_id), actor=actor)
    entries = session.scalars(
        select(AuditEntry)
        .where(
            AuditEntry.facility_id == meter.facility_id,
            AuditEntry.event == AuditEvent.CHANNEL_ELIGIBILITY_CHOSEN,
            AuditEntry.details["channel"].astext == str(channel_id),
        )
        .order_by(AuditEntry.seq.desc())
    ).all()
    choosers = [entry.actor_id for entry in entries]
    names = role_names.of(session, choosers, facility_id=meter.facility_id, actor=actor)
    return [
        Choice(
            entry.at,
            names.get(entry.actor_id) if entry.actor_id else None,
            entry.details["before"],
            entry.details["after"],
            rules.RULES.get(entry.details["rule"]),
        )
        for entry in entries
    ]
