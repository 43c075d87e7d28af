"""Giving up a sealing key that nobody has any more: what it sealed cannot be opened by anybody.

The customers are asked to authorize anew; readings, payloads and history are not sealed and stay.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from dcarbon.db import sealed_secrets, sealing_keys
from dcarbon.db.authorizations import Authorization, AuthorizationSession, Grant, current_grant
from dcarbon.db.provider_states import PlatformSecret
from dcarbon.db.sealed_secrets import COLUMNS
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.errors import (
    InvalidTransition,
    NotFound,
    ReauthorizationRequired,
    SettingsInvalid,
)
from dcarbon.services import audit, authorization_records
from dcarbon.services.actors import Actor
from dcarbon.services.runtime import Runtime

_GRANTS, _ATTEMPTS, _PLATFORM = COLUMNS


def give_up(runtime: Runtime, key_id: str, *, actor: Actor) -> Mapping[str, int]:
    """End all in use that only a lost key opens, and return how many of each.

    The sealed bytes stay where they are. Interrupted, it is to be run again. Raises
    :class:`NotFound` (``no_such_key``), :class:`InvalidTransition` (``seal_key_here``) and
    :class:`SettingsInvalid` (``seal_key_wrong``) while another key has its id.
    """
    counts = _require_lost(runtime, key_id)
    while _end_one_grant(runtime, key_id):
        pass
    now = runtime.now()
    with runtime.sessions.begin() as session:
        _end_attempts(session, key_id)
        session.execute(
            update(PlatformSecret)
            .where(sealed_secrets.with_key(_PLATFORM, key_id), PlatformSecret.ended_at.is_(None))
            .values(ended_at=now)
        )
        sealing_keys.take_turn(session)
        in_force = sealing_keys.in_force(session)
        if in_force is not None and in_force.key_id == key_id:
            sealing_keys.put_in_force(session, runtime.keys.given.ring, now=now)
        audit.record(
            session,
            AuditEvent.SEALING_KEY_GIVEN_UP,
            actor=actor,
            at=now,
            key=key_id,
            given_up=counts,
        )
    runtime.keys.forget()
    return counts


def _require_lost(runtime: Runtime, key_id: str) -> Mapping[str, int]:
    ring = runtime.keys.given.ring
    with runtime.sessions() as session:
        known = {key.key_id: key for key in sealing_keys.known(session)}
        counts = sealed_secrets.in_use(session, now=runtime.now()).get(key_id, {})
    key = known.get(key_id)
    if key is None and not counts:
        raise NotFound("no such key", code="no_such_key")
    if key_id in ring.ids:
        if key is None or sealing_keys.is_proven(ring, key):
            raise InvalidTransition("the key is held here", code="seal_key_here")
        message = f"Take the wrong key with the id {key_id!r} out of {runtime.keys.given.place}."
        raise SettingsInvalid(message, code="seal_key_wrong", display_message=message)
    return counts


def _end_one_grant(runtime: Runtime, key_id: str) -> bool:
    """End the grants of one authorization and ask its people; ``False`` when none is left."""
    now = runtime.now()
    in_use = Grant.ended_at.is_(None) & sealed_secrets.with_key(_GRANTS, key_id)
    with runtime.sessions.begin() as session:
        found = session.scalar(select(Grant.authorization_id).where(in_use).limit(1))
        if found is None:
            return False
        row = session.get_one(Authorization, found, with_for_update=True)
        session.execute(
            update(Grant)
            .where(Grant.authorization_id == found, in_use)
            .values(ended_at=now, end_reason="key_lost")
        )
        # Lost with a rotation's new grant only, the one in force goes on.
        if current_grant(session, found) is None:
            error = ReauthorizationRequired("the sealing key was lost", code="seal_key_lost")
            authorization_records.mark_expired(runtime, session, row, error, now=now)
    return True


def _end_attempts(session: Session, key_id: str) -> None:
    """Forget what attempts under way cannot open: their return fails, and is started again."""
    session.execute(
        update(AuthorizationSession)
        .where(
            sealed_secrets.with_key(_ATTEMPTS, key_id), AuthorizationSession.consumed_at.is_(None)
        )
        .values(code_verifier_sealed=None)
    )
