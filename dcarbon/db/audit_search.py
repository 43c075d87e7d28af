"""Searching the audit log: the newest entries first, a page at a time, by key.

Each filter has an index with the time beside it. What is found is what all filters find; a person
is found by what they did and by what was done about them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network
from typing import Any
from uuid import UUID

from psycopg.errors import QueryCanceled
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    cast,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    tuple_,
    union,
)
from sqlalchemy.dialects.postgresql import INET
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from dcarbon.db.audit import ABOUT, WORDS, AuditEntry
from dcarbon.db.authorizations import Authorization
from dcarbon.db.facilities import Facility
from dcarbon.db.people import Person
from dcarbon.domain.errors import InvalidInput

LONGEST = timedelta(seconds=5)
"""A search that takes longer is ended: it would need a narrower question."""
MOST_NAMED = 200
"""So many people, facilities or authorizations one word may stand for."""


_NEWEST_FIRST = (AuditEntry.at.desc(), AuditEntry.seq.desc())
_PLANNING = {
    # How rare a value is decides the plan, and compiling one takes longer than any of them runs.
    "plan_cache_mode": "force_custom_plan",
    "jit": "off",
    "work_mem": "64MB",
}
_OTHER_WAYS = ("enable_seqscan", "enable_indexscan", "enable_indexonlyscan")
_MANY = 20_000
_SHORT = 3
"""Words shorter than this are looked for whole: too many begin with them."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word looked for in the details, or else in what people read for these events."""

    text: str
    events: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What entries are looked for; ``None`` is any. Times are aware, ``[start, end)``."""

    events: Collection[str] | None = None
    person_ids: Collection[UUID] | None = None
    is_system: bool = False
    facility_ids: Collection[UUID] | None = None
    authorization_ids: Collection[UUID] | None = None
    network: IPv4Network | IPv6Network | None = None
    start: datetime | None = None
    end: datetime | None = None
    words: Sequence[Word] = ()
    last_seq: int | None = None
    """Nothing after this entry."""


def page(
    session: Session,
    wanted: Wanted,
    *,
    after: int | None,
    limit: int,
    longest: timedelta = LONGEST,
) -> list[AuditEntry]:
    """Return entries, the newest first, beginning after the one with the number ``after``.

    Raises :class:`InvalidInput` (``search_too_long``) when the database needs longer than that.
    """
    _set(session, **_PLANNING, statement_timeout=str(longest // timedelta(milliseconds=1)))
    try:
        return _page(session, wanted, after=after, limit=limit)
    except OperationalError as error:
        if isinstance(error.orig, QueryCanceled):
            raise InvalidInput("audit search took too long", code="search_too_long") from error
        raise


def conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    """Return what entries have to meet, for reading them in the order they were written."""
    return [*_every(wanted), or_(*_whose(wanted))]


def people_named(session: Session, text: str) -> list[UUID]:
    """Return the people whose name or address contains a text."""
    named = or_(
        Person.name.icontains(text, autoescape=True), Person.email.icontains(text, autoescape=True)
    )
    return list(session.scalars(select(Person.id).where(named).limit(MOST_NAMED + 1)))


def facilities_named(session: Session, text: str) -> list[UUID]:
    """Return the facilities whose name contains a text."""
    named = Facility.name.icontains(text, autoescape=True)
    return list(session.scalars(select(Facility.id).where(named).limit(MOST_NAMED + 1)))


def authorizations_known_as(session: Session, text: str) -> list[UUID]:
    """Return the authorizations that a provider knows by this identifier (``auth_id``)."""
    known = Authorization.external_id == text
    return list(session.scalars(select(Authorization.id).where(known).limit(MOST_NAMED + 1)))


def last_seq(session: Session) -> int:
    """Return the number of the newest entry, 0 without one."""
    return session.scalar(select(func.max(AuditEntry.seq))) or 0


def _page(session: Session, wanted: Wanted, *, after: int | None, limit: int) -> list[AuditEntry]:
    beyond = _beyond(session, after)
    found = _together(session, wanted, beyond, limit) if _is_mixed(wanted) else None
    if found is None:
        found = list(session.scalars(_newest(wanted, beyond, limit)))
    rows = select(AuditEntry).where(AuditEntry.seq.in_(found))
    return list(session.scalars(rows.order_by(*_NEWEST_FIRST)))


def _newest(
    wanted: Wanted, beyond: Sequence[ColumnElement[bool]], limit: int
) -> Select[tuple[int]]:
    """Select the numbers of the newest entries, by walking an index from its end."""
    keys = [
        select(AuditEntry.at, AuditEntry.seq)
        .where(*_every(wanted), *beyond, alternative)
        .order_by(*_NEWEST_FIRST)
        .limit(limit)
        for alternative in _whose(wanted)
    ]
    # One search per alternative: each comes out of its own index in order, an OR would not.
    found = (
        keys[0] if len(keys) == 1 else union(*(one.subquery().select() for one in keys))
    ).subquery()
    return select(found.c.seq).order_by(found.c.at.desc(), found.c.seq.desc()).limit(limit)


def _is_mixed(wanted: Wanted) -> bool:
    """Say whether how much is found depends on more than one filter, or on words."""
    whose = True if wanted.is_system else wanted.person_ids
    others = (wanted.events, whose, wanted.facility_ids, wanted.authorization_ids, wanted.network)
    when = wanted.start or wanted.end
    return bool(wanted.words) or sum(one is not None for one in (*others, when)) > 1


def _together(
    session: Session, wanted: Wanted, beyond: Sequence[ColumnElement[bool]], limit: int
) -> list[int] | None:
    """Return the numbers of the newest entries by the indexes put together; ``None`` if very many
    entries fit.

    Left to itself the database takes filters for independent, and words it does not know for
    common ones: where nothing fits, it reads the whole log from its end. Where very many do, that
    way is the short one.
    """
    _set(session, **dict.fromkeys(_OTHER_WAYS, "off"))
    found = (
        select(AuditEntry.at, AuditEntry.seq)
        .where(*conditions(wanted), *beyond)
        .limit(_MANY)
        .cte("found")
    )
    counted = select(func.count()).select_from(found).scalar_subquery()
    newest = select(found.c.seq, counted.label("many"))
    ordered = newest.order_by(found.c.at.desc(), found.c.seq.desc()).limit(limit)
    rows = session.execute(ordered).all()
    _set(session, **dict.fromkeys(_OTHER_WAYS, "on"))
    return None if rows and rows[0].many == _MANY else [row.seq for row in rows]


def _set(session: Session, **values: str) -> None:
    """Set parameters of the database until the transaction ends."""
    session.execute(select(*(func.set_config(name, text, True) for name, text in values.items())))


def _beyond(session: Session, after: int | None) -> list[ColumnElement[bool]]:
    if after is None:
        return []
    at = session.scalar(select(AuditEntry.at).where(AuditEntry.seq == after))
    if at is None:
        # It has gone for its age meanwhile, and so have those before it.
        return [false()]
    return [tuple_(AuditEntry.at, AuditEntry.seq) < tuple_(literal(at), literal(after, BigInteger))]


def _every(wanted: Wanted) -> list[ColumnElement[bool]]:
    row = AuditEntry
    found: list[ColumnElement[bool]] = [
        _one_of(column, values)
        for column, values in (
            (row.event, wanted.events),
            (row.facility_id, wanted.facility_ids),
            (row.authorization_id, wanted.authorization_ids),
        )
        if values is not None
    ]
    if wanted.network is not None:
        found.append(_from(wanted.network))
    if wanted.start is not None:
        found.append(row.at >= wanted.start)
    if wanted.end is not None:
        found.append(row.at < wanted.end)
    if wanted.last_seq is not None:
        found.append(row.seq <= wanted.last_seq)
    return found + [_holds(word) for word in wanted.words]


def _from(network: IPv4Network | IPv6Network) -> ColumnElement[bool]:
    first, last = (cast(str(one), INET) for one in (network, network.broadcast_address))
    return (
        AuditEntry.ip == last if network.num_addresses == 1 else AuditEntry.ip.between(first, last)
    )


def _whose(wanted: Wanted) -> list[ColumnElement[bool]]:
    """Return alternatives that each have an index."""
    if wanted.is_system:
        return [AuditEntry.actor_kind == "system"]
    if wanted.person_ids is None:
        return [true()]
    about: ColumnElement[str] = literal_column(ABOUT)
    return [
        _one_of(AuditEntry.actor_id, wanted.person_ids),
        _one_of(about, [str(one) for one in wanted.person_ids]),
    ]


def _one_of(column: Any, values: Collection[Any]) -> ColumnElement[bool]:
    # One value is told apart from several: only then an index gives the newest first.
    found: ColumnElement[bool] = (
        column == next(iter(values)) if len(values) == 1 else column.in_(list(values))
    )
    return found


def _holds(word: Word) -> ColumnElement[bool]:
    quoted = word.text.replace("\\", " ").replace("'", " ")
    mark = ":*" if len(word.text) >= _SHORT else ""
    query = func.to_tsquery(literal_column("'simple'::regconfig"), f"'{quoted}'{mark}")
    in_details: ColumnElement[bool] = literal_column(WORDS).op("@@", is_comparison=True)(query)
    # The cheaper question first: the database asks in this order.
    return or_(_one_of(AuditEntry.event, word.events), in_details) if word.events else in_details
