"""Landed payloads: one row per provider response, its bytes in the landing zone by hash."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, LargeBinary, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from dcarbon.db.base import Base, Id, Instant


class LandedPayload(Base):
    """The record of one response or file. The same bytes for the same facility are one row."""

    __tablename__ = "landed_payloads"
    __table_args__ = (
        CheckConstraint("octet_length(sha256) = 32", name="sha256"),
        CheckConstraint(
            "state in ('landed', 'parsed', 'empty', 'unreadable')",
            name="state",
        ),
        Index("uq_landed_payloads_bytes", "facility_id", "sha256", unique=True),
        Index(None, "authorization_id", "received_at"),
    )

    id: Mapped[Id]
    facility_id: Mapped[UUID] = mapped_column(ForeignKey("facilities.id"))
    authorization_id: Mapped[UUID | None] = mapped_column(ForeignKey("authorizations.id"))
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    media_type: Mapped[str] = mapped_column(Text)
    byte_count: Mapped[int]
    source: Mapped[str] = mapped_column(Text)
    """Address asked (no secrets) or name of the imported file."""
    received_at: Mapped[Instant]
    state: Mapped[str] = mapped_column(Text, default="landed")
    parser: Mapped[str | None] = mapped_column(Text)
    """Name and version of the parser that read it last."""
    readings: Mapped[int] = mapped_column(default=0)
    error_code: Mapped[str | None] = mapped_column(Text)
    error_detail: Mapped[str | None] = mapped_column(Text)
    warnings: Mapped[int] = mapped_column(default=0)
    parsed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class AwaitedBatch(Base):
    """A custodian answered 202: the data will be announced by a notification (reference 4.4).

    Written before the request is sent, since the notification can overtake the answer.
    """

    __tablename__ = "awaited_batches"
    __table_args__ = (
        Index(
            "uq_awaited_batches_open",
            "authorization_id",
            "request_url",
            unique=True,
            postgresql_where="fetched_at is null",
        ),
        Index("ix_awaited_batches_key", "url_key", postgresql_where="fetched_at is null"),
    )

    id: Mapped[Id]
    authorization_id: Mapped[UUID] = mapped_column(ForeignKey("authorizations.id"))
    request_url: Mapped[str] = mapped_column(Text)
    url_key: Mapped[str] = mapped_column(Text)
    """The address without its query: what a notification is matched by."""
    window_start: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    window_end: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    requested_at: Mapped[Instant] = mapped_column(server_default=func.now())
    accepted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    notified_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    notified_url: Mapped[str | None] = mapped_column(Text)
    fetched_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
