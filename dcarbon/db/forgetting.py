"""Forgetting a person or a facility: what names them is deleted, or put out of recognition.

Rows that others refer to stay, without what was personal in them: final reports, the ledger and the
audit log name people and facilities by reference only, and those references keep their row.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CursorResult, Text, cast, delete, func, literal, or_, select, text, update
from sqlalchemy.orm import Session

from dcarbon.db.authorizations import Authorization, AuthorizationSession, Grant
from dcarbon.db.derived_energy import MonthlyGeneration
from dcarbon.db.facilities import Facility, FacilityRole
from dcarbon.db.generating_units import ChannelEligibility, GeneratingUnit, MeterClaim
from dcarbon.db.generation_reports import GenerationReport
from dcarbon.db.mails import Mail
from dcarbon.db.meters import Meter, MeterChannel
from dcarbon.db.payloads import AwaitedBatch
from dcarbon.db.people import ApiToken, Person
from dcarbon.db.registrations import Invitation, Registration
from dcarbon.db.replays import Replay
from dcarbon.db.sign_in import SignInLink, WebSession
from dcarbon.db.work_orders import SyncAttempt, WorkOrder
from dcarbon.domain.calendar import month_end

NO_NAME = "Deleted facility"
_KEPT_UNIT = "Reported unit"
_SHORTEST_NAME = 3
"""Shorter names are found in other words."""
_STRIP_REPLAYS = text("""
    update replays set report = jsonb_set(report, '{days}', coalesce(
        (select jsonb_agg(d) from jsonb_array_elements(report->'days') d
         where not (d->>'meter_id')::uuid = any(:meters)), '[]'))
    where exists (select from jsonb_array_elements(report->'days') d
                  where (d->>'meter_id')::uuid = any(:meters))
