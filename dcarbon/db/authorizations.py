"""Authorizations, the grants behind them, and the single-use sessions in which they come about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    Text,
    Uuid,
    any_,
    func,
    literal,
    select,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from dcarbon.db.base import Base, Id, Instant

SHARDS = 16
"""Daily syncs are cut into this many parts; changing it redefines Dagster's partitions."""


def shard_of(authorization_id: UUID) -> int:
    """Return the shard of an authorization: stable, even (the tail of a UUIDv7 is random)."""
    return authorization_id.int % SHARDS


class Authorization(Base):
    """One customer's consent at one provider for one facility; outlives every grant."""

    __tablename__ = "authorizations"
    __table_args__ = (
        CheckConstraint("method in ('green_button', 'utilityapi')", name="method"),
        CheckConstraint(
            "status in ('pending', 'authorized', 'failed', 'expired', 'revoked')", name="status"
        ),
        CheckConstraint("sync_health in ('ok', 'delayed', 'blocked')", name="sync_health"),
        Index(None, "facility_id"),
        Index("ix_authorizations_due", "shard", "id", postgresql_where="status = 'authorized'"),
        Index(None, "provider", "external_id"),
        Index(None, "created_at", "id"),
        Index(None, "utility", "id"),
        Index(None, "requested_by"),
        Index(
            "ix_authorizations_ended",
            "status_at",
            postgresql_where="status = 'revoked' and readings_erased_at is null",
        ),
    )

    id: Mapped[Id]
    facility_id: Mapped[UUID] = mapped_column(ForeignKey("facilities.id"))
    requested_by: Mapped[UUID | None] = mapped_column(ForeignKey("people.id"))
    method: Mapped[str] = mapped_column(Text)
    provider: Mapped[str] = mapped_column(Text)
    """Key of the utility's profile: ``pge``, ``sce``, ``sdge``, ``utilityapi``."""
    utility: Mapped[str] = mapped_column(Text)
    """The utility as people know it: ``PG&E``, or a UtilityAPI utility code."""
    status: Mapped[str] = mapped_column(Text, default="pending")
    reason_code: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    """A sentence for people: why the status is what it is, and what to do."""
    status_at: Mapped[Instant] = mapped_column(server_default=func.now())
    external_id: Mapped[str | None] = mapped_column(Text)
    """The provider's identifier, shown as ``auth_id``: never a secret, never a key of ours."""
    granted_scope: Mapped[str | None] = mapped_column(Text)
    resource_uri: Mapped[str | None] = mapped_column(Text)
    authorization_uri: Mapped[str | None] = mapped_column(Text)
    customer_resource_uri: Mapped[str | None] = mapped_column(Text)
    consent_ends_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    shard: Mapped[int] = mapped_column(SmallInteger)
    last_sync: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    sync_health: Mapped[str] = mapped_column(Text, default="ok")
    sync_health_code: Mapped[str | None] = mapped_column(Text)
    sync_health_since: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    created_at: Mapped[Instant] = mapped_column(server_default=func.now())
    authorized_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    retries: Mapped[int] = mapped_column(default=0, server_default="0")
    """How often somebody had it started again after a failure (story 3.2)."""
    retried_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    consent_told_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When people were last told that the consent ends; which countdown that was follows."""
    payloads_erased_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When its payloads were deleted after its end, save those a final report rests on."""
    readings_erased_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """The same of its readings."""


class Grant(Base):
    """The sealed secret behind an authorization at one time; at most one is current."""

    __tablename__ = "grants"
    __table_args__ = (
        Index(
            "uq_grants_current",
            "authorization_id",
            unique=True,
            postgresql_where="ended_at is null and not is_pending",
        ),
        Index(
            "uq_grants_pending",
            "authorization_id",
            unique=True,
            postgresql_where="ended_at is null and is_pending",
        ),
    )

    id: Mapped[Id]
    authorization_id: Mapped[UUID] = mapped_column(ForeignKey("authorizations.id"))
    is_pending: Mapped[bool] = mapped_column(default=False, server_default="false")
    """Stored by a rotation, not yet proven by a call; the grant before it is still in force."""
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    access_expires_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    obtained_at: Mapped[Instant]
    """By the customer's consent or the last rotation: the age of a grant counts from here."""
    refreshed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When its tokens were last issued: the life of a refresh token counts from here. ``None``:
    not since ``obtained_at``.
    """
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    end_reason: Mapped[str | None] = mapped_column(Text)


class AuthorizationSession(Base):
    """One attempt to authorise, from our page to the utility's and back. Its state works once."""

    __tablename__ = "authorization_sessions"
    __table_args__ = (Index(None, "authorization_id"),)

    id: Mapped[Id]
    authorization_id: Mapped[UUID] = mapped_column(ForeignKey("authorizations.id"))
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"))
    state_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    browser_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Hash of a cookie of the browser that started, when one did."""
    code_verifier_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    redirect_uri: Mapped[str] = mapped_column(Text)
    form_uid: Mapped[str | None] = mapped_column(Text)
    referral: Mapped[str | None] = mapped_column(Text)
    """What UtilityAPI sent back; the authorization it leads to may appear a little later."""
    created_at: Mapped[Instant]
    expires_at: Mapped[Instant]
    consumed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    error_code: Mapped[str | None] = mapped_column(Text)
    error_message: Mapped[str | None] = mapped_column(Text)


def current_grant(session: Session, authorization_id: UUID) -> Grant | None:
    """Return the grant in force, if any."""
    return session.scalar(
        select(Grant).where(
            Grant.authorization_id == authorization_id,
            Grant.ended_at.is_(None),
            Grant.is_pending.is_(False),
        )
    )


def pending_grant(session: Session, authorization_id: UUID) -> Grant | None:
    """Return the grant that a rotation has stored and not proven yet, if any."""
    return session.scalar(
        select(Grant).where(
            Grant.authorization_id == authorization_id,
            Grant.ended_at.is_(None),
            Grant.is_pending,
        )
    )


class OpenGrants(NamedTuple):
    """The grant in force, the pending one and the authorization's status."""

    current: Grant | None = None
    pending: Grant | None = None
    status: str | None = None


def open_grants(session: Session, authorization_ids: Sequence[UUID]) -> list[OpenGrants]:
    """Return the open grants of each authorization, in one look."""
    asked = any_(literal(list(authorization_ids), ARRAY(Uuid)))
    rows = session.execute(
        select(Grant, Authorization.status)
        .join(Authorization, Authorization.id == Grant.authorization_id)
        .where(Grant.authorization_id == asked, Grant.ended_at.is_(None))
    )
    found: dict[UUID, OpenGrants] = {}
    for grant, status in rows:
        held = found.get(grant.authorization_id, OpenGrants(status=status))
        found[grant.authorization_id] = (
            held._replace(pending=grant) if grant.is_pending else held._replace(current=grant)
        )
    return [found.get(one, OpenGrants()) for one in authorization_ids]


def session_by_state(session: Session, state_hash: bytes) -> AuthorizationSession | None:
    """Return the attempt with this state, locked until the transaction ends."""
    return session.scalar(
        select(AuthorizationSession)
        .where(AuthorizationSession.state_hash == state_hash)
        .with_for_update()
    )
