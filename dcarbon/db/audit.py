"""The audit log: rows are only inserted, each chained to the one before by SHA-256."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import INET, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from dcarbon.db.base import Base, Instant

# Written as PostgreSQL writes them back: an index serves a query that says the same expression.
ABOUT = "(details ->> 'person'::text)"
"""Of an entry about a person: whom, who need not be the one who did it."""
WORDS = "jsonb_to_tsvector('simple'::regconfig, details, '[\"string\"]'::jsonb)"
"""The texts in an entry's details as words, for searching."""


class AuditEntry(Base):
    """Something that happened. Triggers refuse UPDATE and TRUNCATE, and DELETE but of entries that
    a checkpoint of the same transaction covers. The role the product works as may only read: it
    writes through the functions ``append_audit_entries`` and ``remove_audit_entries``.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (
        CheckConstraint("actor_kind in ('person', 'system')", name="actor_kind"),
        Index(None, "at"),
        Index(None, "event", "at"),
        Index(None, "authorization_id", "at", postgresql_where="authorization_id is not null"),
        Index(None, "facility_id", "at", postgresql_where="facility_id is not null"),
        Index(None, "actor_id", "at", postgresql_where="actor_id is not null"),
        Index(None, "ip", "at", postgresql_where="ip is not null"),
        Index("ix_audit_entries_about", text(ABOUT), "at", postgresql_where=f"{ABOUT} is not null"),
        Index("ix_audit_entries_words", text(WORDS), postgresql_using="gin"),
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


class AuditCheckpoint(Base):
    """Entries up to ``last_seq`` were removed for their age; the chain goes on from ``last_hash``.

    Written by ``remove_audit_entries`` alone. A trigger compares it with the entries it speaks of
    before they go, and refuses those younger than a year.
    """

    __tablename__ = "audit_checkpoints"

    last_seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    last_hash: Mapped[bytes] = mapped_column(LargeBinary)
    entries: Mapped[int] = mapped_column(BigInteger)
    newest_at: Mapped[Instant]
    """The time of the youngest entry removed."""
    removed_at: Mapped[Instant]
    """By the database's clock."""
