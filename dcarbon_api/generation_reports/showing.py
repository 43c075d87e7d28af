"""What the pages of generation reports show, in words, gathered from the services."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from flask import Blueprint, url_for
from sqlalchemy.orm import Session

from dcarbon.domain import claim_words
from dcarbon.domain.filings import FiledDay
from dcarbon.domain.reporting_calendar import Deadline
from dcarbon.services import facilities, generation_report_views
from dcarbon.services.actors import Actor
from dcarbon.services.generation_report_views import MonthState, MonthView, ReportView, UnitReports

bp = Blueprint("generation_report_words", __name__)

SHOWN_AT_ONCE = 12
"""Months in the table; older ones open on request."""


@dataclass(frozen=True, slots=True)
class Look:
    """A state by word, colour and sign together."""

    label: str
    colour: str
    sign: str


LOOKS: Mapping[MonthState, Look] = {
    MonthState.NOT_OVER: Look("Not over yet", "secondary", "clock"),
    MonthState.INCOMPLETE: Look("Not complete", "yellow", "hourglass"),
    MonthState.READY: Look("Ready to report", "green", "circle-check"),
    MonthState.DRAFT: Look("Draft", "yellow", "file-text"),
    MonthState.REPORTED: Look("Reported", "green", "certificate"),
    MonthState.ADJUSTMENT_OPEN: Look("Correction open", "orange", "alert-triangle"),
}


@dataclass(frozen=True, slots=True)
class ShownMonth:
    """A month of a unit, with what can be done next."""

    view: MonthView
    look: Look
    note: str
    action: str
    """What the button says that puts the month together; empty where a link leads on."""
    link: str
    link_label: str


@dataclass(frozen=True, slots=True)
class ShownUnit:
    """A unit with its months, newest first."""

    unit: UnitReports
    months: tuple[ShownMonth, ...]
    older: tuple[ShownMonth, ...]

    @property
    def carried_wh(self) -> int:
        return self.unit.ledger[-1].remainder_wh if self.unit.ledger else 0

    @property
    def certificates(self) -> int:
        return sum(line.certificates for line in self.unit.ledger)


@dataclass(frozen=True, slots=True)
class ShownDay:
    """One local day: its total, and each meter that counted on it."""

    day: date
    hours: int
    kwh: str
    was: str
    """What was reported of the day, where a correction changes it."""
    is_complete: bool
    reason: str
    meters: tuple[tuple[str, str, str], ...]
    """Name, kWh, and where the meter's day is shown."""


def section(session: Session, facility_id: UUID, *, actor: Actor, now: datetime) -> list[ShownUnit]:
    """Return what ``generation/_reports.html`` shows: each unit's months."""
    units = generation_report_views.of_facility(session, facility_id, actor=actor, now=now)
    return [_unit(unit) for unit in units]


def report(session: Session, report_id: UUID, *, actor: Actor, now: datetime) -> dict[str, Any]:
    """Return what the page of one report shows. Others' reports are :class:`NotFound`."""
    view = generation_report_views.one(session, report_id, actor=actor, now=now)
    filing = view.figures.filing
    unit = generation_report_views.of_unit(session, view.unit_id, actor=actor, now=now)
    return {
        "view": view,
        "unit_reports": unit,
        "facility": facilities.get(session, view.facility_id, actor=actor),
        "month": claim_words.month_name(view.month),
        "filing": filing,
        "preflight": view.figures.preflight,
        "days": _days(view),
        "meter_count": len({claim.meter_id for claim in filing.claims}),
        "deadlines": [(one, _when(one, view.today)) for one in view.deadlines],
        "difference_wh": filing.reported_wh - filing.corrects_wh
        if filing.corrects_wh is not None
        else None,
        "cut_wh": filing.wh - filing.reported_wh,
        "corrections": [one for one in view.others if one.sequence > view.sequence],
        "corrected": [one for one in view.others if one.sequence < view.sequence],
    }


def _unit(unit: UnitReports) -> ShownUnit:
    shown = tuple(_month(month) for month in unit.months)
    return ShownUnit(unit, shown[:SHOWN_AT_ONCE], shown[SHOWN_AT_ONCE:])


def _month(view: MonthView) -> ShownMonth:
    leads_to = view.draft_id or view.report_id
    link = url_for("generation_reports.show", report_id=leads_to) if leads_to else ""
    action = ""
    if not leads_to and view.state is not MonthState.NOT_OVER:
        action = "Prepare the report" if view.state is MonthState.READY else "Look at it"
    labels = {
        MonthState.DRAFT: "Open the draft",
        MonthState.ADJUSTMENT_OPEN: "Look at the correction",
    }
    label = labels.get(view.state, "Open the report")
    return ShownMonth(view, LOOKS[view.state], _note(view), action, link, label)


def _note(view: MonthView) -> str:
    if view.state in {MonthState.REPORTED, MonthState.ADJUSTMENT_OPEN}:
        return ""
    if view.wh is None:
        return "Nothing is added up yet."
    if view.days_complete < view.days_expected:
        return f"{view.days_complete} of {view.days_expected} meter days are complete."
    return ""


def _days(view: ReportView) -> list[ShownDay]:
    by_day: dict[date, list[FiledDay]] = defaultdict(list)
    for one in view.figures.filing.days:
        by_day[one.day].append(one)
    before = _totals(view.corrected.filing.days) if view.corrected else None
    return [
        ShownDay(
            day=day,
            hours=found[0].hours,
            kwh=kwh(_sum(found)),
            was="" if before is None or before.get(day) == _sum(found) else kwh(before.get(day, 0)),
            is_complete=all(one.is_complete for one in found),
            reason=" ".join(dict.fromkeys(one.reason for one in found if one.reason)),
            meters=tuple((one.meter, kwh(one.wh), _day_page(view, one)) for one in found),
        )
        for day, found in sorted(by_day.items())
    ]


def _totals(days: Sequence[FiledDay]) -> dict[date, Decimal]:
    return {day: _sum([one for one in days if one.day == day]) for day in {d.day for d in days}}


def _sum(days: Sequence[FiledDay]) -> Decimal:
    return sum((one.wh for one in days), Decimal(0))


def _day_page(view: ReportView, one: FiledDay) -> str:
    return url_for(
        "coverage.day",
        facility_id=view.facility_id,
        meter_id=UUID(one.meter_id),
        day=one.day.isoformat(),
    )


def _when(deadline: Deadline, today: date) -> str:
    left = deadline.days_left(today)
    if left < 0:
        return "over"
    if deadline.first is not None and today < deadline.first:
        return f"begins in {_count((deadline.first - today).days)}"
    return "ends today" if left == 0 else f"{_count(left)} left"


def _count(days: int) -> str:
    return f"{days} day{'' if days == 1 else 's'}"


@bp.app_template_filter()
def kwh(wh: Decimal | int) -> str:
    """Return an amount of Wh in kWh, with three decimals."""
    return f"{Decimal(wh).scaleb(-3):,.3f}"


@bp.app_template_filter()
def mwh(wh: Decimal | int) -> str:
    """Return an amount of Wh in MWh, with three decimals; below nothing with a real minus."""
    return f"{Decimal(wh).scaleb(-6):,.3f}".replace("-", "\N{MINUS SIGN}")


@bp.app_template_filter()
def signed_mwh(wh: int) -> str:
    return f"+{mwh(wh)}" if wh > 0 else mwh(wh)


@bp.app_template_filter()
def month_name(month: date) -> str:
    return claim_words.month_name(month)


@bp.app_template_filter()
def count_days(days: int) -> str:
    return _count(days)
