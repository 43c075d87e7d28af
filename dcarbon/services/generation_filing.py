"""A unit and month put together for a report: unit, claims with their channels, days, the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcarbon.db import binary_copy as bc
from dcarbon.db import energy_layout, generating_units, generation_reports
from dcarbon.db.facilities import Facility
from dcarbon.db.generating_units import GeneratingUnit, MeterClaim
from dcarbon.db.generation_reports import GenerationReport
from dcarbon.db.meters import Meter
from dcarbon.domain import registries, registry_files
from dcarbon.domain.calendar import day_bounds, month_end
from dcarbon.domain.filings import (
    EarlierReport,
    FiledChannel,
    FiledClaim,
    FiledDay,
    Filing,
    UnitFacts,
)
from dcarbon.domain.flows import Direction
from dcarbon.domain.registries import RegistryProfile
from dcarbon.domain.registry_files import FileRow
from dcarbon.services import eligibility, meters, monthly_generation, physical_meters
from dcarbon.services.actors import SYSTEM
from dcarbon.services.eligibility import ChannelStanding, MeterStanding
from dcarbon.services.monthly_generation import MonthOfGeneration

_HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Gathered:
    """A filing, and when the newest reading it rests on came; ``None`` without any."""

    filing: Filing
    as_of: datetime | None


def gather(
    session: Session,
    unit: GeneratingUnit,
    month: date,
    *,
    corrects: GenerationReport | None,
    now: datetime,
    as_known_at: datetime | None = None,
) -> Gathered:
    """Put a month together as it is known now, or as the readings were known at a time.

    ``corrects``: the report that holds for the month, when this one is to replace it.
    """
    facility = session.get_one(Facility, unit.facility_id)
    profile = registries.of(corrects.registry_key if corrects else unit.registry_key)
    facts = _unit_facts(unit, facility)
    claims = generating_units.claims_of(session, unit.id, month, month_end(month))
    found = monthly_generation.of(session, unit.id, month, as_known_at=as_known_at)
    filed = _claims(session, claims, month, now=now)
    days = _days(found, filed)
    total = sum((day.wh for day in days), Decimal(0))
    rows = (_row(profile, facts, month, total, is_adjustment=corrects is not None),)
    filing = Filing(
        profile=profile,
        unit=facts,
        month=month,
        today=now.astimezone(ZoneInfo(facility.time_zone)).date(),
        claims=filed,
        days=days,
        rows=rows,
        given=registry_files.content(profile.file, rows),
        corrects_wh=corrects.reported_wh if corrects else None,
        earlier=_earlier(session, unit.id, month, is_correction=corrects is not None),
    )
    return Gathered(filing, found.as_of)


def _unit_facts(unit: GeneratingUnit, facility: Facility) -> UnitFacts:
    return UnitFacts(
        id=str(unit.id),
        name=unit.name,
        facility=facility.name,
        nameplate_kw=unit.nameplate_kw,
        commercial_operation_date=unit.commercial_operation_date,
        fuel=unit.fuel,
        registry_id=unit.registry_id,
        reporting_unit_id=unit.reporting_unit_id,
    )


def _row(
    profile: RegistryProfile, unit: UnitFacts, month: date, wh: Decimal, *, is_adjustment: bool
) -> FileRow:
    file, last = profile.file, month_end(month)
    generator = registry_files.generator_number(file, unit.registry_id or "")
    began = unit.commercial_operation_date
    return FileRow(
        generator_id=generator,
        reporting_unit_id=(unit.reporting_unit_id or "").strip()
        or (generator if file.falls_back_to_generator_id else ""),
        vintage=month,
        start=began if month < began <= last else month,
        end=last,
        wh=registry_files.reportable_wh(file, wh),
        is_adjustment=is_adjustment,
    )


def _claims(
    session: Session, claims: Sequence[MeterClaim], month: date, *, now: datetime
) -> tuple[FiledClaim, ...]:
    ids = {claim.meter_id for claim in claims}
    rows = {row.id: row for row in session.scalars(select(Meter).where(Meter.id.in_(ids)))}
    views = [meters.get(session, meter_id, actor=SYSTEM) for meter_id in sorted(ids)]
    standing = {
        one.meter.id: one for one in eligibility.standings(session, views, actor=SYSTEM, now=now)
    }
    layouts = {one.id: one for one in energy_layout.layouts(bc.connection_of(session), list(ids))}
    return tuple(
        _claim(
            claim,
            rows[claim.meter_id],
            standing[claim.meter_id],
            layouts.get(claim.meter_id),
            claimed_twice=_claimed_twice(session, claim, month),
        )
        for claim in claims
    )


def _claimed_twice(session: Session, claim: MeterClaim, month: date) -> str | None:
    """Say, if so, that another claim counts the same meter on a day of this month."""
    first, last = max(claim.first_day, month), month_end(month)
    last = last if claim.last_day is None else min(claim.last_day, last)
    return physical_meters.doubt(session, claim.meter_id, first, last)


def _claim(
    claim: MeterClaim,
    meter: Meter,
    standing: MeterStanding,
    layout: energy_layout.MeterLayout | None,
    *,
    claimed_twice: str | None,
) -> FiledClaim:
    counting = [one for one in standing.channels if one.chosen == claim.basis]
    chosen = counting or [one for one in standing.channels if one.chosen is not None]
    best = chosen[0] if chosen else None
    doubts = [one.doubt.sentence for one in chosen if one.doubt]
    doubts += [claimed_twice] if claimed_twice else []
    return FiledClaim(
        meter_id=str(meter.id),
        meter=", ".join(meter.meter_numbers) or meter.external_id,
        time_zone=meter.time_zone,
        basis=claim.basis,
        rule=best.chosen_rule.sentence if best and best.chosen_rule else "",
        first_day=claim.first_day,
        last_day=claim.last_day,
        eligibility=best.chosen if best else None,
        channels=_channels(claim.basis, counting, layout),
        doubt=" ".join(dict.fromkeys(doubts)),
    )


def _channels(
    basis: str, counting: Sequence[ChannelStanding], layout: energy_layout.MeterLayout | None
) -> tuple[FiledChannel, ...]:
    """Return the channels that the number of a claim is computed from."""
    if basis == "production":
        return tuple(
            FiledChannel(str(one.channel.id), one.channel.direction, counts=True)
            for one in counting
        )
    if layout is None:
        return ()
    return tuple(
        FiledChannel(str(one.id), one.direction, counts=one.direction == Direction.RECEIVED)
        for direction in (Direction.RECEIVED, Direction.DELIVERED)
        for one in layout.registers(direction)
    )


def _days(found: MonthOfGeneration, claims: Sequence[FiledClaim]) -> tuple[FiledDay, ...]:
    known = {claim.meter_id: claim for claim in claims}
    days = [
        FiledDay(
            meter_id=str(line.meter_id),
            meter=known[str(line.meter_id)].meter,
            day=line.day,
            basis=line.basis,
            value=line.value,
            exponent=line.exponent,
            is_complete=line.is_complete,
            is_estimated=line.estimated > 0,
            hours=_hours(line.day, known[str(line.meter_id)].time_zone),
            reason=line.reason,
            register_wh=line.register.kwh * 1000 if line.register else None,
        )
        for line in found.lines
    ]
    return tuple(sorted(days, key=lambda one: (one.day, one.meter, one.meter_id)))


def _hours(day: date, zone: str) -> int:
    start, end = day_bounds(day, ZoneInfo(zone))
    return int((end - start).total_seconds() // _HOUR_S)


def _earlier(
    session: Session, unit_id: UUID, month: date, *, is_correction: bool
) -> tuple[EarlierReport, ...]:
    latest = generation_reports.latest_final(session, unit_id, month)
    if latest is None or is_correction:
        return ()
    return (EarlierReport(month, month_end(month), latest.reported_wh),)
