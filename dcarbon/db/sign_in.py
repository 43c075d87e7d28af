"""How people come in: single-use links by mail, and the sessions that follow. No passwords."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, Index, LargeBinary, Text, func
from sqlalchemy.dialects.postgresql import INET
from sqlalchemy.orm import Mapped, mapped_column

from dcarbon.db.base import Base, Id, Instant


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
