"""People and the API tokens they hold. No passwords exist."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Computed,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    Text,
    bindparam,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, Session, mapped_column

from dcarbon.db.base import Base, Id, Instant


class Person(Base):
    """Somebody who signs in: an owner, operator or resident; an administrator if so marked."""

    __tablename__ = "people"
    __table_args__ = (
        CheckConstraint("account_kind in ('commercial', 'residential')", name="account_kind"),
        CheckConstraint("email = lower(email)", name="email_lower"),
        Index(
            "ix_people_found_by_parts",
            "found_by",
            postgresql_using="gin",
            postgresql_ops={"found_by": "gin_trgm_ops"},
        ),
    )

    id: Mapped[Id]
    email: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text, default="")
    account_kind: Mapped[str] = mapped_column(Text)
    found_by: Mapped[str | None] = mapped_column(
        Text, Computed("lower(name || ' ' || email)", persisted=True), deferred=True
    )
    """What administrators find somebody by; made by the server."""
    is_admin: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[Instant] = mapped_column(server_default=func.now())
    erased_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When name and address were deleted at the person's request; the row stays, without them."""


class ApiToken(Base):
    """A bearer token of a person; only the hash of its secret is kept."""

    __tablename__ = "api_tokens"
    __table_args__ = (Index(None, "person_id"),)

    id: Mapped[Id]
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(Text)
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[Instant] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    last_used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


# Asked with every request of a program: put together once.
_BY_HASH = (
    select(ApiToken, Person)
    .join(Person, Person.id == ApiToken.person_id)
    .where(ApiToken.secret_hash == bindparam("secret_hash"))
)


def person_by_email(session: Session, email: str) -> Person | None:
    return session.scalar(select(Person).where(Person.email == email.strip().lower()))


def token_by_hash(session: Session, secret_hash: bytes) -> tuple[ApiToken, Person] | None:
    """Return the token with this hash and whose it is, revoked and expired ones too."""
    found = session.execute(_BY_HASH, {"secret_hash": secret_hash}).one_or_none()
    return (found[0], found[1]) if found else None
