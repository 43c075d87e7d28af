"""Appending to the audit log and proving it whole: each entry's hash covers the one before.

What is hashed is canonical JSON in the manner of RFC 8785: sorted keys, no spaces, UTF-8. Numbers
in details are integers, so no question of their writing arises.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from ipaddress import ip_address
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import select
from sqlalchemy.orm import Session

from dcarbon.db import binary_copy as bc
from dcarbon.db.advisory_locks import LockNumber
from dcarbon.db.audit import AuditEntry
from dcarbon.domain.errors import AuditEntryInvalid

GENESIS = bytes(32)
"""What the first entry is chained to."""
_LOCK = LockNumber.AUDIT_CHAIN.value
_STREAMED = 2_000
# Everybody who appends waits for the one before: plain statements, and few, keep that short.
_LAST = "select seq, hash from audit_entries order by seq desc limit 1"
_APPEND = """
insert into audit_entries (seq, at, event, actor_kind, actor_id, facility_id, authorization_id, ip,
                           details, previous_hash, hash)
values (%(seq)s, %(at)s, %(event)s, %(actor_kind)s, %(actor_id)s, %(facility_id)s,
        %(authorization_id)s, %(ip)s, %(details)s, %(previous_hash)s, %(hash)s)
"""


@dataclass(frozen=True, slots=True)
class NewEntry:
    """Something that happened at ``at`` (aware).

    ``details`` holds strings, integers, booleans, ``None``, and lists and mappings of them; UUIDs,
    dates and decimals are kept as strings. No secrets, no response bodies.
    """

    at: datetime
    event: str
    actor_kind: str
    actor_id: UUID | None = None
    facility_id: UUID | None = None
    authorization_id: UUID | None = None
    ip: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


def append(session: Session, entries: Sequence[NewEntry]) -> None:
    """Append entries in the order given, in the caller's transaction.

    Appends wait for each other until the transaction ends: do it last. Raises
    :class:`AuditEntryInvalid` for an entry that cannot be kept exactly.
    """
    if not entries:
        return
    rows = [_row(entry) for entry in entries]
    connection = bc.connection_of(session)
    connection.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
    last = connection.execute(_LAST).fetchone()
    seq, previous = last or (0, GENESIS)
    for row in rows:
        seq += 1
        row |= {"seq": seq, "previous_hash": previous}
        previous = row["hash"] = _hash(row)
    with connection.cursor() as cursor:
        cursor.executemany(_APPEND, [row | {"details": Jsonb(row["details"])} for row in rows])


def verify(session: Session) -> int | None:
    """Return the sequence number where the log is first not as it was written, else ``None``.

    Entries missing at the end are found only by comparing :func:`head` with one kept elsewhere.
    """
    columns = AuditEntry.__table__.columns
    ordered = select(*columns).order_by(AuditEntry.seq).execution_options(yield_per=_STREAMED)
    expected, previous = 1, GENESIS
    with session.execute(ordered) as found:
        for one in found.mappings():
            row = dict(one)
            is_next = row["seq"] == expected and row["previous_hash"] == previous
            if not is_next or _hash(row) != row["hash"]:
                return expected
            expected, previous = expected + 1, row["hash"]
    return None


def head(session: Session) -> tuple[int, bytes]:
    """Return the last sequence number and hash: what proves the whole log when kept elsewhere."""
    last = session.execute(
        select(AuditEntry.seq, AuditEntry.hash).order_by(AuditEntry.seq.desc()).limit(1)
    ).first()
    return (last.seq, last.hash) if last else (0, GENESIS)


def canonical(value: Any) -> bytes:
    """Return the canonical JSON of strings, integers, booleans, ``None``, lists and mappings."""
    written = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return written.encode("utf-8")


def _hash(row: Mapping[str, Any]) -> bytes:
    stated = {
        "seq": row["seq"],
        "at": row["at"].astimezone(UTC).isoformat(timespec="microseconds"),
        "event": row["event"],
        "actor_kind": row["actor_kind"],
        "actor_id": _text(row["actor_id"]),
        "facility_id": _text(row["facility_id"]),
        "authorization_id": _text(row["authorization_id"]),
        "ip": _text(row["ip"]),
        "details": row["details"],
        "previous_hash": row["previous_hash"].hex(),
    }
    return hashlib.sha256(canonical(stated)).digest()


def _row(entry: NewEntry) -> dict[str, Any]:
    if entry.at.tzinfo is None:
        raise AuditEntryInvalid(f"{entry.event}: the time has no zone")
    try:
        ip = None if entry.ip is None else str(ip_address(entry.ip))
    except ValueError as error:
        raise AuditEntryInvalid(f"{entry.event}: the address is no IP address") from error
    return {
        "at": entry.at,
        "event": entry.event,
        "actor_kind": entry.actor_kind,
        "actor_id": entry.actor_id,
        "facility_id": entry.facility_id,
        "authorization_id": entry.authorization_id,
        "ip": ip,
        "details": _plain(entry.details, entry.event),
    }


def _plain(value: Any, event: str) -> Any:
    """Return ``value`` as JSON that PostgreSQL gives back the same, or refuse it."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        # jsonb has no NUL and UTF-8 no lone surrogates; both come only from hostile input.
        return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, UUID | Decimal):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(_plain(str(key), event)): _plain(one, event) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one, event) for one in value]
    raise AuditEntryInvalid(f"{event}: details cannot hold a {type(value).__name__}")


def _text(value: object) -> str | None:
    return None if value is None else str(value)
