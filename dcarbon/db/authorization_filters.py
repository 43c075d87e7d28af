"""Which authorizations administrators look for: filters as conditions on ``authorizations``.

Words are looked up where they stand, in lower-cased columns with trigram indexes, not in a join of
all three tables.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import CTE, ColumnElement, and_, case, func, or_, select
from sqlalchemy.orm import aliased

from dcarbon.db.authorizations import Authorization
from dcarbon.db.facilities import Facility, FacilityRole
from dcarbon.db.people import Person
from dcarbon.domain.admin_status import (
    ENDING_CODE,
    LATE_AFTER,
    STORED,
    STUCK,
    WAITING_FOR_A_PERSON,
    AdminStatus,
    Collecting,
)

MOST_WORDS = 5


@dataclass(frozen=True, slots=True)
class Filters:
    """What is to be listed; what is left out matches everything. ``text``: all its words."""

    method: str | None = None
    provider: str | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """Which statuses and which ways of collecting; empty: all of them."""

    statuses: frozenset[AdminStatus] = frozenset()
    collecting: frozenset[Collecting] = frozenset()
    needs_person: bool = False


def status_rank() -> ColumnElement[int]:
    """Return the status as its place in :class:`AdminStatus`."""
    row = Authorization
    is_ending = and_(row.status == "revoked", row.reason_code == ENDING_CODE)
    statuses = tuple(AdminStatus)
    by_word = {
        stored.value: statuses.index(word)
        for word, stored in STORED.items()
        if word is not AdminStatus.ENDING
    }
    return case(
        (is_ending, statuses.index(AdminStatus.ENDING)),
        *((row.status == stored, rank) for stored, rank in by_word.items()),
    )


def collecting_rank(now: datetime) -> ColumnElement[int]:
    """Return how collecting goes as its place in :class:`Collecting`."""
    row, ways = Authorization, tuple(Collecting)
    last_sign = func.coalesce(row.last_sync, row.authorized_at, row.created_at)
    return case(
        (row.status != "authorized", ways.index(Collecting.OFF)),
        (row.sync_health == "blocked", ways.index(Collecting.BLOCKED)),
        (row.sync_health == "delayed", ways.index(Collecting.DELAYED)),
        (last_sign < now - LATE_AFTER, ways.index(Collecting.LATE)),
        else_=ways.index(Collecting.OK),
    )


def kept_of(
    kept: Kept, *, status: ColumnElement[int], collecting: ColumnElement[int]
) -> list[ColumnElement[bool]]:
    """Return the conditions on the two ranks."""
    found: list[ColumnElement[bool]] = []
    statuses, ways = tuple(AdminStatus), tuple(Collecting)
    if kept.statuses:
        found.append(status.in_(sorted(statuses.index(word) for word in kept.statuses)))
    if kept.collecting:
        found.append(collecting.in_(sorted(ways.index(way) for way in kept.collecting)))
    if kept.needs_person:
        urgent = or_(
            status.in_(sorted(statuses.index(word) for word in WAITING_FOR_A_PERSON)),
            collecting.in_(sorted(ways.index(way) for way in STUCK)),
        )
        found.append(urgent)
    return found


def matching(filters: Filters) -> list[ColumnElement[bool]]:
    """Return the conditions of the filters."""
    row = Authorization
    found: list[ColumnElement[bool]] = []
    if filters.method:
        found.append(row.method == filters.method)
    if filters.provider:
        found.append(row.provider == filters.provider)
    if filters.created_from:
        found.append(row.created_at >= filters.created_from)
    if filters.created_before:
        found.append(row.created_at < filters.created_before)
    words, utilities = filters.text.split()[:MOST_WORDS], _utilities()
    return found + [_names(word, number, utilities) for number, word in enumerate(words)]


def _names(word: str, number: int, known: CTE) -> ColumnElement[bool]:
    """Say that a word is part of a name, an address or a utility, or begins an identifier."""
    row = Authorization
    escaped = re.sub(r"([/%_])", r"/\1", word)
    pattern = func.lower(f"%{escaped}%")
    people = (
        select(Person.id).where(Person.found_by.like(pattern, escape="/")).cte(f"people_{number}")
    )
    at_facility = select(FacilityRole.facility_id).join(
        people, people.c.id == FacilityRole.person_id
    )
    facilities = select(Facility.id).where(Facility.found_by.like(pattern, escape="/"))
    utilities = select(known.c.utility).where(func.lower(known.c.utility).like(pattern, escape="/"))
    either: list[ColumnElement[bool]] = [
        row.facility_id.in_(facilities.union_all(at_facility)),
        row.requested_by.in_(select(people.c.id)),
        row.utility.in_(utilities),
        row.external_id.like(f"{escaped}%", escape="/"),
    ]
    identity = _uuid_of(word)
    if identity is not None:
        either += [row.id == identity, row.facility_id == identity]
    return or_(*either)


def _utilities() -> CTE:
    """Select each utility once: from one to the next along the index, not through all rows."""
    row = aliased(Authorization)
    known = select(func.min(row.utility).label("utility")).cte("utilities", recursive=True)
    following = select(func.min(row.utility)).where(row.utility > known.c.utility).scalar_subquery()
    return known.union_all(select(following).where(known.c.utility.is_not(None)))


def _uuid_of(word: str) -> UUID | None:
    try:
        return UUID(word)
    except ValueError:
        return None
