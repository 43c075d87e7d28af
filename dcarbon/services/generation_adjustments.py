"""Corrections: when readings of a reported month change, a draft with the full new total is opened.

Only months whose stored generation differs from what was reported are looked at, so a round costs
next to nothing while nothing has changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.orm import Session

from dcarbon.db import generation_reports as db
from dcarbon.db.facilities import Facility
from dcarbon.db.generating_units import GeneratingUnit
from dcarbon.db.generation_reports import GenerationReport
from dcarbon.domain import claim_words, registries
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.calendar import month_end
from dcarbon.domain.errors import DCarbonError
from dcarbon.domain.registries import Window, windows_for
from dcarbon.services import (
    audit,
    generation_filing,
    generation_reports,
    notices,
    readings_storing,
)
from dcarbon.services.actors import SYSTEM
from dcarbon.services.runtime import Runtime

MOST = 200
"""Months compared in one round; the others wait for the next."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Round:
    """What one round did, in months."""

    opened: int = 0
    updated: int = 0
    withdrawn: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Remaining:
    """Until when a correction is taken, by the window we go by; ``None`` where none is known."""

    last_day: date
    days: int
    """Negative when it is over."""
    window: Window


def look(runtime: Runtime) -> Round:
    """Compare what was reported with what is known now, where that has changed.

    A month whose number changed gets one draft, and its people one mail; a later change goes into
    the open draft. A number that has come back to the reported one withdraws it. At most
    :data:`MOST` months at a time; one that fails holds up no other.
    """
    with runtime.sessions() as session:
        found = db.differing(session, limit=MOST)
    done: list[str] = []
    for unit_id, month in found:
        try:
            done.append(_look_at(runtime, unit_id, month))
        except DCarbonError as error:
            log.warning("reported_month_not_compared", unit=str(unit_id), code=error.code)
            done.append("failed")
    return Round(
        **{name: done.count(name) for name in ("opened", "updated", "withdrawn", "failed")}
    )


def remaining(
    registry_key: str, *, month: date, nameplate_kw: Decimal, today: date
) -> Remaining | None:
    """Return until when a correction of a month is taken: days after the month's last day."""
    windows = windows_for(registries.of(registry_key).adjustments, nameplate_kw)
    if not windows:
        return None
    last = month_end(month) + timedelta(days=windows[0].days)
    return Remaining(last, (last - today).days, windows[0])


def _look_at(runtime: Runtime, unit_id: UUID, month: date) -> str:
    now = runtime.now()
    with runtime.sessions.begin() as session:
        unit = session.get_one(GeneratingUnit, unit_id)
        readings_storing.lock(session, [unit.facility_id])
        corrects = db.latest_final(session, unit_id, month)
        if corrects is None:
            return ""
        draft = db.draft_of(session, unit_id, month)
        gathered = generation_filing.gather(session, unit, month, corrects=corrects, now=now)
        if gathered.filing.reported_wh == corrects.reported_wh:
            return _withdraw(session, unit, draft, now=now) if draft else ""
        if draft and draft.reported_wh == gathered.filing.reported_wh:
            return ""
        written = generation_reports.write_draft(
            session, unit, gathered, corrects=corrects, by=SYSTEM, now=now
        )
        if draft is not None:
            return "updated"
        _tell(session, unit, written, corrects, public_url=runtime.settings.public_url, now=now)
        return "opened"


def _withdraw(
    session: Session, unit: GeneratingUnit, draft: GenerationReport, *, now: datetime
) -> str:
    draft.state = "withdrawn"
    audit.record(
        session,
        AuditEvent.ADJUSTMENT_WITHDRAWN,
        actor=SYSTEM,
        at=now,
        facility_id=unit.facility_id,
        unit=str(unit.id),
        report=str(draft.id),
        month=f"{draft.month:%Y-%m}",
    )
    return "withdrawn"


def _tell(
    session: Session,
    unit: GeneratingUnit,
    draft: GenerationReport,
    corrects: GenerationReport,
    *,
    public_url: str,
    now: datetime,
) -> None:
    facility = session.get_one(Facility, unit.facility_id)
    audit.record(
        session,
        AuditEvent.ADJUSTMENT_OPENED,
        actor=SYSTEM,
        at=now,
        facility_id=facility.id,
        unit=str(unit.id),
        report=str(draft.id),
        corrects=str(corrects.id),
        month=f"{draft.month:%Y-%m}",
        reported_wh=corrects.reported_wh,
        wh=draft.reported_wh,
    )
    left = remaining(
        draft.registry_key,
        month=draft.month,
        nameplate_kw=unit.nameplate_kw,
        today=now.astimezone(ZoneInfo(facility.time_zone)).date(),
    )
    notices.adjustment_opened(
        session,
        facility,
        report_id=draft.id,
        unit=unit.name,
        month=claim_words.month_name(draft.month),
        reported=_mwh(corrects.reported_wh),
        known=_mwh(draft.reported_wh),
        days_left=left.days if left else None,
        public_url=public_url,
        now=now,
    )


def _mwh(wh: int) -> str:
    return f"{Decimal(wh).scaleb(-6):,.3f}"
