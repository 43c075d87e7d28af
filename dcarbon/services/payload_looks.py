"""The bytes of a landed payload: for administrators only, and each look is in the audit log.

The entry is committed before a byte is handed out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy.orm import Session

from dcarbon.db.landing_zone import LandingZone
from dcarbon.db.payloads import LandedPayload
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.errors import InvalidTransition, NotFound, PayloadMissing
from dcarbon.services import audit, authorization_details, authorization_traces
from dcarbon.services.actors import Actor
from dcarbon.services.authorization_traces import LandedView
from dcarbon.services.runtime import Runtime

_CHUNK = 1 << 18
SHOWN = 64 * 1024
"""Bytes that are shown on a page; the rest is in the download."""


class Look(StrEnum):
    """How somebody looks: the word in the audit entry."""

    SHOWN = "shown"
    DOWNLOADED = "downloaded"


@dataclass(frozen=True, slots=True)
class Bytes:
    """A payload's record and its bytes: ``beginning`` for a page, ``chunks`` for a file.

    What is read to the end is checked against the hash: :class:`PayloadCorrupt` where it differs.
    """

    record: LandedView
    landing: LandingZone

    def beginning(self) -> bytes:
        with self.landing.open(bytes.fromhex(self.record.sha256)) as stream:
            # One more: a short payload is read to its end, where its hash is checked.
            return stream.read(SHOWN + 1)[:SHOWN]

    def chunks(self) -> Iterator[bytes]:
        with self.landing.open(bytes.fromhex(self.record.sha256)) as stream:
            while chunk := stream.read(_CHUNK):
                yield chunk


def record(
    session: Session, authorization_id: UUID, payload_id: UUID, *, actor: Actor
) -> LandedView:
    """Return the record of a payload, without its bytes. Raises :class:`NotFound`."""
    return authorization_traces.view_of(_row(session, authorization_id, payload_id, actor))


def look(
    runtime: Runtime, authorization_id: UUID, payload_id: UUID, *, how: Look, actor: Actor
) -> Bytes:
    """Write down who looks at which payload, then give its bytes.

    Raises :class:`NotFound` (also for everybody who is no administrator),
    :class:`InvalidTransition` (``payload_erased``), and :class:`PayloadMissing` for bytes the
    landing zone no longer has.
    """
    with runtime.sessions.begin() as session:
        row = _row(session, authorization_id, payload_id, actor)
        if row.erased_at is not None:
            raise InvalidTransition("erased", code="payload_erased")
        if not runtime.landing.exists(row.sha256):
            raise PayloadMissing(f"no payload {row.sha256.hex()}")
        audit.record(
            session,
            AuditEvent.PAYLOAD_VIEWED,
            actor=actor,
            at=runtime.now(),
            facility_id=row.facility_id,
            authorization_id=authorization_id,
            payload=row.sha256.hex(),
            bytes=row.byte_count,
            how=how.value,
        )
        found = authorization_traces.view_of(row)
    return Bytes(found, runtime.landing)


def _row(session: Session, authorization_id: UUID, payload_id: UUID, actor: Actor) -> LandedPayload:
    authorization_details.get(session, authorization_id, actor=actor)
    row = session.get(LandedPayload, payload_id)
    if row is None or row.authorization_id != authorization_id:
        raise NotFound("no such payload")
    return row
