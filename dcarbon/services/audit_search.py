"""Searching the audit log, for administrators: what they type, and entries with names beside ids.

Names are those of today: entries hold references only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcarbon.db import audit_search as db
from dcarbon.db.audit import AuditEntry
from dcarbon.db.audit_search import Wanted, Word
from dcarbon.db.authorizations import Authorization
from dcarbon.db.facilities import Facility
from dcarbon.db.people import Person
from dcarbon.domain import audit_words, ranges
from dcarbon.domain.audit_words import EventWords
from dcarbon.domain.errors import InvalidInput, NotFound
from dcarbon.services.actors import Actor

SYSTEM = "system"
"""What is typed for a person to find what DCarbon did by itself."""
_UTC = ZoneInfo("UTC")
_MOST_WORDS = 8


@dataclass(frozen=True, slots=True)
class Wish:
    """What is looked for, as typed; an empty text is any.

    ``event``: names of events or groups, with commas between. ``person``: part of a name or
    address, an id, or ``system``. ``facility``: part of a name, or an id. ``authorization``: an id,
    or the provider's. ``ip``: an address or a network. ``start``, ``end``: a date (UTC midnight) or
    an instant, half-open. ``text``: beginnings of words in the details or in the words of events.
    """

    event: str = ""
    person: str = ""
    facility: str = ""
    authorization: str = ""
    ip: str = ""
    start: str = ""
    end: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class EntryView:
    """One entry. A name is ``None`` where there is none, or no such row any more."""

    seq: int
    at: datetime
    event: str
    words: EventWords
    actor_kind: str
    actor_id: UUID | None
    actor_name: str | None
    facility_id: UUID | None
    facility_name: str | None
    authorization_id: UUID | None
    utility: str | None
    ip: str | None
    details: Mapping[str, Any]
    previous_hash: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Entries, the newest first. ``next_after`` is the last one's number while there are more."""

    entries: Sequence[EntryView]
    next_after: int | None


def page(
    session: Session, wish: Wish, *, actor: Actor, after: int | None = None, limit: int = 50
) -> AuditPage:
    """Return entries, the newest first, beginning after the one with the number ``after``.

    Raises :class:`InvalidInput`: ``event_unknown``, ``ip_unreadable``, ``too_many_named``,
    ``search_too_long``, ``time_unreadable``, ``time_naive``, ``range_reversed``, ``range_absurd``.
    """
    wanted = read(session, wish, actor=actor)
    rows = db.page(session, wanted, after=after, limit=limit + 1)
    more = len(rows) > limit
    shown = rows[:limit]
    return AuditPage(views_of(session, shown), shown[-1].seq if more else None)


def read(session: Session, wish: Wish, *, actor: Actor) -> Wanted:
    """Return what a wish means today. Raises as :func:`page`; :class:`NotFound` for others than
    administrators.
    """
    if not actor.is_admin:
        raise NotFound("the audit log is for administrators")
    start, end = _instant(wish.start, "The start"), _instant(wish.end, "The end")
    if start and end and start >= end:
        raise InvalidInput("start is not before end", code="range_reversed")
    is_system = wish.person.casefold() == SYSTEM
    return Wanted(
        events=_events(wish.event),
        person_ids=None if is_system else _named(session, wish.person, db.people_named),
        is_system=is_system,
        facility_ids=_named(session, wish.facility, db.facilities_named),
        authorization_ids=_named(session, wish.authorization, db.authorizations_known_as),
        network=_network(wish.ip),
        start=start,
        end=end,
        words=_words(wish.text),
    )


def views_of(session: Session, rows: Sequence[AuditEntry]) -> list[EntryView]:
    """Return entries with the names of what they refer to."""
    people = _people(session, {row.actor_id for row in rows if row.actor_id})
    facilities = _names(
        session, Facility.id, Facility.name, {row.facility_id for row in rows if row.facility_id}
    )
    utilities = _names(
        session,
        Authorization.id,
        Authorization.utility,
        {row.authorization_id for row in rows if row.authorization_id},
    )
    return [
        EntryView(
            seq=row.seq,
            at=row.at,
            event=row.event,
            words=audit_words.of(row.event),
            actor_kind=row.actor_kind,
            actor_id=row.actor_id,
            actor_name=people.get(row.actor_id) if row.actor_id else None,
            facility_id=row.facility_id,
            facility_name=facilities.get(row.facility_id) if row.facility_id else None,
            authorization_id=row.authorization_id,
            utility=utilities.get(row.authorization_id) if row.authorization_id else None,
            ip=str(row.ip) if row.ip is not None else None,
            details=row.details,
            previous_hash=row.previous_hash,
            hash=row.hash,
        )
        for row in rows
    ]


def _events(text: str) -> frozenset[str] | None:
    asked = {part.strip() for part in text.split(",")} - {""}
    if not asked:
        return None
    found = {one: audit_words.known_as(one) for one in asked}
    if not all(found.values()):
        raise InvalidInput("no such event", code="event_unknown")
    return frozenset(event.value for events in found.values() for event in events)


def _named(
    session: Session, text: str, found_by: Callable[[Session, str], list[UUID]]
) -> Collection[UUID] | None:
    if not text:
        return None
    try:
        # An id is looked for as it is: what it stood for may be gone, its entries are not.
        return [UUID(text)]
    except ValueError:
        found = found_by(session, text)
    if len(found) > db.MOST_NAMED:
        raise InvalidInput("a name of too many", code="too_many_named")
    return found


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text, strict=False) if text else None
    except ValueError as error:
        raise InvalidInput("no address", code="ip_unreadable") from error


def _instant(text: str, name: str) -> datetime | None:
    return ranges.parse_instant(text, zone=_UTC, name=name) if text else None


def _words(text: str) -> tuple[Word, ...]:
    parts = [part for part in text.split() if any(map(str.isalnum, part))][:_MOST_WORDS]
    return tuple(
        Word(part, [event.value for event in audit_words.mentioning(part)]) for part in parts
    )


def _people(session: Session, ids: Collection[UUID]) -> dict[UUID, str]:
    found = session.scalars(select(Person).where(Person.id.in_(ids), Person.erased_at.is_(None)))
    return {one.id: one.name or one.email for one in found}


def _names(session: Session, key: Any, name: Any, ids: Collection[UUID]) -> dict[UUID, str]:
    return {one: str(text) for one, text in session.execute(select(key, name).where(key.in_(ids)))}
