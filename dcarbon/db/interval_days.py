"""Interval days: the readings of one series on one UTC day, as the provider last stated them.

Bulk writing is in ``interval_days_writing``, reading back in ``interval_days_reading``.
"""

from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Integer,
    LargeBinary,
    SmallInteger,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from dcarbon.db.base import Base, Instant


class IntervalDay(Base):
    """One series, one UTC day. An earlier state moves to ``interval_days_history``.

    That series and payload exist is kept by triggers, once per statement: a foreign key would be
    checked row by row and take a third of the time of a bulk write.
    """

    __tablename__ = "interval_days"
    __table_args__ = (CheckConstraint("cardinality(readings) > 0", name="has_slots"),)

    series_id: Mapped[UUID] = mapped_column(primary_key=True)
    utc_day: Mapped[date] = mapped_column(primary_key=True)
    readings: Mapped[list[int | None]] = mapped_column(ARRAY(Integer))
    """One slot per interval of the UTC day; null is missing, never zero."""
    wide_readings: Mapped[list[int | None] | None] = mapped_column(ARRAY(BigInteger))
    """All slots of a day of which one fits int4 at no exact exponent; ``readings`` is then all
    null, so that a reader who knows only int4 sees missing readings and never a wrong one."""
    exponent: Mapped[int] = mapped_column(SmallInteger)
    """Quantity in the channel's unit = reading * 10 ** exponent."""
    quality: Mapped[int | None] = mapped_column(SmallInteger)
    """ESPI quality of every reading of the day, when it is the same."""
    qualities: Mapped[list[int | None] | None] = mapped_column(ARRAY(SmallInteger))
    """ESPI quality per slot, when they differ."""
    content_hash: Mapped[bytes] = mapped_column(LargeBinary)
    payload_id: Mapped[UUID]
    """The last payload that stated readings of this day."""
    other_payload_ids: Mapped[list[UUID] | None] = mapped_column(ARRAY(Uuid()))
    """Further payloads this state took readings from, when one write brought several."""
    recorded_at: Mapped[Instant]


class IntervalDayHistory(Base):
    """A state of an interval day that is no longer current, and since when."""

    __tablename__ = "interval_days_history"

    series_id: Mapped[UUID] = mapped_column(ForeignKey("series.id"), primary_key=True)
    utc_day: Mapped[date] = mapped_column(primary_key=True)
    superseded_at: Mapped[Instant] = mapped_column(primary_key=True)
    recorded_at: Mapped[Instant] = mapped_column(primary_key=True)
    readings: Mapped[list[int | None]] = mapped_column(ARRAY(Integer))
    wide_readings: Mapped[list[int | None] | None] = mapped_column(ARRAY(BigInteger))
    exponent: Mapped[int] = mapped_column(SmallInteger)
    quality: Mapped[int | None] = mapped_column(SmallInteger)
    qualities: Mapped[list[int | None] | None] = mapped_column(ARRAY(SmallInteger))
    content_hash: Mapped[bytes] = mapped_column(LargeBinary)
    payload_id: Mapped[UUID] = mapped_column(ForeignKey("landed_payloads.id"))
    other_payload_ids: Mapped[list[UUID] | None] = mapped_column(ARRAY(Uuid()))
    restated_slots: Mapped[int]
    """How many readings the next state changed; 0 when it only filled missing slots."""


class PeriodReading(Base):
    """A reading that fits no day grid: a billing month, a gas day from local midnight."""

    __tablename__ = "period_readings"
    __table_args__ = (CheckConstraint("duration_s >= 0", name="duration_s"),)

    series_id: Mapped[UUID] = mapped_column(ForeignKey("series.id"), primary_key=True)
    start_at: Mapped[Instant] = mapped_column(primary_key=True)
    duration_s: Mapped[int]
    value: Mapped[int] = mapped_column(BigInteger)
    exponent: Mapped[int] = mapped_column(SmallInteger)
    quality: Mapped[int | None] = mapped_column(SmallInteger)
    payload_id: Mapped[UUID] = mapped_column(ForeignKey("landed_payloads.id"))
    recorded_at: Mapped[Instant]


class PeriodReadingHistory(Base):
    """A period reading as it was stated before."""

    __tablename__ = "period_readings_history"

    series_id: Mapped[UUID] = mapped_column(ForeignKey("series.id"), primary_key=True)
    start_at: Mapped[Instant] = mapped_column(primary_key=True)
    superseded_at: Mapped[Instant] = mapped_column(primary_key=True)
    recorded_at: Mapped[Instant] = mapped_column(primary_key=True)
    duration_s: Mapped[int]
    value: Mapped[int] = mapped_column(BigInteger)
    exponent: Mapped[int] = mapped_column(SmallInteger)
    quality: Mapped[int | None] = mapped_column(SmallInteger)
    payload_id: Mapped[UUID] = mapped_column(ForeignKey("landed_payloads.id"))
