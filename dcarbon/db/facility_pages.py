"""Facilities a page at a time, with what their cards show: each question is one statement a page.

What a person may see is decided by the scope that the caller hands in.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, case, desc, func, select, true
from sqlalchemy.orm import Session

from dcarbon.db.authorizations import Authorization
from dcarbon.db.facilities import Facility, FacilityRole
from dcarbon.db.meters import CoverageDay, Meter, MeterChannel
from dcarbon.db.registrations import Invitation
from dcarbon.domain.coverage import CoverageState
from dcarbon.domain.flows import Measure

Row = tuple[Facility, str | None, Authorization | None]


def page(
    session: Session,
    scope: Select[UUID],
    *,
    person_id: UUID | None,
    roles: Collection[str] | None,
    filters: Sequence[ColumnElement[bool]] = (),
    before: UUID | None,
    limit: int,
) -> list[Row]:
    """Return up to ``limit`` facilities older than ``before``, newest first: each with the person's
    role there and the authorization its ``auth_`` columns speak of.
    """
    statement = _with_authorization(person_id).where(Facility.id.in_(scope), *filters)
    if roles is not None:
        statement = statement.where(FacilityRole.role.in_(roles))
    if before is not None:
        statement = statement.where(Facility.id < before)
    rows = session.execute(statement.order_by(Facility.id.desc()).limit(limit))
    return [(row[0], row[1], row[2]) for row in rows]


def one(
    session: Session, facility_id: UUID, scope: Select[UUID], *, person_id: UUID | None
) -> Row | None:
    """Return one facility as :func:`page` does, ``None`` outside the scope."""
    found = page(
        session,
        scope,
        person_id=person_id,
        roles=None,
        filters=[Facility.id == facility_id],
        before=None,
        limit=1,
    )
    return found[0] if found else None


def matching(search: str) -> list[ColumnElement[bool]]:
    """Return the filters for words that stand in the name, the address or the utility."""
    text = func.concat_ws(
        " ",
        Facility.name,
        Facility.street,
        Facility.city,
        Facility.state,
        Facility.postal_code,
        Facility.auth_provider,
    )
    return [text.icontains(word, autoescape=True) for word in search.split()]


def states_by_day(
    session: Session, facility_ids: Collection[UUID], first: date, last: date, *, due_before: date
) -> dict[UUID, dict[date, list[str]]]:
    """Return for each facility the coverage states of its channels on each local day.

    A day before ``due_before`` is due by now, also where it was not yet when it was counted. A
    facility without a usage channel is absent; a day without a row is absent from its days.
    """
    overdue = and_(CoverageDay.state == CoverageState.NOT_DUE, CoverageDay.meter_day < due_before)
    state = case(
        (and_(overdue, CoverageDay.asked_at.is_(None)), CoverageState.NOT_ASKED),
        (overdue, CoverageState.ASKED_EMPTY),
        else_=CoverageDay.state,
    )
    states = func.array_agg(state.distinct()).label("states")
    rows = session.execute(
        select(Meter.facility_id, CoverageDay.meter_day, states)
        .join(MeterChannel, MeterChannel.meter_id == Meter.id)
        .outerjoin(
            CoverageDay,
            and_(
                CoverageDay.channel_id == MeterChannel.id,
                CoverageDay.meter_day.between(first, last),
            ),
        )
        .where(Meter.facility_id.in_(facility_ids), MeterChannel.measure == Measure.USAGE)
        .group_by(Meter.facility_id, CoverageDay.meter_day)
    )
    found: dict[UUID, dict[date, list[str]]] = {}
    for facility_id, day, named in rows:
        days = found.setdefault(facility_id, {})
        if day is not None:
            days[day] = list(named)
    return found


def open_invitations(session: Session, facility_ids: Collection[UUID]) -> dict[UUID, Invitation]:
    """Return the invitation that waits for an answer at each of the facilities that has one."""
    rows = session.scalars(
        select(Invitation).where(
            Invitation.facility_id.in_(facility_ids),
            Invitation.accepted_at.is_(None),
            Invitation.ended_at.is_(None),
        )
    )
    return {row.facility_id: row for row in rows}


def _with_authorization(
    person_id: UUID | None,
) -> Select[Facility, str | None, Authorization | None]:
    spoken_of = and_(
        Authorization.status != "revoked",
        Authorization.method == Facility.auth_method,
        Authorization.utility == Facility.auth_provider,
    )
    newest = (
        select(Authorization.id)
        .where(Authorization.facility_id == Facility.id)
        .order_by(desc(case((spoken_of, 1), else_=0)), Authorization.id.desc())
        .limit(1)
        .correlate(Facility)
        .lateral("newest")
    )
    mine = and_(
        FacilityRole.facility_id == Facility.id,
        FacilityRole.person_id == (person_id or UUID(int=0)),
    )
    return (
        select(Facility, FacilityRole.role, Authorization)
        .outerjoin(FacilityRole, mine)
        .outerjoin(newest, true())
        .outerjoin(Authorization, Authorization.id == newest.c.id)
    )
