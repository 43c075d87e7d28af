"""Bulk actions: what an administrator asked for of many authorizations, and what came of each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from dcarbon.db.base import Base, Id, Instant


class BulkAction(Base):
    """One wish for many. ``finished_at`` is null while some of them are still to be done."""

    __tablename__ = "bulk_actions"
    __table_args__ = (
        CheckConstraint("kind in ('retry', 'revoke')", name="kind"),
        Index("ix_bulk_actions_open", "id", postgresql_where="finished_at is null"),
    )

    id: Mapped[Id]
    kind: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    requested_by: Mapped[UUID | None] = mapped_column(ForeignKey("people.id"))
    requested_at: Mapped[Instant]
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class BulkActionItem(Base):
    """One authorization of a bulk action, done in the order of ``place``."""

    __tablename__ = "bulk_action_items"
    __table_args__ = (
        CheckConstraint("outcome in ('done', 'refused')", name="outcome"),
        CheckConstraint("(outcome is null) = (done_at is null)", name="outcome_with_time"),
        Index(None, "authorization_id"),
    )

    bulk_action_id: Mapped[UUID] = mapped_column(
        ForeignKey("bulk_actions.id", ondelete="CASCADE"), primary_key=True
    )
    authorization_id: Mapped[UUID] = mapped_column(
        ForeignKey("authorizations.id", ondelete="CASCADE"), primary_key=True
    )
    place: Mapped[int]
    done_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    outcome: Mapped[str | None] = mapped_column(Text)
    code: Mapped[str | None] = mapped_column(Text)
    """Of one that was done, how; of one that was refused, the code of the error."""


def take_next(session: Session, bulk_action_id: UUID) -> BulkActionItem | None:
    """Return the item whose turn it is, locked until the transaction ends; ``None`` when all that
    are left are in other hands.
    """
    item = BulkActionItem
    return session.scalar(
        select(item)
        .where(item.bulk_action_id == bulk_action_id, item.done_at.is_(None))
        .order_by(item.place)
        .limit(1)
        .with_for_update(skip_locked=True)
    )


def items_of(session: Session, bulk_action_id: UUID) -> Sequence[BulkActionItem]:
    """Return all items in their order."""
    item = BulkActionItem
    found = select(item).where(item.bulk_action_id == bulk_action_id).order_by(item.place)
    return session.scalars(found).all()


def open_actions(session: Session) -> Sequence[BulkAction]:
    """Return what is not finished, oldest first."""
    unfinished = select(BulkAction).where(BulkAction.finished_at.is_(None))
    return session.scalars(unfinished.order_by(BulkAction.id)).all()
