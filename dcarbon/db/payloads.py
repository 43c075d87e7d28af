"""Landed payloads: one row per provider response, its bytes in the landing zone by hash."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, LargeBinary, Text, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from dcarbon.db import binary_copy as bc
from dcarbon.db.base import Base, Id, Instant

# Columns as arrays: one statement of one shape, however many payloads, that the server has planned.
_RECORD = """
insert into landed_payloads (id, facility_id, authorization_id, sha256, media_type, byte_count,
                             source, received_at, clock, state, readings, warnings)
select *, 'landed', 0, 0 from unnest(
    %(id)s::uuid[], %(facility_id)s::uuid[], %(authorization_id)s::uuid[], %(sha256)s::bytea[],
    %(media_type)s::text[], %(byte_count)s::int4[], %(source)s::text[],
    %(received_at)s::timestamptz[], %(clock)s::text[]
)
on conflict (facility_id, sha256) do nothing
returning facility_id, sha256, id
"""
_KNOWN = """
select p.facility_id, p.sha256, p.id, p.erased_at is not null
from unnest(%(facility_id)s::uuid[], %(sha256)s::bytea[]) as k(facility_id, sha256)
join landed_payloads p on p.facility_id = k.facility_id and p.sha256 = k.sha256
"""
_LANDED_AGAIN = """
update landed_payloads
set erased_at = null, facility_id = %(facility_id)s, authorization_id = %(authorization_id)s,
    source = %(source)s, received_at = %(received_at)s, clock = %(clock)s, state = 'landed',
    parser = null, stated_at = null
where id = %(id)s
"""
_CLOCK = "update landed_payloads set clock = %(clock)s where id = %(id)s"
_MARK = """
update landed_payloads p
set state = m.state, parser = m.parser, readings = m.readings, warnings = m.warnings,
    parsed_at = m.parsed_at, error_code = null, error_detail = null,
    stated_at = coalesce(m.stated_at, p.stated_at)
from unnest(
    %(id)s::uuid[], %(state)s::text[], %(parser)s::text[], %(readings)s::int4[],
    %(warnings)s::int4[], %(parsed_at)s::timestamptz[], %(stated_at)s::timestamptz[]
) as m(id, state, parser, readings, warnings, parsed_at, stated_at)
where p.id = m.id
  and ((p.state, p.parser) is distinct from (m.state, m.parser) or m.stated_at is not null)
"""
_RECORDED = (
    "id",
    "facility_id",
    "authorization_id",
    "sha256",
    "media_type",
    "byte_count",
    "source",
    "received_at",
    "clock",
)
_MARKED = ("id", "state", "parser", "readings", "warnings", "parsed_at", "stated_at")


class LandedPayload(Base):
    """The record of one response or file. The same bytes for the same facility are one row."""

    __tablename__ = "landed_payloads"
    __table_args__ = (
        CheckConstraint("octet_length(sha256) = 32", name="sha256"),
        CheckConstraint(
            "state in ('landed', 'parsed', 'empty', 'unreadable')",
            name="state",
        ),
        CheckConstraint("clock in ('utc', 'local')", name="clock"),
        Index("uq_landed_payloads_bytes", "facility_id", "sha256", unique=True),
        Index(None, "sha256"),
        Index(None, "authorization_id", "received_at"),
    )

    id: Mapped[Id]
    facility_id: Mapped[UUID] = mapped_column(ForeignKey("facilities.id"))
    authorization_id: Mapped[UUID | None] = mapped_column(ForeignKey("authorizations.id"))
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    media_type: Mapped[str] = mapped_column(Text)
    byte_count: Mapped[int]
    source: Mapped[str] = mapped_column(Text)
    """Address asked (no secrets) or name of the imported file."""
    received_at: Mapped[Instant]
    """When these bytes came first."""
    stated_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When they last changed a reading. A provider may return to an earlier answer: the order in
    which payloads are to be believed is this, else ``received_at``."""
    clock: Mapped[str | None] = mapped_column(Text)
    """How the starts of an imported file are written, where the person said so: ``utc``,
    ``local``."""
    state: Mapped[str] = mapped_column(Text, default="landed")
    parser: Mapped[str | None] = mapped_column(Text)
    """Name and version of the parser that read it last."""
    readings: Mapped[int] = mapped_column(default=0)
    error_code: Mapped[str | None] = mapped_column(Text)
    error_detail: Mapped[str | None] = mapped_column(Text)
    warnings: Mapped[int] = mapped_column(default=0)
    parsed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    erased_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """Since when its bytes are not kept any more; the row says what there was. ``None``: kept."""


