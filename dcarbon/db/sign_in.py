"""How people come in: single-use links by mail, and the sessions that follow. No passwords."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    Text,
    cast,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import INET
from sqlalchemy.orm import Mapped, Session, mapped_column

from dcarbon.db.base import Base, Id, Instant
from dcarbon.db.people import Person


class SignInLink(Base):
    """A link asked for by somebody who says the address is theirs; only its hash is kept.

    Written for unknown addresses too (without a person): quotas count rows, and the answer is the
    same for all.
    """

    __tablename__ = "sign_in_links"
    __table_args__ = (
        Index(None, "email", "created_at"),
        Index(None, "ip", "created_at"),
        Index(None, "person_id"),
    )

    id: Mapped[Id]
    email: Mapped[str] = mapped_column(Text)
    person_id: Mapped[UUID | None] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    browser_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    next_path: Mapped[str | None] = mapped_column(Text)
    """Where to go after signing in: a path of ours, never an address."""
    ip: Mapped[str | None] = mapped_column(INET)
    created_at: Mapped[Instant]
    expires_at: Mapped[Instant]
    consumed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class WebSession(Base):
    """A browser that is signed in. The cookie holds the secret, the row its hash."""

    __tablename__ = "web_sessions"
    __table_args__ = (Index(None, "person_id", "ended_at"),)

    id: Mapped[Id]
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    how: Mapped[str] = mapped_column(Text)
    """``link``, ``invitation`` or ``oidc``."""
    ip: Mapped[str | None] = mapped_column(INET)
    browser: Mapped[str] = mapped_column(Text, default="")
    """What the browser says it is, cut short: so that people recognise their sessions."""
    created_at: Mapped[Instant]
    last_seen_at: Mapped[Instant] = mapped_column(server_default=func.now())
    expires_at: Mapped[Instant]
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


def lock_quotas(session: Session, names: Iterable[str]) -> None:
    """Let only one transaction at a time count these: without it many at once all see room."""
    for name in sorted(names):
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


def links_asked_for(session: Session, *, email: str, since: datetime) -> int:
    asked = select(func.count()).where(SignInLink.email == email, SignInLink.created_at > since)
    return session.scalar(asked) or 0


def links_asked_from(session: Session, *, network: str, since: datetime) -> int:
    """Count links by where they were asked for; ``network`` in CIDR notation."""
    inside = SignInLink.ip.op("<<=")(cast(network, INET))
    return session.scalar(select(func.count()).where(inside, SignInLink.created_at > since)) or 0


def link_by_hash(session: Session, secret_hash: bytes) -> SignInLink | None:
    return session.scalar(select(SignInLink).where(SignInLink.secret_hash == secret_hash))


def consume_link(session: Session, secret_hash: bytes, *, now: datetime) -> SignInLink | None:
    """Mark a good link as used and return it: one of many at once gets it, the others ``None``."""
    link = SignInLink
    good = (link.secret_hash == secret_hash, link.consumed_at.is_(None), link.expires_at > now)
    return session.scalar(update(link).where(*good).values(consumed_at=now).returning(link))


def end_open_links(session: Session, email: str, *, now: datetime) -> None:
    """End what else was asked for under an address: somebody who is in needs no further link."""
    link = SignInLink
    still_open = (link.email == email, link.consumed_at.is_(None), link.expires_at > now)
    session.execute(update(link).where(*still_open).values(expires_at=now))


def delete_links(session: Session, *, expired_before: datetime) -> int:
    gone = delete(SignInLink).where(SignInLink.expires_at < expired_before)
    return len(session.scalars(gone.returning(SignInLink.id)).all())


def delete_sessions(session: Session, *, over_before: datetime) -> int:
    """Delete the sessions that had ended or expired by then, and return how many."""
    row = WebSession
    over = func.coalesce(row.ended_at, row.expires_at) < over_before
    return len(session.scalars(delete(row).where(over).returning(row.id)).all())


def session_by_hash(session: Session, secret_hash: bytes) -> tuple[WebSession, Person] | None:
    """Return the web session with this hash and whose it is, ended and expired ones too."""
    found = session.execute(
        select(WebSession, Person)
        .join(Person, Person.id == WebSession.person_id)
        .where(WebSession.secret_hash == secret_hash)
    ).one_or_none()
    return (found[0], found[1]) if found else None


def open_sessions(
    session: Session, person_id: UUID, *, now: datetime, seen_after: datetime
) -> Sequence[WebSession]:
    """Return a person's sessions that still work, the last used first."""
    row = WebSession
    working = (row.ended_at.is_(None), row.expires_at > now, row.last_seen_at > seen_after)
    found = select(row).where(row.person_id == person_id, *working)
    return session.scalars(found.order_by(row.last_seen_at.desc(), row.id.desc())).all()
