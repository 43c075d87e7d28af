"""Facilities: sites of an owner, and who has which role there."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    CheckConstraint,
    Computed,
    DateTime,
    ForeignKey,
    Index,
    Numeric,
    Select,
    Text,
    func,
    select,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from dcarbon.db.base import Base, Id, Instant


class Facility(Base):
    """A site. The ``auth_`` columns are what people see of its present authorization."""

    __tablename__ = "facilities"
    __table_args__ = (
        CheckConstraint("account_kind in ('commercial', 'residential')", name="account_kind"),
        CheckConstraint("auth_method in ('green_button', 'utilityapi')", name="auth_method"),
        CheckConstraint(
            "auth_status in ('pending', 'authorized', 'failed', 'expired', 'revoked')",
            name="auth_status",
        ),
        Index(None, "found_by"),
        Index(
            "ix_facilities_found_by_parts",
            "found_by",
            postgresql_using="gin",
            postgresql_ops={"found_by": "gin_trgm_ops"},
        ),
    )

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(Text)
    found_by: Mapped[str | None] = mapped_column(
        Text, Computed("lower(name)", persisted=True), deferred=True
    )
    """What administrators find a facility by; made by the server."""
    account_kind: Mapped[str] = mapped_column(Text)
    street: Mapped[str] = mapped_column(Text, default="")
    city: Mapped[str] = mapped_column(Text, default="")
    state: Mapped[str] = mapped_column(Text, default="")
    postal_code: Mapped[str] = mapped_column(Text, default="")
    time_zone: Mapped[str] = mapped_column(Text, default="America/Los_Angeles")
    finance_type: Mapped[str | None] = mapped_column(Text)
    finance_company: Mapped[str | None] = mapped_column(Text)
    installer: Mapped[str | None] = mapped_column(Text)
    system_size_kw: Mapped[Decimal | None] = mapped_column(Numeric(12, 3))
    commercial_operation_date: Mapped[date | None]
    auth_method: Mapped[str | None] = mapped_column(Text)
    auth_provider: Mapped[str | None] = mapped_column(Text)
    auth_id: Mapped[str | None] = mapped_column(Text)
    auth_status: Mapped[str | None] = mapped_column(Text)
    last_sync: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    created_at: Mapped[Instant] = mapped_column(server_default=func.now())
    erased_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When it was deleted at its owner's request; the row stays, for what refers to it."""


class FacilityRole(Base):
    """One person's role at one facility. An owner who also operates has ``owner_operator``."""

    __tablename__ = "facility_roles"
    __table_args__ = (
        CheckConstraint("role in ('owner', 'operator', 'owner_operator')", name="role"),
        Index(None, "person_id"),
    )

    facility_id: Mapped[UUID] = mapped_column(
        ForeignKey("facilities.id", ondelete="CASCADE"), primary_key=True
    )
    person_id: Mapped[UUID] = mapped_column(
        ForeignKey("people.id", ondelete="CASCADE"), primary_key=True
    )
    role: Mapped[str] = mapped_column(Text)
    since: Mapped[Instant] = mapped_column(server_default=func.now())


def visible_to(person_id: UUID | BindParameter[UUID], *, is_admin: bool) -> Select[UUID]:
    """Select the ids of the facilities a person may see. Every query for a person starts here.

    A query put together once for all people takes a parameter instead of one person.
    """
    if is_admin:
        return select(Facility.id)
    return select(FacilityRole.facility_id).where(FacilityRole.person_id == person_id)


def role_of(session: Session, facility_id: UUID, person_id: UUID) -> str | None:
    role = session.get(FacilityRole, (facility_id, person_id))
    return role.role if role else None
