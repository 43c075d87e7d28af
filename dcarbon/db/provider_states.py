"""How each provider is doing, as all processes see it: outages, and what it told us already."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, ForeignKey, Index, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from dcarbon.db.base import Base, Id, Instant


class ProviderState(Base):
    """Whether a provider answers: one row per provider that was ever asked (story 6.2)."""

    __tablename__ = "provider_states"

    provider: Mapped[str] = mapped_column(Text, primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)
    """In a row, since the last answer; while paused only what was tried counts."""
    down_since: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When the first of these failures happened. It stays after the outage until the
    administrators who were told of it are told of its end."""
    last_error_code: Mapped[str | None] = mapped_column(Text)
    probe_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When one request may try again, while the breaker is open; ``None``: it is closed."""
    told_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When administrators were told of this outage; once each."""
    back_since: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """Since when it has answered again, after an outage that administrators were told of."""
    last_answer_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """To the minute."""


class ProviderTurn(Base):
    """When each of the last requests to a provider starts, for limits shared by all processes.

    As many are kept as the provider's largest window may hold.
    """

    __tablename__ = "provider_turns"

    provider: Mapped[str] = mapped_column(Text, primary_key=True)
    turn: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    starts_at: Mapped[Instant]


class ProviderEvent(Base):
    """A webhook event that was taken: the same one again, or late, changes nothing."""

    __tablename__ = "provider_events"
    __table_args__ = (Index(None, "received_at"),)

    provider: Mapped[str] = mapped_column(Text, primary_key=True)
    event_uid: Mapped[str] = mapped_column(Text, primary_key=True)
    received_at: Mapped[Instant]


class PlatformSecret(Base):
    """A secret of ours at a provider, set by command; wins over the one in the settings."""

    __tablename__ = "platform_secrets"
    __table_args__ = (
        Index(
            "uq_platform_secrets_current",
            "provider",
            "name",
            unique=True,
            postgresql_where="ended_at is null",
        ),
    )

    id: Mapped[Id]
    provider: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    """``api_token``, as in the settings."""
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    set_at: Mapped[Instant]
    set_by: Mapped[UUID | None] = mapped_column(ForeignKey("people.id"))
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
