"""Registrations under way, kept at every step, and invitations of operators."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, LargeBinary, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from dcarbon.db.base import Base, Id, Instant


class Registration(Base):
    """One person's way through *Add New Facility*. Unfinished ones can be continued."""

    __tablename__ = "registrations"
    __table_args__ = (
        CheckConstraint("account_kind in ('commercial', 'residential')", name="account_kind"),
        CheckConstraint("role in ('owner', 'owner_operator')", name="role"),
        CheckConstraint(
            "step in ('role', 'details', 'utility', 'operator', 'waiting', 'done')", name="step"
        ),
        Index("ix_registrations_open", "person_id", postgresql_where="ended_at is null"),
    )

    id: Mapped[Id]
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    account_kind: Mapped[str] = mapped_column(Text)
    role: Mapped[str | None] = mapped_column(Text)
    step: Mapped[str] = mapped_column(Text)
    answers: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    """What was typed so far, by field name, also what is not valid yet."""
    facility_id: Mapped[UUID | None] = mapped_column(ForeignKey("facilities.id"))
    """Made once the details are complete; the rest of the way works on it."""
    created_at: Mapped[Instant]
    updated_at: Mapped[Instant]
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """Finished, or put away by the person."""


class Invitation(Base):
    """An owner asks an operator to authorise the utility. A resent one ends the one before."""

    __tablename__ = "invitations"
    __table_args__ = (
        Index(
            "uq_invitations_open",
            "facility_id",
            unique=True,
            postgresql_where="accepted_at is null and ended_at is null",
        ),
        Index(None, "facility_id"),
        Index(None, "email"),
    )

    id: Mapped[Id]
    facility_id: Mapped[UUID] = mapped_column(ForeignKey("facilities.id"))
    email: Mapped[str] = mapped_column(Text)
    invited_by: Mapped[UUID] = mapped_column(ForeignKey("people.id"))
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[Instant]
    expires_at: Mapped[Instant]
    accepted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    accepted_by: Mapped[UUID | None] = mapped_column(ForeignKey("people.id"))
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    end_reason: Mapped[str | None] = mapped_column(Text)
    """``replaced``, ``address_changed``, ``withdrawn``."""
