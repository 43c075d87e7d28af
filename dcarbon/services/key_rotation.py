"""Changing the key that seals: a new one is put in force, and everything is sealed anew with it.

Nothing stops meanwhile: until the end both keys open, and each secret is sealed anew in place. An
interrupted rotation goes on where it was, because what is left is what another key seals.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from dcarbon.db import sealed_secrets, sealing_keys
from dcarbon.db.sealed_secrets import COLUMNS, SealedColumn
from dcarbon.db.sealing import KeyRing
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.errors import InvalidTransition
from dcarbon.services import audit, live_keys
from dcarbon.services.actors import Actor
from dcarbon.services.runtime import Runtime

_ROUNDS = 20
_PAUSE_S = 0.25
"""Before looking again at rows that somebody else held."""

Progress = Callable[[int, int], None]
"""Told how many secrets are sealed anew, of how many."""


@dataclass(slots=True)
class Rotation:
    """What a rotation did."""

    key_id: str
    is_new: bool
    """Whether this call put the key in force; otherwise it went on with what was left."""
    resealed: dict[str, int] = field(default_factory=dict)
    """By column."""
    unopened: dict[str, list[UUID]] = field(default_factory=dict)
    """By column, the rows in use that no key here opens: they stay as they are."""
    dead: int = 0
    """Such secrets that nobody wants any more; they stay as well."""
    held: int = 0
    """Secrets that others held on to until the end: one more rotation takes them."""

    @property
    def is_whole(self) -> bool:
        """Say whether every secret in use is now sealed with the key in force."""
        return not self.held and not any(self.unopened.values())


@dataclass(frozen=True, slots=True)
class KeyView:
    """A key as administrators see it. Instants are UTC; ``None``: it has not sealed yet."""

    key_id: str
    is_held: bool
    """Whether it is among the keys of this process, and the right one."""
    is_in_force: bool
    in_force_since: datetime | None
    replaced_at: datetime | None
    seals: Mapping[str, int]
    in_use: Mapping[str, int]

    @property
    def is_lost(self) -> bool:
        """Say whether something cannot be opened for want of this key."""
        return not self.is_held and (self.is_in_force or bool(self.in_use))


def listed(runtime: Runtime) -> list[KeyView]:
    """Return every key that is held here, or has ever sealed, or seals something."""
    ring = runtime.keys.given.ring
    with runtime.sessions() as session:
        known = {key.key_id: key for key in sealing_keys.known(session)}
        counts = sealed_secrets.counts(session, now=runtime.now())
    held = {each for each in ring.ids if _is_right(ring, known.get(each))}
    names = dict.fromkeys([*ring.ids, *known, *(c.key_id for c in counts if c.key_id)])
    views = []
    for name in names:
        key = known.get(name)
        views.append(
            KeyView(
                name,
                is_held=name in held,
                is_in_force=key is not None and key.is_in_force,
                in_force_since=key.in_force_since if key else None,
                replaced_at=key.replaced_at if key else None,
                seals={c.column: c.count for c in counts if c.key_id == name},
                in_use={c.column: c.in_use for c in counts if c.key_id == name and c.in_use},
            )
        )
    return views


def rotate(
    runtime: Runtime,
    *,
    actor: Actor,
    progress: Progress = lambda _done, _of: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Rotation:
    """Put the first key of the settings in force, if it never was, and seal everything with it.

    Returns when every process has taken the key up: half a minute after it was put in force. Raises
    :class:`InvalidTransition` (``keys_changed_meanwhile``) when another one was put in force.
    """
    ring, done, since = _in_force(runtime, actor)
    with runtime.sessions() as session:
        total = sum(sealed_secrets.left(session, column, ring.current_id) for column in COLUMNS)

    def round_of_all() -> None:
        done.unopened, done.dead, done.held = {}, 0, 0
        for column in COLUMNS:
            _seal_column(runtime, column, ring, done, actor=actor, progress=progress, of=total)

    round_of_all()
    # A process that has not looked yet may seal with the key before for a moment longer.
    others = timedelta(seconds=live_keys.GOOD_FOR_S + 1) - (runtime.now() - since)
    if others > timedelta(0):
        sleep(others.total_seconds())
        round_of_all()
    for _ in range(_ROUNDS):
        if not done.held:
            break
        sleep(_PAUSE_S)
        round_of_all()
    return done


def _in_force(runtime: Runtime, actor: Actor) -> tuple[KeyRing, Rotation, datetime]:
    """Put the wanted key in force if it is a new one; return the ring to seal with."""
    given, now = runtime.keys.given.ring, runtime.now()
    with runtime.sessions.begin() as session:
        sealing_keys.take_turn(session)
        known = {key.key_id: key for key in sealing_keys.known(session)}
        before = next(key for key in known.values() if key.is_in_force)
        # One that was replaced is not put back: the settings here may be older than the change.
        if given.current_id in known:
            ring = given.sealing_with(before.key_id)
            return ring, Rotation(before.key_id, is_new=False), before.in_force_since
        sealing_keys.put_in_force(session, given, now=now)
        audit.record(
            session,
            AuditEvent.SEALING_KEY_CHANGED,
            actor=actor,
            at=now,
            key=given.current_id,
            before=before.key_id,
        )
    runtime.keys.forget()
    return given, Rotation(given.current_id, is_new=True), now


def _seal_column(
    runtime: Runtime,
    column: SealedColumn,
    ring: KeyRing,
    done: Rotation,
    *,
    actor: Actor,
    progress: Progress,
    of: int,
) -> None:
    """Go once through a column, a transaction for each batch, and note what is left of it."""
    after: UUID | None = None
    shut = 0
    while True:
        now = runtime.now()
        with runtime.sessions.begin() as session:
            _require_in_force(session, ring)
            batch = sealed_secrets.reseal(session, column, ring, after=after, now=now)
            if batch.resealed:
                audit.record(
                    session,
                    AuditEvent.SECRETS_RESEALED,
                    actor=actor,
                    at=now,
                    key=ring.current_id,
                    column=column.name,
                    count=batch.resealed,
                )
        done.resealed[column.name] = done.resealed.get(column.name, 0) + batch.resealed
        done.unopened.setdefault(column.name, []).extend(batch.unopened)
        done.dead += batch.dead
        shut += len(batch.unopened) + batch.dead
        progress(sum(done.resealed.values()), of)
        if batch.last is None:
            break
        after = batch.last
    with runtime.sessions() as session:
        left = sealed_secrets.left(session, column, ring.current_id)
    done.held += max(0, left - shut)


def _require_in_force(session: Session, ring: KeyRing) -> None:
    key = sealing_keys.in_force(session)
    if key is None or key.key_id != ring.current_id:
        raise InvalidTransition(
            "another key was put in force meanwhile", code="keys_changed_meanwhile"
        )


def _is_right(ring: KeyRing, key: sealing_keys.SealingKey | None) -> bool:
    return key is None or sealing_keys.is_proven(ring, key)
