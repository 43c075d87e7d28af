"""Replays: stored payloads read again by the parser of today, and what that would change."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from dcarbon.db.base import Base, Id, Instant


class Replay(Base):
    """One replay: first a report, then, when somebody wants it, the same payloads applied."""

    __tablename__ = "replays"

    id: Mapped[Id]
    authorization_id: Mapped[UUID | None] = mapped_column(ForeignKey("authorizations.id"))
    """``None``: of all authorizations."""
    received_from: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    received_to: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    asked_at: Mapped[Instant]
    run_id: Mapped[str | None] = mapped_column(Text)
    report: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    applied_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
