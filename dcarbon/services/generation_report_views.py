"""Reports as the people of a facility see them: months of each unit, one report, the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dcarbon.db import generation_reports as db
from dcarbon.db.derived_energy import MonthlyGeneration
from dcarbon.db.facilities import Facility
from dcarbon.db.generating_units import GeneratingUnit, MeterClaim
from dcarbon.db.generation_reports import GenerationReport, LedgerEntry
from dcarbon.domain import registries, reporting_calendar
from dcarbon.domain.calendar import month_end
from dcarbon.domain.reporting_calendar import Deadline
from dcarbon.services import (
    facilities,
    generation_adjustments,
    generation_reports,
    report_figures,
    role_names,
)
from dcarbon.services.actors import Actor
from dcarbon.services.generation_adjustments import Remaining
from dcarbon.services.report_figures import Figures


class MonthState(StrEnum):
    """How a month of a unit stands."""

    NOT_OVER = "not_over"
    INCOMPLETE = "incomplete"
    READY = "ready"
    DRAFT = "draft"
    REPORTED = "reported"
    ADJUSTMENT_OPEN = "adjustment_open"


@dataclass(frozen=True, slots=True)
class MonthView:
    """One month of a unit. ``wh`` is what is known now, ``None`` while nothing is added up."""

    month: date
    state: MonthState
    wh: Decimal | None
    reported_wh: int | None
    days_complete: int
    days_expected: int
    report_id: UUID | None
    """The report that holds, or the draft of the first one."""
    draft_id: UUID | None
    report_by: date | None
    """By the text we go by, of the registry's; ``None`` where none is known."""


@dataclass(frozen=True, slots=True)
class LedgerView:
    """One line of the ledger: what one report added."""

    report_id: UUID
    month: date
    sequence: int
    carried_wh: int
    change_wh: int
    certificates: int
    remainder_wh: int
    at: datetime


@dataclass(frozen=True, slots=True)
class CorrectionView:
    """An open correction: what was reported, what is known, how long it is taken."""

    report_id: UUID
    month: date
    reported_wh: int
    known_wh: int
    remaining: Remaining | None


@dataclass(frozen=True, slots=True)
class UnitReports:
    """A unit's months, newest first, its ledger in order, and its open corrections."""

    unit_id: UUID
    facility_id: UUID
    name: str
    registry: str
    months: tuple[MonthView, ...]
    ledger: tuple[LedgerView, ...]
    corrections: tuple[CorrectionView, ...]
    today: date


@dataclass(frozen=True, slots=True)
class ReportLine:
    """A report of the same month, among which one is looked at."""

    id: UUID
    sequence: int
    state: str
    reported_wh: int
    finalised_at: datetime | None


@dataclass(frozen=True, slots=True)
class ReportView:
    """One report in full. Times are UTC; ``zone`` is the facility's."""

    id: UUID
    unit_id: UUID
    facility_id: UUID
    month: date
    sequence: int
    state: str
    figures: Figures
    corrected: Figures | None
    """Of the report this one corrects."""
    prepared_at: datetime
    as_known_at: datetime | None
    finalised_at: datetime | None
    finalised_by: str | None
    csv_sha256: bytes | None
    entry: LedgerView | None
    deadlines: tuple[Deadline, ...]
    remaining: Remaining | None
    others: tuple[ReportLine, ...]
    zone: str
    today: date

    @property
    def is_final(self) -> bool:
        return self.state == "final"


def of_facility(
    session: Session, facility_id: UUID, *, actor: Actor, now: datetime
) -> list[UnitReports]:
    """Return the reports of each unit, oldest unit first. Others' facilities are NotFound."""
    facility = facilities.get(session, facility_id, actor=actor)
    units = session.scalars(
        select(GeneratingUnit)
        .where(GeneratingUnit.facility_id == facility_id)
        .order_by(GeneratingUnit.id)
    ).all()
    return [_unit(session, unit, _today(facility, now)) for unit in units]


def of_unit(session: Session, unit_id: UUID, *, actor: Actor, now: datetime) -> UnitReports:
    """Return the reports of one unit the actor may see; any other is :class:`NotFound`."""
    unit = generation_reports.unit_of(session, unit_id, actor=actor)
    facility = session.get_one(Facility, unit.facility_id)
    return _unit(session, unit, _today(facility, now))


def one(session: Session, report_id: UUID, *, actor: Actor, now: datetime) -> ReportView:
    """Return one report the actor may see; any other is :class:`NotFound`."""
    report, unit = generation_reports.report_of(session, report_id, actor=actor)
    facility = session.get_one(Facility, unit.facility_id)
    figures = report_figures.read(report.figures)
    names = role_names.of(session, [report.finalised_by], facility_id=facility.id, actor=actor)
    entries = _ledger(session, unit.id)
    today = _today(facility, now)
    nameplate = figures.filing.unit.nameplate_kw
    return ReportView(
        id=report.id,
        unit_id=unit.id,
        facility_id=facility.id,
        month=report.month,
        sequence=report.sequence,
        state=report.state,
        figures=figures,
        corrected=_corrected(session, report),
        prepared_at=report.prepared_at,
        as_known_at=report.as_known_at,
        finalised_at=report.finalised_at,
        finalised_by=names.get(report.finalised_by) if report.finalised_by else None,
        csv_sha256=report.csv_sha256,
        entry=next((line for line in entries if line.report_id == report.id), None),
        deadlines=tuple(
            reporting_calendar.of(figures.filing.profile, report.month, nameplate_kw=nameplate)
        ),
        remaining=generation_adjustments.remaining(
            report.registry_key, month=report.month, nameplate_kw=nameplate, today=today
        )
        if report.sequence
        else None,
        others=_others(session, report),
        zone=facility.time_zone,
        today=today,
    )


