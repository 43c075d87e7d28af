"""What the demo ends with: one line per facility, from the product's own tables."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from rich.table import Table
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from dcarbon.db.facilities import Facility
from dcarbon.db.meters import CoverageDay, Meter, MeterChannel
from dcarbon.domain.coverage import COVERED, CoverageState
from dcarbon.domain.states import LABELS, AuthStatus
from dcarbon.services.runtime import Runtime

_METHODS = {"green_button": "Green Button", "utilityapi": "UtilityAPI"}
_ENERGY = text("""
    select i.direction, count(*), coalesce(sum(i.value) filter (where i.unit = 'Wh'), 0)
    from intervals i join meters m on m.id = i.meter_id
    where m.facility_id = :facility and i.measure = 'usage' group by i.direction
""")


def of(runtime: Runtime, facility_ids: list[UUID]) -> Table:
    """Return the table of these facilities. Energy is electricity; coverage is of days due."""
    table = Table(title="What arrived by itself")
    for column in ("Facility", "Utility", "Method", "Status"):
        table.add_column(column)
    for column in ("Meters", "Readings", "kWh delivered", "kWh received", "Coverage"):
        table.add_column(column, justify="right")
    table.add_column("Last sync")
    with runtime.sessions() as session:
        for facility_id in facility_ids:
            table.add_row(*_row(session, session.get_one(Facility, facility_id)))
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
    counts = {
        row[0]: row[1]
        for row in session.execute(
            select(CoverageDay.state, func.count())
            .join(MeterChannel, MeterChannel.id == CoverageDay.channel_id)
            .join(Meter, Meter.id == MeterChannel.meter_id)
            .where(Meter.facility_id == facility_id)
            .group_by(CoverageDay.state)
        )
    }
    due = sum(n for state, n in counts.items() if state != CoverageState.NOT_DUE)
    covered = sum(n for state, n in counts.items() if CoverageState(state) in COVERED)
    return f"{covered / due:.1%}" if due else "-"
