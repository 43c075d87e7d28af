"""Appending to the audit log and proving it whole: each entry's hash covers the one before.

What is hashed, and how a log is proven, stands in ``dcarbon/domain/audit_proof.py``. The function
``append_audit_entries`` in the database numbers the entries and closes the links: nobody but the
owner of the tables can write others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from ipaddress import ip_address
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Text, cast, func, select, text
from sqlalchemy.orm import Session

from dcarbon.db import audit_commits
from dcarbon.db.audit import AuditCheckpoint, AuditEntry
from dcarbon.domain import audit_proof
from dcarbon.domain.audit_proof import Head, Proof, Verdict
from dcarbon.domain.errors import AuditEntryInvalid

GENESIS = bytes.fromhex(audit_proof.GENESIS)
"""What the first entry is chained to."""
_STREAMED = 2_000
# As text where the database writes it as we do: a long log is read in half the time.
_STATED = select(
    AuditEntry.seq,
    AuditEntry.at,
    AuditEntry.event,
    AuditEntry.actor_kind,
    cast(AuditEntry.actor_id, Text).label("actor_id"),
    cast(AuditEntry.facility_id, Text).label("facility_id"),
    cast(AuditEntry.authorization_id, Text).label("authorization_id"),
    AuditEntry.ip,
    AuditEntry.details,
    func.encode(AuditEntry.previous_hash, "hex").label("previous_hash"),
    func.encode(AuditEntry.hash, "hex").label("hash"),
)


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
    """Append entries in the order given, in the caller's transaction, when it commits.

    Raises :class:`AuditEntryInvalid` for an entry that cannot be kept exactly.
    """
    if entries:
        audit_commits.append(session, [_body(entry) for entry in entries])


def verify(session: Session) -> int | None:
    """Return the sequence number where the log is first not as it was written, else ``None``.

    Entries missing at the end are found only by comparing :func:`head` with one kept elsewhere.
    """
    findings = prove(session).findings
    return findings[0].first if findings else None


def prove(
    session: Session,
    *,
    heads: Iterable[Head] = (),
    since: int = 0,
    told: Callable[[int], None] | None = None,
) -> Verdict:
    """Read the log and say whether it is as it was written, and fits the kept ``heads``.

    ``since``: only entries from this number on. ``told`` hears of each entry read.
    """
    # Before the entries are read: what is removed meanwhile is still among them.
    through = removed_through(session)
    proof = Proof(heads, since=since)
    for entry in stated_entries(session, AuditEntry.seq >= since):
        proof.take(entry)
        if told is not None:
            told(entry["seq"])
    return proof.verdict(removed_through=through)


def stated_entries(session: Session, *conditions: ColumnElement[bool]) -> Iterator[dict[str, Any]]:
    """Yield entries, oldest first, as they are hashed and exported, with ``hash`` in hex."""
    chosen = _STATED.where(*conditions).order_by(AuditEntry.seq)
    with session.execute(chosen.execution_options(yield_per=_STREAMED)) as found:
        for row in found:
            yield _stated(row)


def head(session: Session) -> tuple[int, bytes]:
    """Return the last sequence number and hash: what proves the whole log when kept elsewhere."""
    last = session.execute(
        select(AuditEntry.seq, AuditEntry.hash).order_by(AuditEntry.seq.desc()).limit(1)
    ).first()
    return (last.seq, last.hash) if last else (0, GENESIS)


def remove_through(session: Session, last: int) -> AuditCheckpoint:
    """Remove the entries up to ``last``, in the caller's transaction; return what the database
    notes of it.

    The caller appends an entry that says so. The database refuses entries younger than a year,
    and the last one there is.
    """
    removed = select(AuditCheckpoint).from_statement(
        text("select * from remove_audit_entries(:last)")
    )
    checkpoint: AuditCheckpoint = session.execute(removed, {"last": last}).scalar_one()
    return checkpoint


def removed_through(session: Session) -> int:
    """Return up to where the database lets old entries be missing."""
    return session.scalar(select(func.max(AuditCheckpoint.last_seq))) or 0


def _stated(row: Row[Any]) -> dict[str, Any]:
    return {
        "seq": row.seq,
        "at": _moment(row.at),
        "event": row.event,
        "actor_kind": row.actor_kind,
        "actor_id": row.actor_id,
        "facility_id": row.facility_id,
        "authorization_id": row.authorization_id,
        "ip": _text(row.ip),
        "details": row.details,
        "previous_hash": row.previous_hash,
        "hash": row.hash,
    }


def _body(entry: NewEntry) -> str:
    """Return what is hashed as far as it is known: number and link follow, being last by name."""
    if entry.at.tzinfo is None:
        raise AuditEntryInvalid(f"{entry.event}: the time has no zone")
    try:
        ip = None if entry.ip is None else str(ip_address(entry.ip))
    except ValueError as error:
        raise AuditEntryInvalid(f"{entry.event}: the address is no IP address") from error
    stated = {
        "at": _moment(entry.at),
        "event": entry.event,
        "actor_kind": entry.actor_kind,
        "actor_id": _text(entry.actor_id),
        "facility_id": _text(entry.facility_id),
        "authorization_id": _text(entry.authorization_id),
        "ip": ip,
        "details": _plain(entry.details, entry.event),
    }
    return audit_proof.canonical(stated).decode("utf-8").removesuffix("}")


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


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
