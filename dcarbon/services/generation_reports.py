"""Generation reports: putting a month together, making it final, and the ledger of what is carried.

Anybody with a role at the facility may, and administrators. Corrections that readings ask for are
opened in ``generation_adjustments``; files are made in ``generation_downloads``.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcarbon.db import generation_reports as db
from dcarbon.db.base import new_id
from dcarbon.db.facilities import Facility
from dcarbon.db.generating_units import GeneratingUnit
from dcarbon.db.generation_reports import GenerationReport, LedgerEntry
from dcarbon.domain import certificates
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.errors import InvalidInput, InvalidTransition, NotFound
from dcarbon.services import (
    audit,
    facilities,
    generation_filing,
    readings_storing,
    report_figures,
)
from dcarbon.services.actors import Actor
from dcarbon.services.generation_filing import Gathered
from dcarbon.services.report_figures import Figures
from dcarbon.services.runtime import Runtime

_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})")
_WH_DIGITS = 6


def month_of(text: str) -> date:
    """Return the first day of a month written as ``2026-03``.

    Raises :class:`InvalidInput` (``month_invalid``).
    """
    found = _MONTH.fullmatch(text.strip())
    try:
        return date(int(found[1]), int(found[2]), 1) if found else _no_month(text)
    except ValueError as error:
        raise InvalidInput("no such month", code="month_invalid") from error


def prepare(runtime: Runtime, unit_id: UUID, month: date, *, actor: Actor) -> UUID:
    """Put a month together as a draft and check it; an open draft is made anew. Return its id.

    Where the month is reported already, the draft is a correction with the full new total. Raises
    :class:`InvalidInput` (``month_invalid``), :class:`InvalidTransition` (``month_not_claimed``,
    ``nothing_to_correct``), :class:`NotFound` for others' units.
    """
    now = runtime.now()
    with runtime.sessions.begin() as session:
        unit = unit_of(session, unit_id, actor=actor)
        _require_begun(session, unit, month, now)
        # What is stored while this is put together would be in one half of it.
        readings_storing.lock(session, [unit.facility_id])
        corrects = db.latest_final(session, unit.id, month)
        gathered = generation_filing.gather(session, unit, month, corrects=corrects, now=now)
        if not gathered.filing.claims:
            raise InvalidTransition("no claim", code="month_not_claimed")
        if corrects and corrects.reported_wh == gathered.filing.reported_wh:
            raise InvalidTransition("same number", code="nothing_to_correct")
        draft = write_draft(session, unit, gathered, corrects=corrects, by=actor, now=now)
        _record(session, AuditEvent.GENERATION_REPORT_PREPARED, unit, draft, actor=actor, at=now)
        return draft.id


def write_draft(
    session: Session,
    unit: GeneratingUnit,
    gathered: Gathered,
    *,
    corrects: GenerationReport | None,
    by: Actor,
    now: datetime,
) -> GenerationReport:
    """Write the open draft of a month, made or made anew. The caller holds the facility's lock."""
    filing = gathered.filing
    draft = db.draft_of(session, unit.id, filing.month)
    if draft is None:
        draft = GenerationReport(
            id=new_id(),
            generating_unit_id=unit.id,
            month=filing.month,
            state="draft",
            prepared_by=by.person_id,
        )
        session.add(draft)
    draft.sequence = corrects.sequence + 1 if corrects else 0
    draft.corrects_id = corrects.id if corrects else None
    _fill(draft, gathered, now=now)
    session.flush()
    return draft


def finalise(
    runtime: Runtime, report_id: UUID, *, actor: Actor, seen_sha256: str | None = None
) -> None:
    """Make a draft final: store its figures and the file's hash, and carry what is no whole MWh.

    The number is put together once more; when anything of it has changed since the draft was
    prepared, the draft is made anew and nothing else happens; nor does it when the file the person
    looked at (``seen_sha256``) is not the draft's any more. Raises :class:`InvalidTransition`
    (``report_changed``, ``report_has_errors`` with the first of them, ``report_is_final``),
    :class:`NotFound` for others' reports.
    """
    now = runtime.now()
    with runtime.sessions.begin() as session:
        refusal = _finalise(session, report_id, seen_sha256, actor=actor, now=now)
    if refusal is not None:
        raise refusal