""")


def pseudonym(person_id: UUID) -> str:
    """Return the address a forgotten person has: one that no mail can reach."""
    return f"{person_id}@deleted.invalid"


def forget_person(session: Session, person: Person, *, now: datetime) -> Mapping[str, int]:
    """Delete what a person is and comes in by; return how many rows of each kind."""
    address = person.email
    counts = {
        "sessions": _count(session, delete(WebSession).where(WebSession.person_id == person.id)),
        "api_tokens": _count(session, delete(ApiToken).where(ApiToken.person_id == person.id)),
        "sign_in_links": _count(
            session,
            delete(SignInLink).where(
                or_(SignInLink.person_id == person.id, SignInLink.email == address)
            ),
        ),
        "registrations": _count(
            session, delete(Registration).where(Registration.person_id == person.id)
        ),
        "mails": _forget_mails(session, person),
        "invitations": _forget_invitations(session, address, person.id, now=now),
        "roles": _count(session, delete(FacilityRole).where(FacilityRole.person_id == person.id)),
    }
    person.email, person.name, person.is_admin = pseudonym(person.id), "", False
    person.erased_at = now
    session.flush()
    return counts


def forget_facility(session: Session, facility: Facility, *, now: datetime) -> Mapping[str, int]:
    """Delete what a facility is and what was kept about its authorizations; return how many rows of
    each kind. Readings and payloads are erased before. Authorizations have ended.
    """
    mine = select(Authorization.id).where(Authorization.facility_id == facility.id)
    counts = {
        "sync_attempts": _count(
            session, delete(SyncAttempt).where(SyncAttempt.authorization_id.in_(mine))
        ),
        "work_orders": _count(
            session, delete(WorkOrder).where(WorkOrder.authorization_id.in_(mine))
        ),
        "authorization_attempts": _count(
            session,
            delete(AuthorizationSession).where(AuthorizationSession.authorization_id.in_(mine)),
        ),
        "grants": _count(session, delete(Grant).where(Grant.authorization_id.in_(mine))),
        "facility_mails": _count(session, delete(Mail).where(Mail.facility_id == facility.id)),
        "facility_invitations": _count(
            session, delete(Invitation).where(Invitation.facility_id == facility.id)
        ),
    }
    for model in (AwaitedBatch, Replay):
        _count(session, delete(model).where(model.authorization_id.in_(mine)))
    session.execute(delete(Registration).where(Registration.facility_id == facility.id))
    session.execute(delete(FacilityRole).where(FacilityRole.facility_id == facility.id))
    _blank_authorizations(session, facility.id, now=now)
    _blank(facility, now=now)
    session.flush()
    return counts


def forget_units(session: Session, facility_id: UUID, *, now: datetime) -> Mapping[str, int]:
    """Delete the generating units that nothing was reported of; end the claims of the others after
    what was reported. Return how many units were deleted and kept.
    """
    newest = (
        select(GenerationReport.generating_unit_id, func.max(GenerationReport.month))
        .join(GeneratingUnit, GeneratingUnit.id == GenerationReport.generating_unit_id)
        .where(GeneratingUnit.facility_id == facility_id, GenerationReport.state == "final")
        .group_by(GenerationReport.generating_unit_id)
    )
    reported = {row[0]: row[1] for row in session.execute(newest)}
    units = list(
        session.scalars(select(GeneratingUnit).where(GeneratingUnit.facility_id == facility_id))
    )
    ids = [unit.id for unit in units]
    session.execute(
        delete(GenerationReport).where(
            GenerationReport.generating_unit_id.in_(ids), GenerationReport.state != "final"
        )
    )
    for unit in units:
        last_month = reported.get(unit.id)
        if last_month is not None:
            unit.name = _KEPT_UNIT
            _end_claims(session, unit.id, last_month, now=now)
            continue
        session.execute(delete(MeterClaim).where(MeterClaim.generating_unit_id == unit.id))
        session.execute(
            delete(MonthlyGeneration).where(MonthlyGeneration.generating_unit_id == unit.id)
        )
        session.delete(unit)
    session.flush()
    return {"units": len(units) - len(reported), "kept_units": len(reported)}


def forget_meters(
    session: Session, facility_id: UUID, *, reported: Collection[UUID], now: datetime
) -> Mapping[str, int]:
    """Put the meters of a facility out of recognition. Those something was ``reported`` of keep the
    numbers by which the same meter would be found again: nobody is to claim its energy twice.
    """
    ids = list(session.scalars(select(Meter.id).where(Meter.facility_id == facility_id)))
    row = Meter
    session.execute(
        update(row)
        .where(row.id.in_(ids))
        .values(
            service_address=None,
            account_id=None,
            service_class=None,
            tariff=None,
            blocks={},
            updated_at=now,
        )
    )
    session.execute(
        update(row)
        .where(row.id.in_(ids), row.id.not_in(reported))
        .values(external_id=cast(row.id, Text), meter_numbers=[], agreement_id=None)
    )
    channels = select(MeterChannel.id).where(MeterChannel.meter_id.in_(ids))
    others = channels.where(MeterChannel.meter_id.not_in(reported))
    judged = ChannelEligibility
    session.execute(delete(judged).where(judged.channel_id.in_(others)))
    session.execute(update(judged).where(judged.channel_id.in_(channels)).values(note=None))
    session.execute(_STRIP_REPLAYS, {"meters": ids})
    kept = len(set(reported) & set(ids))
    return {"meters": len(ids) - kept, "kept_meters": kept}


def _forget_mails(session: Session, person: Person) -> int:
    """Delete mails to a person, and those that went to others and name them."""
    words = [Mail.subject, Mail.text_body, Mail.html_body]
    address = person.email.lower()
    names_address = or_(*(func.strpos(func.lower(each), address) > 0 for each in words))
    gone = _count(session, delete(Mail).where(func.lower(Mail.to_address) == address))
    is_over = or_(Mail.sent_at.is_not(None), Mail.given_up_at.is_not(None))
    gone += _count(session, delete(Mail).where(is_over, names_address))
    if len(person.name) >= _SHORTEST_NAME:
        shared = select(FacilityRole.facility_id).where(FacilityRole.person_id == person.id)
        names_person = or_(*(func.strpos(each, person.name) > 0 for each in words))
        gone += _count(
            session, delete(Mail).where(is_over, names_person, Mail.facility_id.in_(shared))
        )
    return gone


def _forget_invitations(session: Session, address: str, person_id: UUID, *, now: datetime) -> int:
    row = Invitation
    found = row.email == address
    still_open = (found, row.accepted_at.is_(None), row.ended_at.is_(None))
    session.execute(update(row).where(*still_open).values(ended_at=now, end_reason="withdrawn"))
    return _count(session, update(row).where(found).values(email=pseudonym(person_id)))


def _blank_authorizations(session: Session, facility_id: UUID, *, now: datetime) -> None:
    row = Authorization
    session.execute(
        update(row)
        .where(row.facility_id == facility_id)
        .values(
            external_id=None,
            resource_uri=None,
            authorization_uri=None,
            customer_resource_uri=None,
            payloads_erased_at=func.coalesce(row.payloads_erased_at, literal(now)),
            readings_erased_at=func.coalesce(row.readings_erased_at, literal(now)),
        )
    )


def _blank(facility: Facility, *, now: datetime) -> None:
    facility.name = NO_NAME
    facility.street = facility.city = facility.state = facility.postal_code = ""
    facility.finance_type = facility.finance_company = facility.installer = None
    facility.system_size_kw = facility.commercial_operation_date = facility.auth_id = None
    facility.erased_at = now


def _end_claims(session: Session, unit_id: UUID, last_month: date, *, now: datetime) -> None:
    last_day = month_end(last_month)
    row = MeterClaim
    mine = row.generating_unit_id == unit_id
    session.execute(delete(row).where(mine, row.first_day > last_day))
    session.execute(
        update(row)
        .where(mine, or_(row.last_day.is_(None), row.last_day > last_day))
        .values(last_day=last_day, ended_at=now)
    )


def _count(session: Session, statement: Any) -> int:
    result = session.execute(statement, execution_options={"synchronize_session": False})
    assert isinstance(result, CursorResult)
    return result.rowcount
