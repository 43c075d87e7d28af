"""The audit log: rows are only inserted, each chained to the one before by SHA-256."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, LargeBinary, Text
from sqlalchemy.dialects.postgresql import INET, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from dcarbon.db.base import Base, Instant


class AuditEntry(Base):
    """Something that happened. A trigger refuses UPDATE and DELETE."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        CheckConstraint("actor_kind in ('person', 'system')", name="actor_kind"),
        Index(None, "authorization_id"),
        Index(None, "facility_id"),
        Index(None, "event", "at"),
    )

    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[Instant]
    event: Mapped[str] = mapped_column(Text)
    actor_kind: Mapped[str] = mapped_column(Text)
    actor_id: Mapped[UUID | None]
    facility_id: Mapped[UUID | None]
    authorization_id: Mapped[UUID | None]
    ip: Mapped[str | None] = mapped_column(INET)
    details: Mapped[dict[str, Any]] = mapped_column(JSONB)
    previous_hash: Mapped[bytes] = mapped_column(LargeBinary)
    hash: Mapped[bytes] = mapped_column(LargeBinary)
