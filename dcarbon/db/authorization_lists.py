"""Authorizations as administrators list them: sorted by any column, paged by key, counted.

A page is found in two ways. Sorted by user or facility with many matches, the index of that column
is walked until the page is full. Otherwise the matches are gathered first and then sorted: with few
matches a walk could pass by everything before it finds them (decision 18).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    ColumnElement,
    Select,
    and_,
    func,
    literal,
    null,
    or_,
    select,
    text,
    union_all,
)
from sqlalchemy.orm import Session

from dcarbon.db.authorization_filters import (
    Filters,
    Kept,
    collecting_rank,
    kept_of,
    matching,
    status_rank,
)
from dcarbon.db.authorizations import Authorization
from dcarbon.db.facilities import Facility
from dcarbon.db.people import Person
from dcarbon.domain.admin_status import STORED, AdminStatus, Collecting

FEW = 20_000
"""So many matches are gathered and sorted faster than a walk of the index may take to find them."""
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands for the last sync where there was none, so that it sorts before all others."""
_PLANNING = text(
    "select set_config('plan_cache_mode', 'force_custom_plan', true),"
    " set_config('jit', 'off', true), set_config('work_mem', '32MB', true)"
)
"""A plan made for any filter fits none, and compiling one takes longer than carrying it out."""


class Sort(StrEnum):
    """What a list is sorted by."""

    USER = "user"
    FACILITY = "facility"
    UTILITY = "utility"
    METHOD = "method"
    STATUS = "status"
    CREATED = "created"
    LAST_SYNC = "last_sync"
    HEALTH = "health"


BY_NAME = frozenset({Sort.USER, Sort.FACILITY})
"""Sorted by what is personal: a place in such a list is named by its authorization alone."""


@dataclass(frozen=True, slots=True)
class Order:
    """By what a list is sorted, and which way."""

    sort: Sort
    is_descending: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """The last authorization of a page, with what it was sorted by, ``None`` in a list by name."""

    authorization_id: UUID
    key: Any = None


