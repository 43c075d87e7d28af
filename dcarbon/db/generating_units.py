"""Generating units, what each channel may be used for, and which meter counts for which unit."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

import psycopg
from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    DateTime,
    ForeignKey,
    Index,
    Numeric,
    Text,
    func,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from dcarbon.db.advisory_locks import LockNumber
from dcarbon.db.base import Base, Id, Instant

_ELIGIBILITIES = "('production', 'hourly_export', 'net', 'consumption', 'estimated')"
ONE_CLAIM_A_DAY = "ex_meter_claims_days"
"""The constraint that refuses a second claim of one meter on a day that is claimed already."""
ONE_UNIT_A_REGISTRY_ID = "uq_generating_units_registry_id"


class GeneratingUnit(Base):
    """What makes electricity at a facility, as a registry knows it: the certificates are its."""

    __tablename__ = "generating_units"
    __table_args__ = (
        CheckConstraint("nameplate_kw > 0", name="nameplate_kw"),
        Index(None, "facility_id"),
        Index(
            ONE_UNIT_A_REGISTRY_ID,
            "registry",
            "registry_id",
            "reporting_unit_id",
            unique=True,
            postgresql_nulls_not_distinct=True,
            postgresql_where="registry_id is not null",
        ),
    )

    id: Mapped[Id]
    facility_id: Mapped[UUID] = mapped_column(ForeignKey("facilities.id"))
    name: Mapped[str] = mapped_column(Text)
    nameplate_kw: Mapped[Decimal] = mapped_column(Numeric(12, 3))
    """AC capacity."""
    commercial_operation_date: Mapped[date]
    """The first local day that can be claimed."""
    fuel: Mapped[str] = mapped_column(Text)
    registry_key: Mapped[str] = mapped_column("registry", Text)
    """Key of a registry profile: ``wregis``, ``mrets``. SQLAlchemy keeps ``registry`` to itself."""
    registry_id: Mapped[str | None] = mapped_column(Text)
    """The generator's id at the registry; ``None`` until the registry has given one."""
    reporting_unit_id: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[Instant] = mapped_column(server_default=func.now())
    updated_at: Mapped[Instant] = mapped_column(server_default=func.now())


class ChannelEligibility(Base):
    """What a channel can be used for: proposed by rule, chosen by a person, by which rule."""

    __tablename__ = "channel_eligibilities"
    __table_args__ = (
        CheckConstraint(f"proposed in {_ELIGIBILITIES}", name="proposed"),
        CheckConstraint(f"chosen in {_ELIGIBILITIES}", name="chosen"),
        CheckConstraint(
            "(chosen is null) = (chosen_rule is null) and (chosen is null) = (chosen_at is null)",
            name="chosen_with_rule",
        ),
    )

    channel_id: Mapped[UUID] = mapped_column(ForeignKey("meter_channels.id"), primary_key=True)
    proposed: Mapped[str] = mapped_column(Text)
    proposed_rule: Mapped[str] = mapped_column(Text)
    """Key of a rule of :mod:`dcarbon.domain.eligibility`."""
    proposed_at: Mapped[Instant] = mapped_column(server_default=func.now())
    chosen: Mapped[str | None] = mapped_column(Text)
    chosen_rule: Mapped[str | None] = mapped_column(Text)
    chosen_by: Mapped[UUID | None] = mapped_column(ForeignKey("people.id"))
    chosen_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    note: Mapped[str | None] = mapped_column(Text)


class MeterClaim(Base):
    """One meter counts for one unit from a local day at the meter to another, both inclusive."""

    __tablename__ = "meter_claims"
    __table_args__ = (
        CheckConstraint("basis in ('production', 'hourly_export')", name="basis"),
        CheckConstraint("last_day >= first_day", name="days"),
        ExcludeConstraint(
            ("meter_id", "="),
            (text("daterange(first_day, last_day, '[]')"), "&&"),
            name=ONE_CLAIM_A_DAY,
            using="gist",
        ),
        Index(None, "generating_unit_id"),
    )

    id: Mapped[Id]
    generating_unit_id: Mapped[UUID] = mapped_column(ForeignKey("generating_units.id"))
    meter_id: Mapped[UUID] = mapped_column(ForeignKey("meters.id"))
    basis: Mapped[str] = mapped_column(Text)
    first_day: Mapped[date]
    last_day: Mapped[date | None]
    """``None`` while the claim goes on."""
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("people.id"))
    created_at: Mapped[Instant] = mapped_column(server_default=func.now())
    ended_by: Mapped[UUID | None] = mapped_column(ForeignKey("people.id"))
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When somebody set ``last_day``."""


def hold_claims(session: Session) -> None:
    """Wait until nobody else changes claims or what they rest on, and let nobody until the end.

    The database refuses two claims of one meter by itself; that two rows are the same physical
    meter, or that a channel may be claimed, it cannot see. Claims are rare: one lock is enough.
    """
    session.execute(select(func.pg_advisory_xact_lock(LockNumber.METER_CLAIMS.value)))


def sharing_days(first_day: date, last_day: date | None) -> ColumnElement[bool]:
    """Say that a claim has a day in common with these, both inclusive; ``None`` is no end."""
    still_on = or_(MeterClaim.last_day.is_(None), MeterClaim.last_day >= first_day)
    return still_on if last_day is None else still_on & (MeterClaim.first_day <= last_day)


def claims_of(session: Session, unit_id: UUID, first_day: date, last_day: date) -> list[MeterClaim]:
    """Return the claims of a unit that have a day from ``first_day`` to ``last_day``, inclusive.

    Days are local days at each meter; by first day, then meter.
    """
    claims = select(MeterClaim).where(
        MeterClaim.generating_unit_id == unit_id, sharing_days(first_day, last_day)
    )
    return list(session.scalars(claims.order_by(MeterClaim.first_day, MeterClaim.meter_id)))


def constraint_of(error: IntegrityError) -> str | None:
    """Return the name of the constraint that refused a statement."""
    found = error.orig
    return found.diag.constraint_name if isinstance(found, psycopg.Error) else None
