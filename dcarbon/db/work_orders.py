"""Work orders: what is to be collected for whom, why, when to try next; and the attempts made."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, Select, Text, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from dcarbon.db.base import Base, Id, Instant
from dcarbon.domain import correlation


class WorkOrder(Base):
    """Something wanted of the pipelines. Open while ``done_at`` is null."""

    __tablename__ = "work_orders"
    __table_args__ = (
        CheckConstraint("kind in ('collect', 'repull', 'revoke', 'rotate')", name="kind"),
        CheckConstraint("outcome in ('done', 'given_up', 'cancelled')", name="outcome"),
        Index("ix_work_orders_open", "not_before", postgresql_where="done_at is null"),
        Index(None, "authorization_id"),
        Index(None, "done_at"),
    )

    id: Mapped[Id]
    kind: Mapped[str] = mapped_column(Text)
    authorization_id: Mapped[UUID] = mapped_column(ForeignKey("authorizations.id"))
    window_start: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    window_end: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    reason: Mapped[str] = mapped_column(Text)
    final: Mapped[bool] = mapped_column(default=False, server_default="false")
    """Of a ``revoke``: land what is new before the provider is told."""
    requested_by: Mapped[UUID | None] = mapped_column(ForeignKey("people.id"))
    opened_at: Mapped[Instant] = mapped_column(server_default=func.now())
    not_before: Mapped[Instant] = mapped_column(server_default=func.now())
    attempts: Mapped[int] = mapped_column(default=0)
    last_error_code: Mapped[str | None] = mapped_column(Text)
    progress: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    """What people may watch while it runs: meters found, days in, per meter."""
    done_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    outcome: Mapped[str | None] = mapped_column(Text)
    correlation_id: Mapped[str | None] = mapped_column(Text, default=correlation.current)
    """Of the request or run that asked for it; ``None`` where nothing has one."""


class SyncAttempt(Base):
    """One try to collect for one authorization: what came of it and who has to act if nothing."""

    __tablename__ = "sync_attempts"
    __table_args__ = (
        Index(None, "authorization_id", "started_at"),
        Index(
            "ix_sync_attempts_sync",
            "sync_key",
            "authorization_id",
            postgresql_where="sync_key is not null",
        ),
    )

    id: Mapped[Id]
    authorization_id: Mapped[UUID] = mapped_column(ForeignKey("authorizations.id"))
    work_order_id: Mapped[UUID | None] = mapped_column(ForeignKey("work_orders.id"))
    started_at: Mapped[Instant]
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    run_id: Mapped[str | None] = mapped_column(Text)
    sync_key: Mapped[str | None] = mapped_column(Text)
    """The scheduled sync it belongs to, as ``daily:2026-11-22``: finished, it is not repeated."""
    error_code: Mapped[str | None] = mapped_column(Text)
    error_detail: Mapped[str | None] = mapped_column(Text)
    next_try_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    payloads: Mapped[int] = mapped_column(default=0)
    readings: Mapped[int] = mapped_column(default=0)
    restated: Mapped[int] = mapped_column(default=0)
    unreadable: Mapped[int] = mapped_column(default=0)


def open_orders(*, now: datetime) -> Select[WorkOrder]:
    """Select open orders that are due at ``now``, oldest first."""
    return (
        select(WorkOrder)
        .where(WorkOrder.done_at.is_(None), WorkOrder.not_before <= now)
        .order_by(WorkOrder.not_before, WorkOrder.id)
    )
