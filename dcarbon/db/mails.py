"""The outbox: every mail is first a row, written in the transaction of the change it reports."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from dcarbon.db.base import Base, Id, Instant


class Mail(Base):
    """One mail to one address; ``repeat_key`` keeps the same news from going out again too soon."""

    __tablename__ = "mails"
    __table_args__ = (
        Index(
            "ix_mails_unsent",
            "not_before",
            postgresql_where="sent_at is null and given_up_at is null",
        ),
        Index(None, "repeat_key", "created_at"),
        Index(None, "facility_id"),
    )

    id: Mapped[Id]
    to_address: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    """Name of the template: ``sign_in``, ``operator_invitation``, ``reauthorization_needed`` …"""
    subject: Mapped[str] = mapped_column(Text)
    text_body: Mapped[str] = mapped_column(Text)
    html_body: Mapped[str] = mapped_column(Text)
    facility_id: Mapped[UUID | None] = mapped_column(ForeignKey("facilities.id"))
    repeat_key: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[Instant]
    not_before: Mapped[Instant]
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None] = mapped_column(Text)
    sent_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    given_up_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