class AwaitedBatch(Base):
    """A custodian answered 202: the data will be announced by a notification (reference 4.4).

    Written before the request is sent, since the notification can overtake the answer.
    """

    __tablename__ = "awaited_batches"
    __table_args__ = (
        Index(
            "uq_awaited_batches_open",
            "authorization_id",
            "request_url",
            unique=True,
            postgresql_where="fetched_at is null",
        ),
        Index("ix_awaited_batches_key", "url_key", postgresql_where="fetched_at is null"),
    )

    id: Mapped[Id]
    authorization_id: Mapped[UUID] = mapped_column(ForeignKey("authorizations.id"))
    request_url: Mapped[str] = mapped_column(Text)
    url_key: Mapped[str] = mapped_column(Text)
    """The address without its query: what a notification is matched by."""
    window_start: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    window_end: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    requested_at: Mapped[Instant] = mapped_column(server_default=func.now())
    accepted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    notified_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    notified_url: Mapped[str | None] = mapped_column(Text)
    fetched_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


def record(session: Session, given: Sequence[Mapping[str, Any]]) -> list[UUID]:
    """Record bytes that have landed and return their ids: that of before, where they are known.

    ``given`` has the columns that describe the bytes. Plain statements, here and below: a night
    records and marks tens of thousands.
    """
    connection = bc.connection_of(session)
    made = connection.execute(_RECORD, _columns(given, _RECORDED)).fetchall()
    identities = {(facility_id, digest): identity for facility_id, digest, identity in made}
    known = [one for one in given if (one["facility_id"], one["sha256"]) not in identities]
    erased = set()
    if known:
        found = connection.execute(_KNOWN, _columns(known, _RECORDED))
        for facility_id, digest, identity, is_erased in found:
            identities[facility_id, digest] = identity
            if is_erased:
                erased.add(identity)
    for one in known:
        identity = identities[one["facility_id"], one["sha256"]]
        if identity in erased:
            connection.execute(_LANDED_AGAIN, {**one, "id": identity})
        elif one["clock"]:
            connection.execute(_CLOCK, {"clock": one["clock"], "id": identity})
    return [identities[one["facility_id"], one["sha256"]] for one in given]


def sample(session: Session, *, limit: int) -> list[bytes]:
    """Return the SHA-256 of some payloads whose bytes are kept, from all times alike."""
    row, kept = LandedPayload, LandedPayload.erased_at.is_(None)
    ends = [
        session.scalar(select(row.id).where(kept).order_by(order).limit(1))
        for order in (row.id, row.id.desc())
    ]
    oldest, newest = (end.int if end else 0 for end in ends)
    # Ids grow with time (UUIDv7): places between the ends are asked for, no table is read through.
    places = [oldest, newest, *(random.randint(oldest, newest) for _ in range(limit - 2))]  # noqa: S311 — a sample, no secret
    found = (
        session.scalar(
            select(row.sha256).where(kept, row.id >= UUID(int=place)).order_by(row.id).limit(1)
        )
        for place in places
    )
    return list(dict.fromkeys(digest for digest in found if digest is not None))


def mark(session: Session, found: Sequence[Mapping[str, Any]]) -> None:
    """Note by ``id`` what the parser found, and with ``stated_at`` that it changed readings; the
    same again writes nothing.
    """
    bc.connection_of(session).execute(_MARK, _columns(found, _MARKED))


def _columns(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in names}
