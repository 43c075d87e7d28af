"""Every column with a sealed secret: how many each key seals, and sealing them anew in batches.

The list is closed: a test compares it with the columns of all tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Integer,
    LargeBinary,
    Text,
    bindparam,
    case,
    cast,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from dcarbon.db.authorizations import AuthorizationSession, Grant
from dcarbon.db.provider_states import PlatformSecret
from dcarbon.db.sealing import KeyRing, header
from dcarbon.domain.errors import SealBroken

BATCH = 500
"""Rows sealed anew in one transaction: what the others wait for at most is some hundredths of a
second.
"""


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column that holds sealed secrets, bound to the id in another one."""

    name: str
    """For people and the audit log: ``grants``."""
    row: type[Any]
    sealed: InstrumentedAttribute[Any]
    bound_to: InstrumentedAttribute[UUID]
    in_use: Callable[[datetime], ColumnElement[bool]]
    """Rows that somebody may still want to open; the others only wait to be forgotten."""


COLUMNS: Sequence[SealedColumn] = (
    SealedColumn(
        "grants",
        Grant,
        Grant.sealed,
        Grant.authorization_id,
        lambda _now: Grant.ended_at.is_(None),
    ),
    SealedColumn(
        "attempts",
        AuthorizationSession,
        AuthorizationSession.code_verifier_sealed,
        AuthorizationSession.authorization_id,
        lambda now: (
            AuthorizationSession.consumed_at.is_(None) & (AuthorizationSession.expires_at > now)
        ),
    ),
    SealedColumn(
        "platform_secrets",
        PlatformSecret,
        PlatformSecret.sealed,
        PlatformSecret.id,
        lambda _now: PlatformSecret.ended_at.is_(None),
    ),
)


@dataclass(frozen=True, slots=True)
class SealedCount:
    """How many secrets of a column one key seals; ``key_id`` is ``None`` for damaged ones."""

    column: str
    key_id: str | None
    count: int
    in_use: int


@dataclass(frozen=True, slots=True)
class Batch:
    """What became of some rows of a column; ``last`` is ``None`` when there are no more."""

    resealed: int
    unopened: Sequence[UUID]
    """Rows in use that no key of the ring opens."""
    dead: int
    """Such rows that nobody wants any more."""
    last: UUID | None


def counts(session: Session, *, now: datetime) -> Sequence[SealedCount]:
    """Count all sealed secrets by column and key."""
    found = []
    for column in COLUMNS:
        key_id = _key_id(column.sealed)
        in_use = func.count().filter(column.in_use(now))
        asked = select(key_id, func.count(), in_use).where(_is_sealed(column)).group_by(key_id)
        found += [SealedCount(column.name, *row) for row in session.execute(asked)]
    return found


def in_use(session: Session, *, now: datetime) -> Mapping[str, Mapping[str, int]]:
    """Return the keys without which something cannot be opened: how many secrets of each column."""
    found: dict[str, dict[str, int]] = {}
    for column in COLUMNS:
        key_id = _key_id(column.sealed)
        asked = select(key_id, func.count()).where(_is_sealed(column), column.in_use(now))
        for key, count in session.execute(asked.group_by(key_id)):
            if key is not None:
                found.setdefault(key, {})[column.name] = count
    return found


def newest(session: Session, *, now: datetime, limit: int) -> Sequence[tuple[bytes, UUID]]:
    """Return the newest secrets in use, at most ``limit`` of each column, and what each is bound
    to.
    """
    found: list[tuple[bytes, UUID]] = []
    for column in COLUMNS:
        asked = select(column.sealed, column.bound_to).where(_is_sealed(column), column.in_use(now))
        rows = session.execute(asked.order_by(column.row.id.desc()).limit(limit))
        found += [(sealed, bound_to) for sealed, bound_to in rows]
    return found


def left(session: Session, column: SealedColumn, key_id: str) -> int:
    """Return how many secrets of a column are sealed with other keys, or damaged."""
    asked = select(func.count()).select_from(column.row)
    return session.scalar(asked.where(_is_sealed(column), _is_other(column, key_id))) or 0


def reseal(
    session: Session,
    column: SealedColumn,
    ring: KeyRing,
    *,
    after: UUID | None,
    now: datetime,
    limit: int = BATCH,
) -> Batch:
    """Seal the next secrets of a column with the ring's current key. Does not commit.

    What cannot be opened stays as it is. Rows that somebody else holds are passed over, so nothing
    ever waits for this while it waits for something else.
    """
    row = column.row
    asked = select(row.id, column.sealed, column.bound_to, column.in_use(now)).where(
        _is_sealed(column), _is_other(column, ring.current_id)
    )
    if after is not None:
        asked = asked.where(row.id > after)
    rows = session.execute(
        asked.order_by(row.id).limit(limit).with_for_update(skip_locked=True)
    ).all()
    changes, unopened, dead = [], [], 0
    for identity, sealed, bound_to, is_in_use in rows:
        try:
            plain = ring.open(sealed, bound_to=bound_to)
        except SealBroken:
            unopened += [identity] if is_in_use else []
            dead += not is_in_use
            continue
        changes.append({"row_id": identity, "anew": ring.seal(plain, bound_to=bound_to)})
    if changes:
        table = row.__table__
        change = update(table).where(table.c.id == bindparam("row_id"))
        anew = bindparam("anew", type_=LargeBinary)
        session.connection().execute(change.values({column.sealed.key: anew}), changes)
    return Batch(len(changes), unopened, dead, rows[-1].id if rows else None)


def with_key(column: SealedColumn, key_id: str) -> ColumnElement[bool]:
    """Return the condition that a secret is sealed with this key."""
    begins = header(key_id)
    return func.substring(column.sealed, 1, len(begins)) == literal(begins, LargeBinary)


def _is_other(column: SealedColumn, key_id: str) -> ColumnElement[bool]:
    return ~with_key(column, key_id)


def _is_sealed(column: SealedColumn) -> ColumnElement[bool]:
    """A destroyed secret is empty bytes, or nothing."""
    return func.octet_length(column.sealed) > 0


def _key_id(sealed: InstrumentedAttribute[Any]) -> ColumnElement[str | None]:
    """Return the key id out of the envelope, see ``sealing``; damaged ones give nothing."""
    length = cast(func.get_byte(sealed, 1), Integer)
    is_whole = (func.octet_length(sealed) > 2) & (func.get_byte(sealed, 0) == 1)  # noqa: PLR2004
    # As text by "escape", which doubles backslashes: a damaged id must not stop the counting.
    key_id = func.encode(func.substring(sealed, 3, length), "escape")
    return case((is_whole, cast(func.replace(key_id, "\\\\", "\\"), Text)))
