"""Requests of people to have their data deleted, and payloads that are leaving the landing zone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, LargeBinary, Text, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, Session, mapped_column

from dcarbon.db.base import Base, Id, Instant
from dcarbon.domain.errors import NotFound

OPEN = ("asked", "approved", "started", "erased")
"""States in which something is still to come, in their order."""


class DeletionRequest(Base):
    """One person's wish to be forgotten, from the asking to the receipt.

    ``asked`` (can be taken back), ``approved`` (an administrator or the grace period), ``started``
    (access ends at the utilities), ``erased`` (the bytes are leaving), then ``done``; or
    ``cancelled``, or ``declined`` with a reason.
    """

    __tablename__ = "deletion_requests"
    __table_args__ = (
        CheckConstraint(
            "state in ('asked', 'approved', 'started', 'erased', 'done', 'cancelled', 'declined')",
            name="state",
        ),
        CheckConstraint(
            "(state = 'done') = (receipt is not null) and (state = 'done') = (done_at is not null)",
            name="done_with_receipt",
        ),
        Index(
            "uq_deletion_requests_open",
            "person_id",
            unique=True,
            postgresql_where="state in ('asked', 'approved', 'started', 'erased')",
        ),
        Index(None, "asked_at"),
    )

    id: Mapped[Id]
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"))
    state: Mapped[str] = mapped_column(Text)
    asked_at: Mapped[Instant]
    due_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When it is carried out without anybody deciding; ``None``: only an administrator decides."""
    decided_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("people.id"))
    """``None`` after ``decided_at``: the grace period was over."""
    reason: Mapped[str | None] = mapped_column(Text)
    """Why it was declined, in words for the person."""
    started_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    erased_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    erased: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    """What the receipt will say, kept from the moment of erasing."""
    done_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    contact: Mapped[str | None] = mapped_column(Text)
    """Where the receipt goes, from the start until it went; the person has no address by then."""
    receipt: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The receipt as canonical JSON: references, counts and hashes, nothing personal."""
    link_hash: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    """Of the secret in the address at which the person finds the receipt."""


class LeavingPayload(Base):
    """Bytes set aside in the landing zone: deleted for good a little later, unless they landed
    again meanwhile.
    """

    __tablename__ = "leaving_payloads"
    __table_args__ = (Index(None, "left_at"), Index(None, "deletion_id"))

    sha256: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    left_at: Mapped[Instant]
    deletion_id: Mapped[UUID | None] = mapped_column(ForeignKey("deletion_requests.id"))
    """Whose receipt waits for it."""


def open_request(session: Session, person_id: UUID) -> DeletionRequest | None:
    """Return a person's request that is under way, if there is one, locked."""
    return session.scalar(
        select(DeletionRequest)
        .where(DeletionRequest.person_id == person_id, DeletionRequest.state.in_(OPEN))
        .with_for_update()
    )


def to_carry_out(session: Session, *, now: datetime) -> Sequence[UUID]:
    """Return the requests with something to be done: decided, or due by then; oldest first."""
    row = DeletionRequest
    is_due = (row.state == "asked") & (row.due_at <= now)
    decided = row.state.in_(("approved", "started", "erased"))
    return session.scalars(select(row.id).where(is_due | decided).order_by(row.id)).all()


def leaving_for(session: Session, deletion_id: UUID) -> int:
    """Count the payloads that are still leaving for a request."""
    chosen = select(func.count()).where(LeavingPayload.deletion_id == deletion_id)
    return session.scalar(chosen) or 0


def locked(session: Session, deletion_id: UUID) -> DeletionRequest:
    """Return a request as it is now, locked by this transaction. Raises :class:`NotFound`."""
    row = session.get(DeletionRequest, deletion_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFound("no such request")
    return row
