"""Meters, their channels (one direction, one unit), series (one interval length), coverage."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, Text, func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from dcarbon.db.base import Base, Id, Instant


class Meter(Base):
    """ESPI UsagePoint or UtilityAPI meter, under an identity of ours."""

    __tablename__ = "meters"
    __table_args__ = (
        Index("uq_meters_external", "facility_id", "provider", "external_id", unique=True),
        Index(None, "authorization_id"),
    )

    id: Mapped[Id]
    facility_id: Mapped[UUID] = mapped_column(ForeignKey("facilities.id"))
    authorization_id: Mapped[UUID | None] = mapped_column(ForeignKey("authorizations.id"))
    """``None`` for a meter known only from an imported file."""
    provider: Mapped[str] = mapped_column(Text)
    utility: Mapped[str] = mapped_column(Text)
    external_id: Mapped[str] = mapped_column(Text)
    commodity: Mapped[str] = mapped_column(Text, default="unknown")
    meter_numbers: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    service_address: Mapped[str | None] = mapped_column(Text)
    account_id: Mapped[str | None] = mapped_column(Text)
    agreement_id: Mapped[str | None] = mapped_column(Text)
    service_class: Mapped[str | None] = mapped_column(Text)
    tariff: Mapped[str | None] = mapped_column(Text)
    time_zone: Mapped[str] = mapped_column(Text)
    blocks: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    first_seen_at: Mapped[Instant] = mapped_column(server_default=func.now())
    updated_at: Mapped[Instant] = mapped_column(server_default=func.now())


class MeterChannel(Base):
    """One direction of one meter in one unit; directions are never added to each other."""

    __tablename__ = "meter_channels"
    __table_args__ = (
        Index(
            "uq_meter_channels_key",
            "meter_id",
            "direction",
            "unit",
            "measure",
            "label",
            unique=True,
        ),
    )

    id: Mapped[Id]
    meter_id: Mapped[UUID] = mapped_column(ForeignKey("meters.id"))
    direction: Mapped[str] = mapped_column(Text)
    unit: Mapped[str] = mapped_column(Text)
    commodity: Mapped[str] = mapped_column(Text)
    measure: Mapped[str] = mapped_column(Text)
    label: Mapped[str] = mapped_column(Text, default="")
    """Tells apart channels that are otherwise the same, as one per time-of-use code."""
    created_at: Mapped[Instant] = mapped_column(server_default=func.now())


class Series(Base):
    """A channel at one interval length; readings hang here.

    ``interval_s`` 0 is for periods of no fixed grid (billing months, gas days from local
    midnight): those are rows of ``period_readings``, not interval days.
    """

    __tablename__ = "series"
    __table_args__ = (
        CheckConstraint("interval_s >= 0", name="interval_s"),
        CheckConstraint("interval_s = 0 or mod(86400, interval_s) = 0", name="divides_the_day"),
        Index("uq_series_key", "channel_id", "interval_s", unique=True),
    )

    id: Mapped[Id]
    channel_id: Mapped[UUID] = mapped_column(ForeignKey("meter_channels.id"))
    interval_s: Mapped[int]
    first_start: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    last_end: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class CoverageDay(Base):
    """What is known of one channel on one local day at the meter, and why it is not complete."""

    __tablename__ = "coverage_days"
    __table_args__ = (
        CheckConstraint(
            "state in ('not_due', 'not_asked', 'asked_empty', 'partial', 'complete',"
            " 'estimated', 'restated')",
            name="state",
        ),
        Index(None, "meter_day"),
    )

    channel_id: Mapped[UUID] = mapped_column(ForeignKey("meter_channels.id"), primary_key=True)
    meter_day: Mapped[date] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(Text)
    expected: Mapped[int]
    present: Mapped[int]
    estimated: Mapped[int] = mapped_column(default=0)
    restated: Mapped[int] = mapped_column(default=0)
    asked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[Instant] = mapped_column(server_default=func.now())
