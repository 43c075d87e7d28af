"""What final reports rest on: readings and payloads that outlive the consent they came by.

A final report never changes, and its evidence makes its number again from the readings and the
utility's own answers. So they are held for as long as the report is there, and whoever deletes the
rest says that they were.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from dcarbon.db.erasing import HeldSpan
from dcarbon.db.generating_units import GeneratingUnit, MeterClaim
from dcarbon.db.generation_reports import GenerationReport
from dcarbon.services import evidence_contents, report_figures
from dcarbon.services.evidence_contents import ClaimedChannel

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class HoldingReport:
    """A final report that holds readings. ``csv_sha256`` is of the registry's file."""

    report_id: UUID
    unit_id: UUID
    month: date
    sequence: int
    csv_sha256: str


@dataclass(frozen=True, slots=True)
class Held:
    """What is held of some meters, and by which reports."""

    reports: tuple[HoldingReport, ...] = ()
    spans: tuple[HeldSpan, ...] = ()
    meter_ids: frozenset[UUID] = frozenset()


def of_meters(session: Session, facility_id: UUID, meter_ids: Collection[UUID]) -> Held:
    """Return what final reports hold of these meters of a facility.

    The caller holds the facility's lock: a report that is being made final is then seen or waits.
    """
    reports: list[HoldingReport] = []
    spans: dict[HeldSpan, UUID] = {}
    for row in session.scalars(_final(facility_id, meter_ids)):
        found = list(_spans(row, meter_ids))
        if not found:
            continue
        spans.update(found)
        assert row.csv_sha256 is not None
        reports.append(
            HoldingReport(
                row.id, row.generating_unit_id, row.month, row.sequence, row.csv_sha256.hex()
            )
        )
    return Held(tuple(reports), tuple(spans), frozenset(spans.values()))


def _spans(
    report: GenerationReport, meter_ids: Collection[UUID]
) -> Iterator[tuple[HeldSpan, UUID]]:
    filing = report_figures.read(report.figures).filing
    for one in evidence_contents.channels(filing):
        meter_id = UUID(one.claim.meter_id)
        if meter_id in meter_ids and one.start < one.end:
            yield _span(one), meter_id


def _span(one: ClaimedChannel) -> HeldSpan:
    zone = ZoneInfo(one.claim.time_zone)
    return HeldSpan(
        channel_id=UUID(one.channel.channel_id),
        start=one.start,
        end=one.end,
        first_day=one.start.astimezone(zone).date(),
        last_day=(one.end - _MICROSECOND).astimezone(zone).date(),
    )


def _final(facility_id: UUID, meter_ids: Collection[UUID]) -> Select[GenerationReport]:
    claiming = select(MeterClaim.generating_unit_id).where(MeterClaim.meter_id.in_(meter_ids))
    units = select(GeneratingUnit.id).where(
        (GeneratingUnit.facility_id == facility_id) | GeneratingUnit.id.in_(claiming)
    )
    return (
        select(GenerationReport)
        .where(GenerationReport.state == "final", GenerationReport.generating_unit_id.in_(units))
        .order_by(
            GenerationReport.generating_unit_id, GenerationReport.month, GenerationReport.sequence
        )
    )
