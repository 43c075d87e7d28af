"""What happened at a facility, for its people: the audit log's entries about it, in plain words.

People see who did something by the name they may know them by, and the address only of what they
did themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from dcarbon.db import audit_search as db
from dcarbon.db.audit import AuditEntry
from dcarbon.db.audit_search import Wanted
from dcarbon.domain import audit_details, audit_words
from dcarbon.domain.audit_words import EventWords, Group
from dcarbon.services import facilities, role_names
from dcarbon.services.actors import Actor

DCARBON = "DCarbon"
"""Who did what nobody asked for."""
_NOBODY_KNOWN = "somebody who was here before"


@dataclass(frozen=True, slots=True)
class Happening:
    """One event at a facility. ``facts`` are pairs of label and text."""

    seq: int
    at: datetime
    event: str
    words: EventWords
    who: str
    is_self: bool
    ip: str | None
    authorization_id: UUID | None
    facts: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Activity:
    """Events, the newest first. ``next_after`` is the last one's number while there are more."""

    facility_id: UUID
    facility_name: str
    time_zone: str
    happenings: Sequence[Happening]
    next_after: int | None


def of_facility(
    session: Session,
    facility_id: UUID,
    *,
    actor: Actor,
    group: Group | None = None,
    after: int | None = None,
    limit: int = 50,
) -> Activity:
    """Return events of one group or all, beginning after the one with the number ``after``.

    Somebody else's facility is :class:`NotFound`.
    """
    facility = facilities.get(session, facility_id, actor=actor)
    events = None if group is None else audit_words.events_about(group)
    wanted = Wanted(events=events, facility_ids=[facility_id])
    zone = ZoneInfo(facility.time_zone)
    rows = db.page(session, wanted, after=after, limit=limit + 1)
    shown = rows[:limit]
    names = role_names.of(
        session, [row.actor_id for row in shown], facility_id=facility_id, actor=actor
    )
    return Activity(
        facility_id=facility_id,
        facility_name=facility.name,
        time_zone=facility.time_zone,
        happenings=[_happening(row, names, actor, zone) for row in shown],
        next_after=shown[-1].seq if len(rows) > limit else None,
    )


def _happening(row: AuditEntry, names: dict[UUID, str], actor: Actor, zone: ZoneInfo) -> Happening:
    is_self = row.actor_id is not None and row.actor_id == actor.person_id
    is_told = is_self or actor.is_admin
    return Happening(
        seq=row.seq,
        at=row.at,
        event=row.event,
        words=audit_words.of(row.event),
        who=names.get(row.actor_id, _NOBODY_KNOWN) if row.actor_id else DCARBON,
        is_self=is_self,
        ip=str(row.ip) if is_told and row.ip is not None else None,
        authorization_id=row.authorization_id,
        facts=audit_details.facts_of(row.details, zone),
    )
