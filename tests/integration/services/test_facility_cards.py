"""Dashboards: whose facilities, in which words, how fast; and one facility in full."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from uuid import UUID

import pytest
from sqlalchemy import event, insert
from sqlalchemy.orm import Session

from dcarbon.db.authorizations import Authorization
from dcarbon.db.base import new_id
from dcarbon.db.facilities import Facility, FacilityRole
from dcarbon.db.meters import CoverageDay, Meter, MeterChannel
from dcarbon.domain.coverage import CoverageState
from dcarbon.domain.errors import AnswersInvalid, InvalidInput, NotFound
from dcarbon.services import facilities, facility_views
from dcarbon.services.actors import SYSTEM, Actor
from dcarbon.services.facility_cards import AsRole, CardPage
from dcarbon.services.runtime import Runtime
from tests.integration.services.conftest import Resident, Settle, entries

pytestmark = pytest.mark.database


def _page(runtime: Runtime, actor: Actor, **asked: object) -> CardPage:
    with runtime.sessions() as session:
        return facility_views.page(
            session,
            actor=actor,
            now=runtime.now(),
            **asked,  # type: ignore[arg-type]
        )


def _names(page: CardPage) -> list[str]:
    return [card.name for card in page.cards]


def _authorize(runtime: Runtime, who: Resident, **columns: object) -> UUID:
    """Give a facility an authorization, and let it speak of that one."""
    given = {"method": "green_button", "utility": "PG&E", "status": "authorized", **columns}
    row = Authorization(id=new_id(), facility_id=who.facility.id, provider="pge", shard=0, **given)
    with runtime.sessions.begin() as session:
        session.add(row)
        facility = session.get_one(Facility, who.facility.id)
        facility.auth_method, facility.auth_provider = row.method, row.utility
        facility.auth_status = row.status
    return row.id


def _channel(runtime: Runtime, facility_id: UUID, days: dict[date, str]) -> None:
    with runtime.sessions.begin() as session:
        meter = Meter(
            id=new_id(),
            facility_id=facility_id,
            provider="pge",
            utility="PG&E",
            external_id=new_id().hex,
            time_zone="America/Los_Angeles",
        )
        session.add(meter)
        session.flush()
        channel = MeterChannel(
            id=new_id(),
            meter_id=meter.id,
            direction="delivered",
            unit="Wh",
            commodity="electricity",
            measure="usage",
        )
        session.add(channel)
        session.flush()
        session.add_all(
            CoverageDay(channel_id=channel.id, meter_day=day, state=state, expected=96, present=0)
            for day, state in days.items()
        )


@contextmanager
def _counted(runtime: Runtime) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(_c: object, _u: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    event.listen(runtime.engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(runtime.engine, "before_cursor_execute", note)


def test_people_see_the_facilities_they_have_a_role_at_and_admins_see_all(
    runtime: Runtime, settle: Settle
) -> None:
    ann, bo = settle(), settle("bo")

    assert _names(_page(runtime, ann.actor)) == ["House of ann"]
    assert _names(_page(runtime, bo.actor)) == ["House of bo"]
    assert _names(_page(runtime, SYSTEM)) == ["House of bo", "House of ann"]


@pytest.mark.parametrize(
    ("role", "seen_by"),
    [
        ("owner", ["any", "owner"]),
        ("operator", ["any", "operator"]),
        ("owner_operator", ["any", "operator", "owner"]),
    ],
)
def test_a_role_decides_on_which_dashboard_a_facility_stands(
    runtime: Runtime, settle: Settle, role: str, seen_by: list[str]
) -> None:
    ann = settle(role=role)
    roles: tuple[AsRole, ...] = ("any", "operator", "owner")

    found = [as_role for as_role in roles if _page(runtime, ann.actor, as_role=as_role).cards]

    assert found == seen_by
    assert _page(runtime, ann.actor).cards[0].role == role


def test_words_of_name_address_and_utility_are_searched(runtime: Runtime, settle: Settle) -> None:
    ann = settle()
    with runtime.sessions.begin() as session:
        facility = session.get_one(Facility, ann.facility.id)
        facility.street, facility.city, facility.state = "12 Wharf St", "Oakland", "CA"
        facility.auth_provider = "PG&E"

    def found(search: str) -> bool:
        return bool(_page(runtime, ann.actor, search=search).cards)

    assert all(found(s) for s in ("", "HOUSE", "oak", "wharf ann", "pg&e", "  oakland  house "))
    assert not any(found(s) for s in ("fresno", "house fresno", "%", "_ouse"))


def test_pages_follow_each_other_without_gap_or_repeat(runtime: Runtime, settle: Settle) -> None:
    ann = settle()
    with runtime.sessions.begin() as session:
        _many(session, ann.actor.person_id, 24)

    seen: list[UUID] = []
    after: UUID | None = None
    for _ in range(3):
        page = _page(runtime, ann.actor, after=after, limit=10)
        seen += [card.id for card in page.cards]
        after = page.after

    assert after is None
    assert len(seen) == len(set(seen)) == 25
    assert seen == sorted(seen, reverse=True)


def test_a_status_can_be_asked_for_and_so_can_none(runtime: Runtime, settle: Settle) -> None:
    ann = settle()
    before = (_page(runtime, ann.actor, status="none"), _page(runtime, ann.actor, status="expired"))

    _authorize(runtime, ann, status="expired")

    assert [len(page.cards) for page in before] == [1, 0]
    assert _names(_page(runtime, ann.actor, status="expired")) == ["House of ann"]
    assert _page(runtime, ann.actor, status="none").cards == ()
    assert _page(runtime, ann.actor).cards[0].needs_reauthorization


def test_thirty_local_days_show_the_worst_of_all_channels(runtime: Runtime, settle: Settle) -> None:
    ann = settle()
    today = date(2026, 3, 20)  # early morning at the meter
    days = [today - timedelta(days=n) for n in range(30, 0, -1)]
    _channel(runtime, ann.facility.id, dict.fromkeys(days, "complete"))
    _channel(
        runtime,
        ann.facility.id,
        {**dict.fromkeys(days[:-3], "complete"), days[4]: "asked_empty", days[5]: "estimated"},
    )

    card = _page(runtime, ann.actor).cards[0]

    assert [day for day, _ in card.coverage_30d] == days
    states = dict(card.coverage_30d)
    assert (states[days[4]], states[days[5]]) == ("asked_empty", "estimated")
    others = set(days) - {days[4], days[5]}
    assert {states[day] for day in others} == {"complete"}


def test_days_nobody_counted_are_not_asked_for_and_the_newest_not_due(
    runtime: Runtime, settle: Settle
) -> None:
    ann = settle()
    without_meter = _page(runtime, ann.actor).cards[0]
    _channel(runtime, ann.facility.id, {})

    states = [state for _, state in _page(runtime, ann.actor).cards[0].coverage_30d]

    assert without_meter.coverage_30d == ()
    assert states == [CoverageState.NOT_ASKED] * 27 + [CoverageState.NOT_DUE] * 3


def test_the_card_speaks_of_the_authorization_the_facility_speaks_of(
    runtime: Runtime, settle: Settle
) -> None:
    ann = settle()
    shown = _authorize(runtime, ann, reason_code="x", sync_health="delayed")
    with runtime.sessions.begin() as session:
        for utility, status in (("SCE", "failed"), ("PG&E", "revoked")):
            session.add(
                Authorization(
                    id=new_id(),
                    facility_id=ann.facility.id,
                    method="green_button",
                    provider="sce",
                    utility=utility,
                    status=status,
                    shard=0,
                )
            )

    card = _page(runtime, ann.actor).cards[0]

    assert (card.authorization_id, card.reason_code, card.sync_health) == (shown, "x", "delayed")


def test_a_page_costs_the_same_queries_however_many_it_shows(
    runtime: Runtime, settle: Settle
) -> None:
    ann = settle()
    with _counted(runtime) as few:
        _page(runtime, ann.actor, limit=100)
    with runtime.sessions.begin() as session:
        _many(session, ann.actor.person_id, 60)

    with _counted(runtime) as many:
        page = _page(runtime, ann.actor, limit=100)

    assert len(page.cards) == 61
    assert len(many) == len(few) == 3


def test_a_search_among_thousands_fills_its_page(runtime: Runtime, settle: Settle) -> None:
    ann = settle()
    with runtime.sessions.begin() as session:
        _many(session, ann.actor.person_id, 5_000)

    found = _page(runtime, ann.actor, search="site 49", limit=25)

    assert len(found.cards) == 25


def test_one_facility_in_full_says_what_its_reader_may_do(runtime: Runtime, settle: Settle) -> None:
    ann = settle(role="owner")
    _authorize(runtime, ann)

    with runtime.sessions() as session:
        view = facility_views.one(session, ann.facility.id, actor=ann.actor, now=runtime.now())

    assert (view.may_edit, view.may_revoke) == (True, True)
    assert (view.may_invite, view.may_change_provider, view.card.may_authorize) == (False,) * 3
    assert [(p.email, p.role, p.is_self) for p in view.people] == [
        ("ann@example.test", "owner", True)
    ]
    assert view.authorization is not None
    assert view.authorization.status == "authorized"


def test_somebody_elses_facility_is_not_found(runtime: Runtime, settle: Settle) -> None:
    ann, bo = settle(), settle("bo")
    with runtime.sessions() as session:
        for identity in (bo.facility.id, new_id()):
            with pytest.raises(NotFound):
                facility_views.one(session, identity, actor=ann.actor, now=runtime.now())
            with pytest.raises(NotFound):
                facility_views.authorizations_of(session, identity, actor=ann.actor)
    with pytest.raises(NotFound):
        facilities.update(runtime, bo.facility.id, answers={"name": "Mine"}, actor=ann.actor)


def test_owners_change_details_and_the_log_names_the_fields(
    runtime: Runtime, settle: Settle
) -> None:
    ann = settle(role="owner")

    facilities.update(
        runtime,
        ann.facility.id,
        answers={"name": "New name", "system_size_kw": "12.5", "installer": ""},
        actor=ann.actor,
    )

    with runtime.sessions() as session:
        facility = session.get_one(Facility, ann.facility.id)
    assert (facility.name, str(facility.system_size_kw)) == ("New name", "12.500")
    last = entries(runtime)[-1]
    assert (last.event, last.details) == (
        "facility_updated",
        {"fields": ["name", "system_size_kw"]},
    )


def test_a_wrong_detail_is_named_and_nothing_is_changed(runtime: Runtime, settle: Settle) -> None:
    ann = settle()

    with pytest.raises(AnswersInvalid) as refused:
        facilities.update(
            runtime,
            ann.facility.id,
            answers={"name": "New", "system_size_kw": "lots", "is_admin": "1"},
            actor=ann.actor,
        )

    assert set(refused.value.fields) == {"system_size_kw", "is_admin"}
    with runtime.sessions() as session:
        assert session.get_one(Facility, ann.facility.id).name == "House of ann"


def test_an_operator_does_not_change_what_the_owner_says(runtime: Runtime, settle: Settle) -> None:
    ann = settle(role="operator")

    with pytest.raises(InvalidInput) as refused:
        facilities.update(runtime, ann.facility.id, answers={"name": "x"}, actor=ann.actor)
    assert refused.value.code == "owner_needed"


def _many(session: Session, person_id: UUID | None, count: int) -> None:
    rows = [
        {
            "id": new_id(),
            "name": f"Site {n}",
            "account_kind": "commercial",
            "street": f"{n} Main St",
            "city": "Fresno",
            "state": "CA",
            "postal_code": "93650",
            "time_zone": "America/Los_Angeles",
        }
        for n in range(count)
    ]
    session.execute(insert(Facility), rows)
    session.execute(
        insert(FacilityRole),
        [{"facility_id": row["id"], "person_id": person_id, "role": "owner"} for row in rows],
    )
