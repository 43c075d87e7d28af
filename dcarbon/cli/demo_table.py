"""What the demo ends with: one line per facility, from the product's own tables."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from uuid import UUID

from rich.table import Table
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from dcarbon.db import coverage_days
from dcarbon.db.facilities import Facility
from dcarbon.db.meters import Meter
from dcarbon.domain.states import LABELS, AuthStatus
from dcarbon.services.runtime import Runtime

_METHODS = {"green_button": "Green Button", "utilityapi": "UtilityAPI"}
_COLUMNS = (
    "Facility",
    "Utility",
    "Method",
    "Status",
    "Meters",
    "Readings",
    "kWh delivered",
    "kWh received",
    "Coverage",
    "Last sync",
)
_NUMBERS = range(4, 9)
_WIDE = 140
_ENERGY = text("""
    select i.direction, count(*), coalesce(sum(i.value) filter (where i.unit = 'Wh'), 0)
    from intervals i join meters m on m.id = i.meter_id
    where m.facility_id = :facility and i.measure = 'usage' group by i.direction
""")


def of(runtime: Runtime, facility_ids: list[UUID], *, width: int) -> Table:
    """Return the table of these facilities. Energy is electricity; coverage is of days due.

    On a narrow terminal each facility is a column, so that nothing is cut off.
    """
    with runtime.sessions() as session:
        rows = [_row(session, session.get_one(Facility, one)) for one in facility_ids]
    table = Table(title="What arrived by itself", title_justify="left")
    if width >= _WIDE:
        for place, column in enumerate(_COLUMNS):
            table.add_column(column, justify="right" if place in _NUMBERS else "left")
        for row in rows:
            table.add_row(*row)
        return table
    table.add_column(_COLUMNS[0], style="bold")
    for row in rows:
        table.add_column(row[0])
    for place, column in enumerate(_COLUMNS[1:], start=1):
        table.add_row(column, *(row[place] for row in rows))
    return table


def _row(session: Session, facility: Facility) -> tuple[str, ...]:
    rows = session.execute(_ENERGY, {"facility": facility.id}).all()
    energy = {row[0]: Decimal(row[2]) / 1000 for row in rows}
    meters = session.scalar(
        select(func.count()).select_from(Meter).where(Meter.facility_id == facility.id)
    )
    return (
        facility.name,
        facility.auth_provider or "",
        _METHODS.get(facility.auth_method or "", ""),
        LABELS[AuthStatus(facility.auth_status)] if facility.auth_status else "",
        f"{meters:,}",
        f"{sum(row[1] for row in rows):,}",
        f"{energy.get('delivered', Decimal(0)):,.1f}",
        f"{energy.get('received', Decimal(0)):,.1f}",
        _coverage(session, facility.id),
        facility.last_sync.strftime("%Y-%m-%d %H:%M UTC") if facility.last_sync else "never",
    )


def _coverage(session: Session, facility_id: UUID) -> str:
    days = coverage_days.summary(
        session, first_day=date.min, last_day=date.max, facility_id=facility_id
    )
    return f"{days.covered / days.due:.1%}" if days.due else "-"