Tallies = dict[tuple[AdminStatus, Collecting], int]
_Rows = Select[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Listed:
    """One authorization of a list with who asked for it and its facility."""

    authorization: Authorization
    facility_name: str
    time_zone: str
    person_name: str | None
    person_email: str | None


def plan_for_lists(session: Session) -> None:
    """Have the server plan each list of this transaction for its own filters."""
    session.execute(_PLANNING)


def tallies(session: Session, filters: Filters, *, now: datetime) -> Tallies:
    """Return how many match, by status and by how collecting goes."""
    status, collecting = status_rank(), collecting_rank(now)
    counted = (
        select(status, collecting, func.count())
        .where(*matching(filters))
        .group_by(status, collecting)
    )
    return _tallied([(*row,) for row in session.execute(counted)])


def page(
    session: Session,
    filters: Filters,
    kept: Kept,
    *,
    order: Order,
    after: Place | None,
    limit: int,
    matches: int,
    now: datetime,
) -> list[Place]:
    """Return up to ``limit`` places after ``after``, in order; ties by id. ``matches``: how many
    there are in all, by :func:`tallies`.
    """
    ranks = kept_of(kept, status=status_rank(), collecting=collecting_rank(now))
    # The stored words too: they are counted by the server's statistics, a rank is not.
    stored = sorted({STORED[word] for word in kept.statuses})
    found = [*matching(filters), *ranks]
    found += [Authorization.status.in_(stored)] if stored else []
    part = _Part(order, _start(session, order, after), limit)
    if order.sort not in BY_NAME:
        identity, key = Authorization.id, _key(order.sort, now)
        statement = part.cut(select(identity, key).where(*found), identity, key)
        return [Place(*row) for row in session.execute(statement)]
    if matches > FEW:
        statement = part.walked(found)
    else:
        statement = part.cut(*_with_names(_gathered(found, order, now=now), order))
    return [Place(row[0]) for row in session.execute(statement)]


def counted_page(
    session: Session,
    filters: Filters,
    kept: Kept,
    *,
    order: Order,
    after: Place | None,
    limit: int,
    now: datetime,
) -> tuple[Tallies, list[Place]]:
    """Return what :func:`tallies` and :func:`page` do, looking for the matches once: for words,
    which take longer to look for than the rest.
    """
    gathered = _gathered(matching(filters), order, now=now)
    status, collecting = gathered.c.status, gathered.c.collecting
    counted = select(status, collecting, func.count(), null(), null()).group_by(status, collecting)
    part = _Part(order, _start(session, order, after), limit)
    listed, identity, key = _with_names(gathered, order)
    listed = listed.where(*kept_of(kept, status=status, collecting=collecting))
    cut = part.cut(listed, identity, key).subquery()
    # Numbered after the cut: numbering all matches would have to sort them all.
    number = part.position(cut.c[0], cut.c[1])
    both = union_all(counted, select(null(), null(), number, cut.c[0], cut.c[1]))
    found = [(*row,) for row in session.execute(both)]
    by_name = order.sort in BY_NAME
    places = sorted((row[2:] for row in found if row[0] is None), key=lambda row: row[0])
    return (
        _tallied([row[:3] for row in found if row[0] is not None]),
        [Place(at, None if by_name else key) for _, at, key in places],
    )


def rows(session: Session, authorization_ids: Sequence[UUID]) -> list[Listed]:
    """Return these authorizations with what a list shows of them, in the order given."""
    found = session.execute(
        select(Authorization, Facility.name, Facility.time_zone, Person.name, Person.email)
        .join(Facility, Facility.id == Authorization.facility_id)
        .outerjoin(Person, Person.id == Authorization.requested_by)
        .where(Authorization.id.in_(authorization_ids))
    )
    by_id = {row[0].id: Listed(*row) for row in found}
    return [by_id[each] for each in authorization_ids if each in by_id]


@dataclass(frozen=True, slots=True)
class _Part:
    """Which part of an order is wanted: what comes after ``start``, a key and an id."""

    order: Order
    start: tuple[Any, UUID] | None
    limit: int

    def walked(self, found: Sequence[ColumnElement[bool]]) -> _Rows:
        """Select by walking the index of the names; those without a person are added apart."""
        row = Authorization
        if self.order.sort is Sort.FACILITY:
            named = select(row.id, Facility.found_by)
            named = named.join(Facility, Facility.id == row.facility_id).where(*found)
            return self.cut(named, row.id, Facility.found_by)
        named = select(row.id, Person.email.label("key"))
        named = named.join(Person, Person.id == row.requested_by).where(*found)
        key = literal("").label("key")
        nobody = select(row.id, key).where(row.requested_by.is_(None), *found)
        both = union_all(
            self.cut(named, row.id, Person.email).subquery().select(),
            self.cut(nobody, row.id, key).subquery().select(),
        ).subquery()
        return self.cut(select(both.c.id, both.c.key), both.c.id, both.c.key)

    def cut(self, listed: _Rows, identity: Any, key: Any) -> _Rows:
        """Return the part of what is selected, in order."""
        if self.start is not None:
            listed = listed.where(self._is_after(identity, key))
        return listed.order_by(*self._order(identity, key)).limit(self.limit)

    def position(self, identity: Any, key: Any) -> ColumnElement[int]:
        """Return the place in the order, from 1."""
        return func.row_number().over(order_by=self._order(identity, key))

    def _order(self, identity: Any, key: Any) -> tuple[Any, Any]:
        if self.order.is_descending:
            return key.desc(), identity.desc()
        return key, identity

    def _is_after(self, identity: Any, key: Any) -> ColumnElement[bool]:
        """Say what comes after the start. The first condition is the one an index answers."""
        assert self.start is not None
        start, at = self.start
        if self.order.is_descending:
            return and_(key <= start, or_(key < start, identity < at))
        return and_(key >= start, or_(key > start, identity > at))


def _gathered(found: Sequence[ColumnElement[bool]], order: Order, *, now: datetime) -> CTE:
    """Select what fits with all that is sorted and counted by, once and for all."""
    row = Authorization
    key = null() if order.sort in BY_NAME else _key(order.sort, now)
    return (
        select(
            row.id,
            row.facility_id,
            row.requested_by,
            key.label("key"),
            status_rank().label("status"),
            collecting_rank(now).label("collecting"),
        )
        .where(*found)
        .cte("gathered")
        .prefix_with("materialized")
    )


def _with_names(gathered: CTE, order: Order) -> tuple[_Rows, Any, Any]:
    """Select id and key of what was gathered, and return both beside it."""
    identity = gathered.c.id
    if order.sort is Sort.FACILITY:
        key: Any = Facility.found_by
        named = select(identity, key).join_from(
            gathered, Facility, Facility.id == gathered.c.facility_id
        )
    elif order.sort is Sort.USER:
        key = func.coalesce(Person.email, "")
        named = select(identity, key).join_from(
            gathered, Person, Person.id == gathered.c.requested_by, isouter=True
        )
    else:
        key = gathered.c.key
        named = select(identity, key)
    return named, identity, key


def _tallied(rows: Sequence[Sequence[Any]]) -> Tallies:
    statuses, ways = tuple(AdminStatus), tuple(Collecting)
    return {(statuses[status], ways[way]): count for status, way, count in rows}


def _start(session: Session, order: Order, after: Place | None) -> tuple[Any, UUID] | None:
    if after is None:
        return None
    key = after.key if order.sort not in BY_NAME else _name_of(session, order.sort, after)
    return key, after.authorization_id


def _key(sort: Sort, now: datetime) -> ColumnElement[Any]:
    row = Authorization
    keys: dict[Sort, ColumnElement[Any]] = {
        Sort.UTILITY: row.utility.expression,
        Sort.METHOD: row.method.expression,
        Sort.STATUS: status_rank(),
        Sort.CREATED: row.created_at.expression,
        Sort.LAST_SYNC: func.coalesce(row.last_sync, _NEVER),
        Sort.HEALTH: collecting_rank(now),
    }
    return keys[sort]


def _name_of(session: Session, sort: Sort, place: Place) -> str:
    """Return by which name an authorization is sorted now; of one that is gone, none."""
    name = Facility.found_by if sort is Sort.FACILITY else Person.email
    found = session.scalar(
        select(name)
        .select_from(Authorization)
        .join(Facility, Facility.id == Authorization.facility_id)
        .outerjoin(Person, Person.id == Authorization.requested_by)
        .where(Authorization.id == place.authorization_id)
    )
    return found or ""
