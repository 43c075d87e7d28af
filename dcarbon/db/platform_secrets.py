"""Secrets of ours at providers, sealed: at most one of a name is in force, the ones before stay
as rows without their words.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from dcarbon.db.base import new_id
from dcarbon.db.engine import Sessions
from dcarbon.db.provider_states import PlatformSecret
from dcarbon.db.sealing import Sealer
from dcarbon.domain.secrets import Secret


def read(sessions: Sessions, keys: Sealer, *, provider: str, name: str) -> Secret | None:
    """Return the secret in force, if one was set."""
    with sessions() as session:
        row = _current(session, provider, name)
    return Secret(keys.open(row.sealed, bound_to=row.id).decode()) if row else None


def replace(
    session: Session,
    keys: Sealer,
    secret: Secret,
    *,
    provider: str,
    name: str,
    set_by: UUID | None,
    now: datetime,
) -> PlatformSecret | None:
    """Put a secret in force and forget the one before, whose row is returned if there was one."""
    session.execute(
        text("select pg_advisory_xact_lock(hashtextextended(:key, 0))"),
        {"key": f"platform secret {provider} {name}"},
    )
    before = _current(session, provider, name)
    if before is not None:
        before.ended_at, before.sealed = now, b""
        session.flush()
    identity = new_id()
    session.add(
        PlatformSecret(
            id=identity,
            provider=provider,
            name=name,
            sealed=keys.seal(secret.reveal().encode(), bound_to=identity),
            set_at=now,
            set_by=set_by,
        )
    )
    return before


def _current(session: Session, provider: str, name: str) -> PlatformSecret | None:
    return session.scalar(
        select(PlatformSecret).where(
            PlatformSecret.provider == provider,
            PlatformSecret.name == name,
            PlatformSecret.ended_at.is_(None),
        )
    )
