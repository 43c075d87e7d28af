"""Landed payloads: one row per provider response, its bytes in the landing zone by hash."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, LargeBinary, Text, func
from sqlalchemy.orm import Mapped, Session, mapped_column

from dcarbon.db import binary_copy as bc
from dcarbon.db.base import Base, Id, Instant

_RECORD = """
insert into landed_payloads (id, facility_id, authorization_id, sha256, media_type, byte_count,
                             source, received_at, clock, state, readings, warnings)
values (%(id)s, %(facility_id)s, %(authorization_id)s, %(sha256)s, %(media_type)s, %(byte_count)s,
        %(source)s, %(received_at)s, %(clock)s, 'landed', 0, 0)
on conflict (facility_id, sha256) do nothing
returning id
"""
_KNOWN = """
update landed_payloads set clock = coalesce(%(clock)s, clock)
where facility_id = %(facility_id)s and sha256 = %(sha256)s
returning id
"""
_KNOWN_UNCHANGED = """
select id from landed_payloads where facility_id = %(facility_id)s and sha256 = %(sha256)s
"""
_MARK = """
update landed_payloads
set state = %(state)s, parser = %(parser)s, readings = %(readings)s, warnings = %(warnings)s,
    parsed_at = %(parsed_at)s, error_code = null, error_detail = null,
    stated_at = coalesce(%(stated_at)s, stated_at)
where id = %(id)s and ((state, parser) is distinct from (%(state)s::text, %(parser)s::text)
                       or %(stated_at)s::timestamptz is not null)
"""


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


def record(session: Session, given: Mapping[str, Any]) -> UUID:
    """Record bytes that have landed and return their id: that of before, where they are known.

    ``given`` has the columns that describe the bytes. Plain statements, here and below: a night
    records and marks tens of thousands.
    """
    connection = bc.connection_of(session)
    made = connection.execute(_RECORD, given).fetchone()
    known = _KNOWN if given["clock"] else _KNOWN_UNCHANGED
    row = made or connection.execute(known, given).fetchone()
    assert row is not None
    identity: UUID = row[0]
    return identity


def mark(session: Session, payload_id: UUID, values: Mapping[str, Any]) -> None:
    """Note what the parser found, and with ``stated_at`` that it changed readings; the same again
    writes nothing.
    """
    bc.connection_of(session).execute(_MARK, {"stated_at": None, **values, "id": payload_id})