def _finalise(
    session: Session, report_id: UUID, seen_sha256: str | None, *, actor: Actor, now: datetime
) -> InvalidTransition | None:
    report, unit = report_of(session, report_id, actor=actor)
    readings_storing.lock(session, [unit.facility_id])
    session.refresh(report, with_for_update=True)
    if report.state != "draft":
        return InvalidTransition("not a draft", code="report_is_final")
    corrects = db.latest_final(session, unit.id, report.month)
    gathered = generation_filing.gather(session, unit, report.month, corrects=corrects, now=now)
    seen = report_figures.read(report.figures)
    figures = _fill(report, gathered, now=now)
    is_seen = seen_sha256 in {None, seen.csv_sha256.hex()}
    if not is_seen or not _is_what_was_seen(seen, figures):
        return InvalidTransition("changed since", code="report_changed")
    if figures.preflight.errors:
        first = figures.preflight.errors[0].words
        return InvalidTransition("errors", code="report_has_errors", display_message=first)
    report.state, report.finalised_at, report.finalised_by = "final", now, actor.person_id
    report.as_known_at = gathered.as_of or now
    report.csv_sha256 = figures.csv_sha256
    _carry(session, report, corrects, at=now)
    _record(
        session,
        AuditEvent.GENERATION_REPORT_FINALISED,
        unit,
        report,
        actor=actor,
        at=now,
        sha256=figures.csv_sha256.hex(),
    )
    return None


def _fill(report: GenerationReport, gathered: Gathered, *, now: datetime) -> Figures:
    figures = report_figures.of(gathered.filing, sequence=report.sequence)
    file = gathered.filing.profile.file
    report.registry_key = gathered.filing.profile.key
    report.total_wh = gathered.filing.wh
    report.reported_wh = gathered.filing.reported_wh
    report.step_wh = 10 ** (_WH_DIGITS - file.decimals)
    report.figures = report_figures.stored(figures)
    report.prepared_at = now
    return figures


def _is_what_was_seen(seen: Figures, figures: Figures) -> bool:
    """Is the report what the person looked at? The day on which it was is another matter."""
    before, after = seen.filing, figures.filing
    return (before.given, before.days, before.claims, before.unit) == (
        *(after.given, after.days, after.claims, after.unit),
    )


def _carry(
    session: Session,
    report: GenerationReport,
    corrects: GenerationReport | None,
    *,
    at: datetime,
) -> None:
    """Write what the report adds to the ledger; the facility's lock keeps the order."""
    last = db.last_entry(session, report.generating_unit_id, report.registry_key)
    carried = last.remainder_wh if last else 0
    change = report.reported_wh - (corrects.reported_wh if corrects else 0)
    issue = certificates.issue(carried, change)
    entry = LedgerEntry(
        generating_unit_id=report.generating_unit_id,
        registry_key=report.registry_key,
        sequence=last.sequence + 1 if last else 1,
        report_id=report.id,
        carried_wh=carried,
        change_wh=change,
        certificates=issue.certificates,
        remainder_wh=issue.remainder_wh,
        at=at,
    )
    session.flush()
    session.add(entry)


def unit_of(session: Session, unit_id: UUID, *, actor: Actor) -> GeneratingUnit:
    """Return a unit of a facility the actor may see; any other is :class:`NotFound`."""
    unit = session.scalar(
        select(GeneratingUnit).where(
            GeneratingUnit.id == unit_id,
            GeneratingUnit.facility_id.in_(facilities.scope(actor)),
        )
    )
    if unit is None:
        raise NotFound("no such generating unit")
    return unit


def report_of(
    session: Session, report_id: UUID, *, actor: Actor
) -> tuple[GenerationReport, GeneratingUnit]:
    """Return a report the actor may see, with its unit; any other is :class:`NotFound`."""
    row = session.execute(
        select(GenerationReport, GeneratingUnit)
        .join(GeneratingUnit, GeneratingUnit.id == GenerationReport.generating_unit_id)
        .where(
            GenerationReport.id == report_id,
            GeneratingUnit.facility_id.in_(facilities.scope(actor)),
        )
    ).one_or_none()
    if row is None:
        raise NotFound("no such report")
    return row[0], row[1]


def _require_begun(session: Session, unit: GeneratingUnit, month: date, now: datetime) -> None:
    facility = session.get_one(Facility, unit.facility_id)
    if month.day != 1 or month > now.astimezone(ZoneInfo(facility.time_zone)).date():
        raise InvalidInput("not begun", code="month_invalid")


def _no_month(text: str) -> date:
    raise InvalidInput(f"no month: {text!r}"[:60], code="month_invalid")


def _record(
    session: Session,
    event: AuditEvent,
    unit: GeneratingUnit,
    report: GenerationReport,
    *,
    actor: Actor,
    at: datetime,
    sha256: str | None = None,
) -> None:
    """Write what was done to a report; ``sha256`` is that of the registry's file."""
    audit.record(
        session,
        event,
        actor=actor,
        at=at,
        facility_id=unit.facility_id,
        unit=str(unit.id),
        report=str(report.id),
        month=f"{report.month:%Y-%m}",
        sequence=report.sequence,
        wh=report.reported_wh,
        sha256=sha256,
    )
