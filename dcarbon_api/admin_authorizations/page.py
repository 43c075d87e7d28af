"""What the list of all authorizations shows beside its rows: counts, columns, filters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import url_for
from sqlalchemy.orm import Session

from dcarbon.domain.admin_status import COLLECTING_LABELS, LABELS, AdminStatus, Collecting
from dcarbon.services import authorization_lists, bulk_progress
from dcarbon.services.actors import Actor
from dcarbon.services.authorization_lists import AuthorizationList, Sort, Tally
from dcarbon.services.runtime import Runtime
from dcarbon_api.admin_authorizations import places
from dcarbon_api.admin_authorizations.messages import NEWEST_FIRST, AuthorizationsQuery
from dcarbon_api.words import METHODS

INDEX = "admin_authorizations.index"
_COLUMNS = (
    (Sort.USER, "User"),
    (Sort.FACILITY, "Facility"),
    (Sort.UTILITY, "Utility"),
    (Sort.METHOD, "Method"),
    (Sort.STATUS, "Status"),
    (Sort.CREATED, "Created"),
    (Sort.LAST_SYNC, "Last sync"),
    (Sort.HEALTH, "Sync health"),
)
_LATEST_FIRST = frozenset({Sort.CREATED, Sort.LAST_SYNC})
"""What one looks for here is rather the latest than the first."""


@dataclass(frozen=True, slots=True)
class Count:
    """How many there are of a kind, and where they are listed."""

    label: str
    count: int
    url: str
    is_here: bool
    look: str
    """Colour and sign: ``bad``, ``wait``, ``good`` or ``calm``."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column with the way to sort by it. ``order`` is what ``aria-sort`` says of it."""

    label: str
    url: str
    order: str | None


@dataclass(frozen=True, slots=True)
class Index:
    """The page."""

    query: AuthorizationsQuery
    found: AuthorizationList
    needs_person: tuple[Count, ...]
    others: tuple[Count, ...]
    columns: tuple[Column, ...]
    providers: dict[str, str]
    kept: dict[str, Any]
    next_url: str | None
    first_url: str | None
    unfinished: tuple[Any, ...]


def index(session: Session, query: AuthorizationsQuery, *, runtime: Runtime, actor: Actor) -> Index:
    """Return what the template wants. Others than administrators get :class:`NotFound`."""
    found = authorization_lists.listing(session, query.wanted(), actor=actor, now=runtime.now())
    kept = query.state()
    following = places.written(found.after, query.sort_key) if found.after else None
    return Index(
        query=query,
        found=found,
        needs_person=tuple(_urgent(query, found.tally)),
        others=tuple(_others(query, found.tally)),
        columns=tuple(_column(query, sort, label) for sort, label in _COLUMNS),
        providers=provider_names(runtime),
        kept=kept,
        next_url=url_for(INDEX, **kept, after=following) if following else None,
        first_url=url_for(INDEX, **kept) if query.after else None,
        unfinished=tuple(bulk_progress.unfinished(session, actor=actor)),
    )


def provider_names(runtime: Runtime) -> dict[str, str]:
    """Return the providers one can filter by, as people know them, by their keys."""
    known = {profile.key: profile.known_as for profile in runtime.providers.green_button()}
    return {**known, "utilityapi": METHODS["utilityapi"]}


def _urgent(query: AuthorizationsQuery, tally: Tally) -> Iterable[Count]:
    """What stays as it is until somebody acts: all of it, then each kind."""
    is_all = query.needs_person
    url = url_for(INDEX, **_only(query, needs_person=None if is_all else True))
    yield Count("Need a person", tally.needs_person, url, is_all, "bad")
    for status in (AdminStatus.FAILED, AdminStatus.NEEDS_REAUTHORIZATION):
        yield _of_status(query, tally, status, "bad")
    for collecting in (Collecting.BLOCKED, Collecting.LATE):
        yield _of_collecting(query, tally, collecting, "bad")


def _others(query: AuthorizationsQuery, tally: Tally) -> Iterable[Count]:
    """What goes on by itself, and what is over."""
    yield _of_status(query, tally, AdminStatus.PENDING, "wait")
    yield _of_collecting(query, tally, Collecting.DELAYED, "wait")
    yield _of_status(query, tally, AdminStatus.ENDING, "wait")
    yield _of_status(query, tally, AdminStatus.ACTIVE, "good")
    yield _of_status(query, tally, AdminStatus.REVOKED, "calm")


def _of_status(query: AuthorizationsQuery, tally: Tally, status: AdminStatus, look: str) -> Count:
    is_here = query.status is status
    url = url_for(INDEX, **_only(query, status=None if is_here else status.value))
    return Count(LABELS[status], tally.by_status[status], url, is_here, look)


def _of_collecting(
    query: AuthorizationsQuery, tally: Tally, collecting: Collecting, look: str
) -> Count:
    is_here = query.sync_health is collecting
    url = url_for(INDEX, **_only(query, sync_health=None if is_here else collecting.value))
    return Count(COLLECTING_LABELS[collecting], tally.by_collecting[collecting], url, is_here, look)


def _only(query: AuthorizationsQuery, **one: Any) -> dict[str, Any]:
    """Return the state with this one of the three ways to narrow it down by urgency."""
    return query.state(**{"status": None, "sync_health": None, "needs_person": None, **one})


def _column(query: AuthorizationsQuery, sort: Sort, label: str) -> Column:
    is_here = query.sort_key is sort
    is_descending = not query.is_descending if is_here else sort in _LATEST_FIRST
    wanted = f"-{sort.value}" if is_descending else sort.value
    url = url_for(INDEX, **query.state(sort=None if wanted == NEWEST_FIRST else wanted))
    order = ("descending" if query.is_descending else "ascending") if is_here else None
    return Column(label, url, order)