def _unit(session: Session, unit: GeneratingUnit, today: date) -> UnitReports:
    reports = db.reports_of(session, unit.id)
    return UnitReports(
        unit_id=unit.id,
        facility_id=unit.facility_id,
        name=unit.name,
        registry=unit.registry_key,
        months=tuple(_months(session, unit, reports, today)),
        ledger=tuple(_ledger(session, unit.id)),
        corrections=tuple(_corrections(unit, reports, today)),
        today=today,
    )


def _months(
    session: Session, unit: GeneratingUnit, reports: Sequence[GenerationReport], today: date
) -> list[MonthView]:
    first = session.scalar(
        select(func.min(MeterClaim.first_day)).where(MeterClaim.generating_unit_id == unit.id)
    )
    begins = [day for day in (first, *(one.month for one in reports)) if day is not None]
    if not begins:
        return []
    stored = {
        row.month: row
        for row in session.scalars(
            select(MonthlyGeneration).where(MonthlyGeneration.generating_unit_id == unit.id)
        )
    }
    found: list[MonthView] = []
    month = today.replace(day=1)
    while month >= min(begins).replace(day=1):
        of_month = [one for one in reports if one.month == month]
        found.append(_month(unit, month, stored.get(month), of_month, today))
        month = _month_before(month)
    return found


def _month(
    unit: GeneratingUnit,
    month: date,
    stored: MonthlyGeneration | None,
    reports: Sequence[GenerationReport],
    today: date,
) -> MonthView:
    final = next((one for one in reversed(reports) if one.state == "final"), None)
    draft = next((one for one in reports if one.state == "draft"), None)
    holds = final or draft
    return MonthView(
        month=month,
        state=_state(month, stored, final, draft, today),
        wh=Decimal(stored.value).scaleb(stored.exponent) if stored else None,
        reported_wh=final.reported_wh if final else None,
        days_complete=stored.days_complete if stored else 0,
        days_expected=stored.days_expected if stored else 0,
        report_id=holds.id if holds else None,
        draft_id=draft.id if draft else None,
        report_by=reporting_calendar.report_by(
            registries.of(unit.registry_key), month, nameplate_kw=unit.nameplate_kw
        ),
    )


def _state(
    month: date,
    stored: MonthlyGeneration | None,
    final: GenerationReport | None,
    draft: GenerationReport | None,
    today: date,
) -> MonthState:
    if final is not None:
        return MonthState.ADJUSTMENT_OPEN if draft else MonthState.REPORTED
    if draft is not None:
        return MonthState.DRAFT
    if today <= month_end(month):
        return MonthState.NOT_OVER
    return MonthState.READY if stored and stored.is_complete else MonthState.INCOMPLETE


def _corrections(
    unit: GeneratingUnit, reports: Sequence[GenerationReport], today: date
) -> list[CorrectionView]:
    by_id = {one.id: one for one in reports}
    return [
        CorrectionView(
            draft.id,
            draft.month,
            by_id[draft.corrects_id].reported_wh,
            draft.reported_wh,
            generation_adjustments.remaining(
                draft.registry_key,
                month=draft.month,
                nameplate_kw=unit.nameplate_kw,
                today=today,
            ),
        )
        for draft in reports
        if draft.state == "draft" and draft.corrects_id is not None
    ]


def _ledger(session: Session, unit_id: UUID) -> list[LedgerView]:
    rows = session.execute(
        select(LedgerEntry, GenerationReport.month, GenerationReport.sequence)
        .join(GenerationReport, GenerationReport.id == LedgerEntry.report_id)
        .where(LedgerEntry.generating_unit_id == unit_id)
        .order_by(LedgerEntry.at, LedgerEntry.sequence)
    )
    return [
        LedgerView(
            entry.report_id,
            month,
            sequence,
            entry.carried_wh,
            entry.change_wh,
            entry.certificates,
            entry.remainder_wh,
            entry.at,
        )
        for entry, month, sequence in rows
    ]


def _corrected(session: Session, report: GenerationReport) -> Figures | None:
    if report.corrects_id is None:
        return None
    return report_figures.read(session.get_one(GenerationReport, report.corrects_id).figures)


def _others(session: Session, report: GenerationReport) -> tuple[ReportLine, ...]:
    found = db.reports_of(session, report.generating_unit_id)
    return tuple(
        ReportLine(one.id, one.sequence, one.state, one.reported_wh, one.finalised_at)
        for one in found
        if one.month == report.month and one.id != report.id
    )


def _today(facility: Facility, now: datetime) -> date:
    return now.astimezone(ZoneInfo(facility.time_zone)).date()


def _month_before(month: date) -> date:
    return date(month.year - (month.month == 1), (month.month - 2) % 12 + 1, 1)
