"""Land, parse, store: how bytes become readings, fetched and imported payloads alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from dcarbon.db import payloads
from dcarbon.db.base import new_id
from dcarbon.db.engine import Sessions
from dcarbon.db.landing_zone import LandingZone
from dcarbon.db.payloads import LandedPayload
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.errors import ContractViolation
from dcarbon.providers.columns import ParsedPayload
from dcarbon.services import audit, readings_storing
from dcarbon.services.actors import SYSTEM, Actor
from dcarbon.services.readings_storing import Origin, Stored, ToStore, Window
from dcarbon.services.together import Together

PARSER_VERSION = "1"

Parse = Callable[[bytes | Path], ParsedPayload]


@dataclass(frozen=True, slots=True)
class Arrival:
    """Bytes as they came, and where from (an address without secrets, or a file's name).

    A large file stays on disk: its path stands for its bytes.
    """

    content: bytes | Path
    media_type: str
    source: str
    received_at: datetime
    clock: str | None = None
    """How starts are written, where a person said so: ``utc`` or ``local``."""


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of one payload. ``stored`` is ``None`` when it could not be read."""

    payload_id: UUID
    sha256: bytes
    state: str
    parsed: ParsedPayload | None
    stored: Stored | None
    error: ContractViolation | None = None


def ingest(
    sessions: Sessions,
    landing: LandingZone,
    arrival: Arrival,
    origin: Origin,
    *,
    parser: str,
    parse: Parse,
    now: datetime,
    window: Window | None = None,
    counted_later: Window | None = None,
    actor: Actor = SYSTEM,
    together: Together | None = None,
) -> Ingested:
    """Keep the bytes, then read them; a payload that cannot be read is marked and raises nothing.

    ``window`` and ``counted_later`` are about coverage, as in :mod:`readings_storing`. The record
    of the bytes is committed before the parser sees them (design 3), so a crash or a wrong parser
    loses nothing. ``together``: other threads of this process ingest as well.
    """
    together = together or Together()
    payload_id, digest = land(sessions, landing, arrival, origin, together=together)
    try:
        parsed = parse(arrival.content)
        found = _parsed(parsed, parser=parser, now=now)
        asked = ToStore(parsed, origin, payload_id, window, counted_later)
        stored = together.do(_store, sessions, _Parsed(asked, found, arrival.received_at, now))
    except ContractViolation as error:
        with sessions.begin() as session:
            payload = session.get_one(LandedPayload, payload_id)
            mark_unreadable(payload, error, parser=parser, now=now)
            audit.record(
                session,
                AuditEvent.PAYLOAD_UNREADABLE,
                actor=actor,
                at=now,
                facility_id=origin.facility_id,
                authorization_id=origin.authorization_id,
                payload=digest.hex(),
                code=error.code,
            )
        return Ingested(payload_id, digest, "unreadable", None, None, error)
    return Ingested(payload_id, digest, str(found["state"]), parsed, stored)


@dataclass(frozen=True, slots=True)
class _Parsed:
    asked: ToStore
    found: Mapping[str, object]
    received_at: datetime
    now: datetime


def _store(sessions: Sessions, parsed: Sequence[_Parsed]) -> list[Stored]:
    with sessions.begin() as session:
        now = max(one.now for one in parsed)
        stored = readings_storing.store(session, [one.asked for one in parsed], now=now)
        marks = [
            {
                **one.found,
                "id": one.asked.payload_id,
                "stated_at": one.received_at if each.new or each.restated else None,
            }
            for one, each in zip(parsed, stored, strict=True)
        ]
        payloads.mark(session, marks)
        return stored


def land(
    sessions: Sessions,
    landing: LandingZone,
    arrival: Arrival,
    origin: Origin,
    *,
    together: Together | None = None,
) -> tuple[UUID, bytes]:
    """Write the bytes and their record; the same bytes for the same facility are one record."""
    content = arrival.content
    if isinstance(content, Path):
        digest, size = landing.put_file(content), content.stat().st_size
    else:
        digest, size = landing.put(content), len(content)
    given: dict[str, object] = {
        "id": new_id(),
        "facility_id": origin.facility_id,
        "authorization_id": origin.authorization_id,
        "sha256": digest,
        "media_type": arrival.media_type,
        "byte_count": size,
        "source": arrival.source,
        "received_at": arrival.received_at,
        "clock": arrival.clock,
    }
    return (together or Together()).do(_record, sessions, given), digest


def _record(sessions: Sessions, given: Sequence[Mapping[str, object]]) -> list[UUID]:
    with sessions.begin() as session:
        return payloads.record(session, given)


def mark_parsed(
    payload: LandedPayload, parsed: ParsedPayload, *, parser: str, now: datetime
) -> None:
    """Note what the parser found; the same again changes nothing."""
    found = _parsed(parsed, parser=parser, now=now)
    if (payload.state, payload.parser) != (found["state"], found["parser"]):
        for name, value in found.items():
            setattr(payload, name, value)
        payload.error_code = payload.error_detail = None


def _parsed(parsed: ParsedPayload, *, parser: str, now: datetime) -> dict[str, object]:
    return {
        "state": "parsed" if parsed.readings.num_rows or parsed.meters else "empty",
        "parser": f"{parser}/{PARSER_VERSION}",
        "readings": parsed.readings.num_rows,
        "warnings": len(parsed.warnings),
        "parsed_at": now,
    }


def mark_unreadable(
    payload: LandedPayload, error: ContractViolation, *, parser: str, now: datetime
) -> None:
    """Note why the payload cannot be read; its bytes are kept."""
    payload.state = "unreadable"
    payload.parser = f"{parser}/{PARSER_VERSION}"
    payload.parsed_at = now
    payload.error_code = error.code
    payload.error_detail = str(error)[:500]
