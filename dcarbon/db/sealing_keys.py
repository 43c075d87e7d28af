"""The keys that ever sealed here: which one seals now, and a proof by which each is known again.

The keys themselves are never here. What they seal is in ``sealed_secrets``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Index, LargeBinary, Text, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from dcarbon.db.base import Base, Instant
from dcarbon.db.sealing import KeyRing
from dcarbon.domain.errors import SealBroken

_PROOF, _PROOF_ROW = b"dcarbon", UUID(int=0)
_TURN = "sealing keys"


class SealingKey(Base):
    """A key that seals or has sealed. One is in force in all processes."""

    __tablename__ = "sealing_keys"
    __table_args__ = (
        Index(
            "uq_sealing_keys_in_force", "is_in_force", unique=True, postgresql_where="is_in_force"
        ),
    )

    key_id: Mapped[str] = mapped_column(Text, primary_key=True)
    proof: Mapped[bytes] = mapped_column(LargeBinary)
    """A word everybody knows, sealed: another key with this id does not open it."""
    is_in_force: Mapped[bool]
    in_force_since: Mapped[Instant]
    replaced_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


def known(session: Session) -> Sequence[SealingKey]:
    """Return every key that ever sealed, the newest first."""
    return session.scalars(select(SealingKey).order_by(SealingKey.in_force_since.desc())).all()


def in_force(session: Session) -> SealingKey | None:
    """Return the key that seals; ``None`` before the first start."""
    return session.scalar(select(SealingKey).where(SealingKey.is_in_force))


def proof_of(ring: KeyRing) -> bytes:
    """Return what proves the ring's current key."""
    return ring.seal(_PROOF, bound_to=_PROOF_ROW)


def is_proven(ring: KeyRing, key: SealingKey) -> bool:
    """Say whether the ring holds this very key, and not another one with its id."""
    try:
        return ring.open(key.proof, bound_to=_PROOF_ROW) == _PROOF
    except SealBroken:
        return False


def take_turn(session: Session) -> None:
    """Wait until nobody else changes keys; for the rest of the transaction."""
    session.execute(text("select pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": _TURN})


def put_in_force(session: Session, ring: KeyRing, *, now: datetime) -> None:
    """Let the ring's current key seal from now on, in all processes. Under :func:`take_turn`."""
    session.execute(
        update(SealingKey).where(SealingKey.is_in_force).values(is_in_force=False, replaced_at=now)
    )
    stated = {"is_in_force": True, "in_force_since": now, "replaced_at": None}
    row = insert(SealingKey).values(key_id=ring.current_id, proof=proof_of(ring), **stated)
    session.execute(row.on_conflict_do_update(index_elements=["key_id"], set_=stated))
