"""The outbox: every mail is first a row, written in the transaction of the change it reports."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, Index, Select, Text, delete, func, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

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


def claim_next(session: Session, *, now: datetime, until: datetime) -> Mail | None:
    """Take the unsent mail that is due longest and put it off to ``until``, so that no other
    sender takes it meanwhile; rows that another sender is taking just now are passed over.
    """
    mail: Mail | None = session.scalar(
        _unsent(select(Mail))
        .where(Mail.not_before <= now)
        .order_by(Mail.not_before)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if mail is not None:
        mail.not_before = until
        mail.attempts += 1
    return mail


def was_queued(session: Session, *, to: str, repeat_key: str, since: datetime | None) -> bool:
    """Say whether this news went to this address already, sent or still waiting.

    Holds a lock on key and address until the transaction ends: two changes at the same time make
    one mail, too.
    """
    session.execute(
        text("select pg_advisory_xact_lock(hashtextextended(:key, 0))"),
        {"key": f"mail {to} {repeat_key}"},
    )
    earlier = select(Mail.id).where(
        Mail.repeat_key == repeat_key, Mail.to_address == to, Mail.given_up_at.is_(None)
    )
    if since is not None:
        earlier = earlier.where(Mail.created_at > since)
    return session.scalar(earlier.limit(1)) is not None


def overdue(
    session: Session, *, kind: str, created_before: datetime, now: datetime
) -> Sequence[Mail]:
    """Return the unsent mails of a kind that nobody is sending now and that are too old, locked."""
    return session.scalars(
        _unsent(select(Mail))
        .where(Mail.kind == kind, Mail.created_at < created_before, Mail.not_before <= now)
        .with_for_update(skip_locked=True)
    ).all()


def delete_over(session: Session, *, before: datetime) -> int:
    """Delete the mails that were sent or given up before an instant; return how many."""
    over_at = func.coalesce(Mail.sent_at, Mail.given_up_at)
    gone = delete(Mail).where(over_at < before).returning(Mail.id)
    return len(session.scalars(gone).all())


def waiting(session: Session) -> int:
    """Count the mails that are neither sent nor given up."""
    return session.scalar(_unsent(select(func.count()).select_from(Mail))) or 0


def _unsent(statement: Select[Any]) -> Select[Any]:
    return statement.where(Mail.sent_at.is_(None), Mail.given_up_at.is_(None))
