"""The list of all authorizations against the same list made in Python from every row there is."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from dcarbon.db import authorization_lists as db_lists
from dcarbon.db.authorizations import Authorization, shard_of
from dcarbon.db.base import new_id
from dcarbon.db.facilities import Facility, FacilityRole
from dcarbon.db.people import Person
from dcarbon.domain import admin_status
from dcarbon.domain.admin_status import AdminStatus, Collecting
from dcarbon.domain.errors import NotFound
from dcarbon.services import authorization_lists
from dcarbon.services.actors import Actor
from dcarbon.services.authorization_lists import (
    Filters,
    Kept,
    ListedAuthorization,
    Place,
    Sort,
    Wanted,
)
from dcarbon.services.runtime import Runtime
from tests.integration.conftest import NOW

pytestmark = pytest.mark.database

ADMIN = Actor(None, is_admin=True)
COUNT = 60
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)

KEYS: dict[Sort, Callable[[ListedAuthorization], Any]] = {
    Sort.USER: lambda row: row.person_email or "",
    Sort.FACILITY: lambda row: row.facility_name.lower(),
    Sort.UTILITY: lambda row: row.utility,
    Sort.METHOD: lambda row: row.method,
    Sort.STATUS: lambda row: list(AdminStatus).index(row.status),
    Sort.CREATED: lambda row: row.created_at,
    Sort.LAST_SYNC: lambda row: row.last_sync or _NEVER,
    Sort.HEALTH: lambda row: list(Collecting).index(row.collecting),
}

FILTERS: dict[str, tuple[Wanted, Callable[[ListedAuthorization], bool]]] = {
    "method": (Wanted(Filters(method="utilityapi")), lambda row: row.method == "utilityapi"),
    "provider": (Wanted(Filters(provider="sce")), lambda row: row.provider == "sce"),
    "from": (
        Wanted(Filters(created_from=NOW - timedelta(days=9))),
        lambda row: row.created_at >= NOW - timedelta(days=9),
    ),
    "before": (
        Wanted(Filters(created_before=NOW - timedelta(days=9))),
        lambda row: row.created_at < NOW - timedelta(days=9),
    ),
    "ending": (
        Wanted(kept=Kept(frozenset({AdminStatus.ENDING}))),
        lambda row: row.status is AdminStatus.ENDING,
    ),
    "revoked": (
        Wanted(kept=Kept(frozenset({AdminStatus.REVOKED, AdminStatus.FAILED}))),
        lambda row: row.status in {AdminStatus.REVOKED, AdminStatus.FAILED},
    ),
    "late": (
        Wanted(kept=Kept(collecting=frozenset({Collecting.LATE}))),
        lambda row: row.collecting is Collecting.LATE,
    ),
    "needs_person": (Wanted(kept=Kept(needs_person=True)), lambda row: row.needs_person),
    "name": (Wanted(Filters(text="ZoË")), lambda row: "zoë" in (row.person_name or "").lower()),
    "two_words": (
        Wanted(Filters(text="barn sce")),
        lambda row: "barn" in row.facility_name.lower() and row.provider == "sce",
    ),
    "auth_id": (Wanted(Filters(text="177")), lambda row: (row.auth_id or "").startswith("177")),
    "wildcards_are_letters": (Wanted(Filters(text="%")), lambda row: "%" in row.facility_name),
    "nothing": (Wanted(Filters(text="nobody-here")), lambda row: False),
}


@pytest.fixture
def filled(runtime: Runtime) -> Iterator[Session]:
    """Authorizations of every kind, with many ties; their people share names and facilities."""
    chance = random.Random(7)
    with runtime.sessions.begin() as session:
        people = [
            Person(id=new_id(), email=f"p{n}@example.test", name=name, account_kind="commercial")
            for n, name in enumerate(["Ann", "zoë", "Zoë", "", "Ben"])
        ]
        places = [
            Facility(id=new_id(), name=name, account_kind="commercial")
            for name in ("Barn", "barn 2", "100% Solar", "Älm", "Zinc")
        ]
        session.add_all([*people, *places])
        session.flush()
        session.add_all(_authorization(chance, people, places) for _ in range(COUNT))
    with runtime.sessions() as session:
        yield session


def _authorization(
    chance: random.Random, people: list[Person], places: list[Facility]
) -> Authorization:
    identity, status = new_id(), chance.choice(["failed", "expired", "pending", "revoked"])
    status = chance.choice(["authorized", status])
    provider, method = chance.choice(
        [("pge", "green_button"), ("sce", "green_button"), ("utilityapi", "utilityapi")]
    )
    codes = ["ending_at_provider", "ended_at_provider"] if status == "revoked" else [None]
    synced = chance.choice([None, NOW - timedelta(hours=5), NOW - timedelta(days=3)])
    return Authorization(
        id=identity,
        facility_id=chance.choice(places).id,
        requested_by=chance.choice([*(person.id for person in people), None]),
        method=method,
        provider=provider,
        utility={"pge": "PG&E", "sce": "SCE"}.get(provider, "DEMO"),
        status=status,
        reason_code=chance.choice(codes),
        external_id=chance.choice([None, "1777", "42"]),
        shard=shard_of(identity),
        last_sync=synced if status == "authorized" else None,
        sync_health=chance.choice(["ok", "ok", "delayed", "blocked"]),
        sync_health_since=NOW,
        authorized_at=NOW - timedelta(days=40),
        created_at=NOW - timedelta(days=chance.randrange(20)),
    )


def _everything(session: Session) -> list[ListedAuthorization]:
    """Return every authorization there is, unsorted."""
    ids = [row.id for row in session.query(Authorization)]
    return [authorization_lists.shown(one, now=NOW) for one in db_lists.rows(session, ids)]


def _pages(session: Session, wanted: Wanted) -> Iterator[list[ListedAuthorization]]:
    while True:
        found = authorization_lists.listing(session, wanted, actor=ADMIN, now=NOW)
        yield list(found.rows)
        if found.after is None:
            return
        wanted = replace(wanted, after=found.after)


def test_every_column_both_ways_pages_through_all_of_it_once_and_in_order(
    filled: Session,
) -> None:
    everything = _everything(filled)
    for sort in Sort:
        for is_descending in (False, True):
            key = KEYS[sort]
            expected = sorted(everything, key=lambda row: (key(row), row.id), reverse=is_descending)
            wanted = Wanted(sort=sort, is_descending=is_descending, limit=13)

            pages = list(_pages(filled, wanted))

            found = [row.id for page in pages for row in page]
            assert found == [row.id for row in expected], (sort, is_descending)
            assert [len(page) for page in pages] == [13, 13, 13, 13, 8]


@pytest.mark.parametrize("name", sorted(db_lists.BY_NAME))
def test_walking_the_index_gives_what_gathering_gives(filled: Session, name: Sort) -> None:
    """Which of the two is taken depends on how many match: here both are asked for the same."""
    narrow, kept = Filters(method="green_button"), Kept()
    for is_descending in (False, True):
        found: dict[int, list[UUID]] = {0: [], db_lists.FEW + 1: []}
        for matches, ids in found.items():
            after: Place | None = None
            while True:
                page = db_lists.page(
                    filled,
                    narrow,
                    kept,
                    order=db_lists.Order(name, is_descending),
                    after=after,
                    limit=7,
                    matches=matches,
                    now=NOW,
                )
                ids += [place.authorization_id for place in page]
                if len(page) < 7:
                    break
                after = page[-1]
        walked, gathered = found.values()
        assert walked == gathered
        assert len(walked) == len(set(walked)) > 20


def test_filters_find_what_they_say_and_the_counts_are_right(filled: Session) -> None:
    everything = _everything(filled)
    for name, (wanted, fits) in FILTERS.items():
        expected = {row.id for row in everything if fits(row)}

        found = authorization_lists.listing(
            filled, replace(wanted, limit=COUNT), actor=ADMIN, now=NOW
        )

        assert {row.id for row in found.rows} == expected, name
        assert found.tally.matches == len(expected), name
        assert expected or name == "nothing", f"{name} proves nothing: no row fits it"


def test_counts_say_what_there_is_of_each_kind_whatever_status_is_asked_for(
    filled: Session,
) -> None:
    everything = _everything(filled)
    wanted = Wanted(Filters(method="green_button"), Kept(frozenset({AdminStatus.PENDING})))
    here = [row for row in everything if row.method == "green_button"]

    tally = authorization_lists.listing(filled, wanted, actor=ADMIN, now=NOW).tally

    assert tally.by_status == Counter(row.status for row in here)
    assert tally.by_collecting == Counter(row.collecting for row in here)
    assert tally.total == len(here)
    assert tally.needs_person == sum(row.needs_person for row in here)
    assert tally.matches == sum(row.status is AdminStatus.PENDING for row in here)


def test_a_person_is_found_by_a_role_at_the_facility_too(filled: Session) -> None:
    owner = Person(id=new_id(), email="quinn@example.test", name="", account_kind="commercial")
    place = filled.query(Facility).filter_by(name="Zinc").one()
    filled.add(owner)
    filled.flush()
    filled.add(FacilityRole(facility_id=place.id, person_id=owner.id, role="owner", since=NOW))
    filled.flush()
    wanted = Wanted(Filters(text="quinn@"), limit=COUNT)

    found = authorization_lists.listing(filled, wanted, actor=ADMIN, now=NOW)

    assert {row.facility_name for row in found.rows} == {"Zinc"}


def test_an_id_of_ours_finds_its_authorization(filled: Session) -> None:
    one = _everything(filled)[0]
    wanted = Wanted(Filters(text=str(one.id)))

    found = authorization_lists.listing(filled, wanted, actor=ADMIN, now=NOW)

    assert [row.id for row in found.rows] == [one.id]


def test_a_list_by_name_goes_on_where_its_last_one_stands_now(filled: Session) -> None:
    """No name stands in an address, so the place is looked up; it may have been renamed."""
    wanted = Wanted(sort=Sort.FACILITY, is_descending=False, limit=5)
    first = authorization_lists.listing(filled, wanted, actor=ADMIN, now=NOW)
    assert first.after is not None
    assert first.after.key is None

    filled.get_one(Facility, first.rows[-1].facility_id).name = "AAA"
    filled.flush()
    following = authorization_lists.listing(
        filled, replace(wanted, after=first.after), actor=ADMIN, now=NOW
    )

    places = [(row.facility_name.lower(), row.id) for row in following.rows]
    assert places == sorted(places)
    assert places[0] > ("aaa", first.after.authorization_id)


def test_nobody_but_administrators_gets_a_list(runtime: Runtime) -> None:
    with runtime.sessions() as session, pytest.raises(NotFound):
        authorization_lists.listing(session, Wanted(), actor=Actor(new_id()), now=NOW)


def test_what_is_shown_is_what_pages_sort_and_count_by(filled: Session) -> None:
    """The rules stand in Python and in SQL: here they are held against each other."""
    shown = Counter((row.status, row.collecting) for row in _everything(filled))

    assert db_lists.tallies(filled, Filters(), now=NOW) == shown
    assert {status for status, _ in shown} == set(AdminStatus)
    assert {collecting for _, collecting in shown} == set(Collecting)
    assert any(admin_status.needs_person(*each) for each in shown)
