"""Energy derived from readings: by day, by hour of export, by month of a generating unit.

All of it can be made again from interval days. What has to be is marked by triggers (migration
0005), in the transaction that changes a reading, a claim or an eligibility. Marks are only added,
never brought together: two writers never wait for each other, and a mark set while another is
worked off is not lost.
"""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    SmallInteger,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from dcarbon.db.base import Base, Instant


class DailyEnergy(Base):
    """What flowed through one channel on one local day at the meter: all its readings, exactly.

    A quantity in the channel's unit is ``value * 10 ** exponent``. Readings are counted in the
    shortest interval of the day, an hour among quarter hours as four.
    """

    __tablename__ = "daily_energy"
    __table_args__ = (Index(None, "meter_day"),)

    channel_id: Mapped[UUID] = mapped_column(ForeignKey("meter_channels.id"), primary_key=True)
    meter_day: Mapped[date] = mapped_column(primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger)
    """Sum of all readings of the day, estimated ones too."""
    estimated_value: Mapped[int] = mapped_column(BigInteger)
    """The part of ``value`` that the utility estimated; it never counts as generation."""
    exponent: Mapped[int] = mapped_column(SmallInteger)
    readings: Mapped[int]
    expected: Mapped[int]
    estimated: Mapped[int]
    as_of: Mapped[Instant]
    """The newest ``recorded_at`` of the readings it rests on, when it last changed."""
    computed_at: Mapped[Instant]


class HourlyExportDay(Base):
    """What one meter gave to the grid on one local day by the registry's rule, hour by hour.

    An hour's export is what it received less what it delivered, never below zero; received alone
    at a meter without a delivered channel. In Wh: ``value * 10 ** exponent``.
    """

    __tablename__ = "hourly_export_days"
    __table_args__ = (
        CheckConstraint("cardinality(hours) > 0", name="has_hours"),
        Index(None, "meter_day"),
    )

    meter_id: Mapped[UUID] = mapped_column(ForeignKey("meters.id"), primary_key=True)
    meter_day: Mapped[date] = mapped_column(primary_key=True)
    hours: Mapped[list[int | None]] = mapped_column(ARRAY(BigInteger))
    """23, 24 or 25 in local order; null where the hour is not complete or partly estimated."""
    value: Mapped[int] = mapped_column(BigInteger)
    """Sum of ``hours``."""
    register_value: Mapped[int] = mapped_column(BigInteger)
    """Plain sum of the received register, estimated readings too: shown beside, never claimed."""
    exponent: Mapped[int] = mapped_column(SmallInteger)
    missing_hours: Mapped[int]
    """Hours of which not every reading is known."""
    estimated_hours: Mapped[int]
    """Hours whose readings are all known, some of them estimated."""
    as_of: Mapped[Instant]
    computed_at: Mapped[Instant]


class MonthlyGeneration(Base):
    """What one generating unit made in one month, from the days it may claim.

    The stored answer of :func:`dcarbon.services.monthly_generation.of`.
    """

    __tablename__ = "monthly_generation"
    __table_args__ = (CheckConstraint("extract(day from month) = 1", name="first_of_month"),)

    generating_unit_id: Mapped[UUID] = mapped_column(
        ForeignKey("generating_units.id", ondelete="CASCADE"), primary_key=True
    )
    month: Mapped[date] = mapped_column(primary_key=True)
    """The first day of the month; its days are local days at each meter."""
    value: Mapped[int] = mapped_column(BigInteger)
    """In Wh: ``value * 10 ** exponent``. Estimated readings are not in it."""
    exponent: Mapped[int] = mapped_column(SmallInteger)
    basis: Mapped[str] = mapped_column(Text)
    """``production``, ``hourly_export``, ``mixed``, or ``none`` when no day is claimed."""
    days_expected: Mapped[int]
    """Claimed days of its meters."""
    days_complete: Mapped[int]
    estimated_days: Mapped[int]
    """Claimed days with an estimated reading."""
    is_complete: Mapped[bool]
    as_of: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """The newest ``recorded_at`` of the readings it rests on; ``None`` without any."""
    computed_at: Mapped[Instant]


class ChangedSeriesDays(Base):
    """UTC days of one series whose readings changed since energy was last derived from them."""

    __tablename__ = "changed_series_days"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    series_id: Mapped[UUID]
    utc_days: Mapped[list[date] | None] = mapped_column(ARRAY(Date))
    """``None``: every day of the series."""
    marked_at: Mapped[Instant] = mapped_column(server_default=func.now())


class ChangedUnitMonths(Base):
    """Months of a generating unit whose days, claims or eligibilities changed."""

    __tablename__ = "changed_unit_months"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    generating_unit_id: Mapped[UUID] = mapped_column(
        ForeignKey("generating_units.id", ondelete="CASCADE")
    )
    first_month: Mapped[date]
    last_month: Mapped[date | None]
    """Inclusive; ``None``: no end."""
    marked_at: Mapped[Instant] = mapped_column(server_default=func.now())
