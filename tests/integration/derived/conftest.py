"""Meters with channels and readings of any interval length, and what claims them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dcarbon.db import interval_days_writing
from dcarbon.db.base import Base, new_id
from dcarbon.db.engine import Sessions
from dcarbon.db.interval_days_writing import SeriesReadings
from dcarbon.db.tables import (
    ChannelEligibility,
    DailyEnergy,
    Facility,
    GeneratingUnit,
    HourlyExportDay,
    LandedPayload,
    Meter,
    MeterChannel,
    MeterClaim,
    MonthlyGeneration,
    Series,
)

ZONE = "America/Los_Angeles"
NOW = datetime(2026, 4, 2, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Place:
    """One facility; everything made for it is committed at once."""

    sessions: Sessions
    facility_id: UUID

    def add(self, row: Base) -> None:
        with self.sessions.begin() as session:
            session.add(row)

    def meter(self, zone: str = ZONE) -> UUID:
        meter = Meter(
            id=new_id(),
            facility_id=self.facility_id,
            provider="green_button",
            utility="PG&E",
            external_id=new_id().hex,
            time_zone=zone,
        )
        self.add(meter)
        return meter.id

    def channel(
        self,
        meter_id: UUID,
        direction: str,
        *,
        unit: str = "Wh",
        commodity: str = "electricity",
        measure: str = "usage",
        label: str = "",
    ) -> UUID:
        channel = MeterChannel(
            id=new_id(),
            meter_id=meter_id,
            direction=direction,
            unit=unit,
            commodity=commodity,
            measure=measure,
            label=label,
        )
        self.add(channel)
        return channel.id

    def series(self, channel_id: UUID, interval_s: int = 900) -> UUID:
        series = Series(id=new_id(), channel_id=channel_id, interval_s=interval_s)
        self.add(series)
        return series.id

    def payload(self) -> UUID:
        payload = LandedPayload(
            id=new_id(),
            facility_id=self.facility_id,
            sha256=hashlib.sha256(new_id().bytes).digest(),
            media_type="application/xml",
            byte_count=1,
            source="feed.xml",
            received_at=NOW,
        )
        self.add(payload)
        return payload.id

    def unit(self) -> UUID:
        unit = GeneratingUnit(
            id=new_id(),
            facility_id=self.facility_id,
            name="Roof",
            nameplate_kw=Decimal(50),
            commercial_operation_date=date(2020, 1, 1),
            fuel="solar",
            registry_key="mrets",
        )
        self.add(unit)
        return unit.id

    def claim(
        self, unit_id: UUID, meter_id: UUID, basis: str, first: date, last: date | None = None
    ) -> UUID:
        claim = MeterClaim(
            id=new_id(),
            generating_unit_id=unit_id,
            meter_id=meter_id,
            basis=basis,
            first_day=first,
            last_day=last,
        )
        self.add(claim)
        return claim.id

    def choose(self, channel_id: UUID, chosen: str) -> None:
        with self.sessions.begin() as session:
            row = session.get(ChannelEligibility, channel_id)
            if row is None:
                row = ChannelEligibility(
                    channel_id=channel_id, proposed="consumption", proposed_rule="delivered"
                )
                session.add(row)
            row.chosen, row.chosen_rule, row.chosen_at = chosen, "stated_production", NOW

    def write(self, *batches: SeriesReadings, at: datetime = NOW) -> None:
        with self.sessions.begin() as session:
            interval_days_writing.write(session, batches, recorded_at=at)

    def read(
        self,
        series_id: UUID,
        first: datetime,
        values: Sequence[int | None],
        *,
        interval_s: int = 900,
        exponent: int = 0,
        quality: int | Mapping[int, int] = 17,
        at: datetime = NOW,
    ) -> None:
        """Store consecutive readings, ``None`` a missing one; ``quality`` may be by place."""
        here = [n for n, value in enumerate(values) if value is not None]
        codes = [quality if isinstance(quality, int) else quality.get(n, 17) for n in here]
        readings = SeriesReadings(
            series_id=series_id,
            interval_s=interval_s,
            start=int(first.timestamp()) + np.array(here, np.int64) * interval_s,
            value=np.array([values[n] for n in here], np.int64),
            exponent=exponent,
            quality=np.array(codes, np.int16),
            payload_id=self.payload(),
        )
        self.write(readings, at=at)

    def periods(
        self,
        series_id: UUID,
        periods: Sequence[tuple[datetime, int, int, int]],
        *,
        exponent: int = 0,
        at: datetime = NOW,
    ) -> None:
        """Store readings of no fixed grid: start, seconds, value and quality of each."""
        start, seconds, values, quality = zip(*periods, strict=True)
        readings = SeriesReadings(
            series_id=series_id,
            interval_s=0,
            start=np.array([int(one.timestamp()) for one in start], np.int64),
            value=np.array(values, np.int64),
            exponent=exponent,
            quality=np.array(quality, np.int16),
            payload_id=self.payload(),
            duration_s=np.array(seconds, np.int32),
        )
        self.write(readings, at=at)


@pytest.fixture
def place(sessions: Sessions) -> Place:
    facility = Facility(id=new_id(), name="Sunny Hall", account_kind="commercial", time_zone=ZONE)
    with sessions.begin() as session:
        session.add(facility)
    return Place(sessions, facility.id)


def daily_of(session: Session, channel_id: UUID) -> dict[date, DailyEnergy]:
    rows = session.scalars(select(DailyEnergy).where(DailyEnergy.channel_id == channel_id))
    return {row.meter_day: row for row in rows}


def exports_of(session: Session, meter_id: UUID) -> dict[date, HourlyExportDay]:
    rows = session.scalars(select(HourlyExportDay).where(HourlyExportDay.meter_id == meter_id))
    return {row.meter_day: row for row in rows}


def months_of(session: Session, unit_id: UUID) -> dict[date, MonthlyGeneration]:
    chosen = select(MonthlyGeneration).where(MonthlyGeneration.generating_unit_id == unit_id)
    return {row.month: row for row in session.scalars(chosen)}


def count(session: Session, table: type[Base]) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0
