"""The audit log as a file, for administrators: what a search finds, the oldest entry first.

CSV is for people and has names beside the ids; JSON lines are for proving and hold nothing but what
is hashed. An export is an entry of the log itself, the one right after its last.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, fields, replace
from enum import StrEnum

from sqlalchemy import select

from dcarbon.db import audit_search as db
from dcarbon.db.audit import AuditEntry
from dcarbon.db.audit_search import Wanted
from dcarbon.db.engine import Sessions
from dcarbon.domain import audit_proof
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.cell_text import harmless
from dcarbon.services import audit, audit_export, audit_search
from dcarbon.services.actors import Actor
from dcarbon.services.audit_search import EntryView, Wish
from dcarbon.services.runtime import Runtime

COLUMNS = (
    *("seq", "at_utc", "event", "title", "actor_kind", "actor_id", "actor_name", "facility_id"),
    *("facility_name", "authorization_id", "ip", "details", "hash"),
)
BROKEN_OFF = "INCOMPLETE: this export was broken off"
"""The last line of a file that could not be finished: no reader takes it for an entry."""
_BLOCK = 2_000
_PIECE = 256


class Format(StrEnum):
    """The files there are, by the ending of their names."""

    CSV = "csv"
    JSON_LINES = "jsonl"


MEDIA_TYPES = {
    Format.CSV: "text/csv; charset=utf-8; header=present",
    Format.JSON_LINES: "application/jsonl",
}


@dataclass(frozen=True, slots=True)
class File:
    """A file on its way. ``chunks`` makes it while it is read, and may be left at any time."""

    name: str
    media_type: str
    chunks: Iterator[bytes]


def begin(runtime: Runtime, wish: Wish, *, kind: Format, actor: Actor) -> File:
    """Write the audit entry and return the file to be read.

    Raises what :func:`audit_search.read` does.
    """
    now = runtime.now()
    with runtime.sessions.begin() as session:
        wanted = audit_search.read(session, wish, actor=actor)
        wanted = replace(wanted, last_seq=db.last_seq(session))
        audit.record(
            session,
            AuditEvent.AUDIT_LOG_EXPORTED,
            actor=actor,
            at=now,
            format=kind.value,
            filters=[one.name for one in fields(wish) if getattr(wish, one.name)],
            last_seq=wanted.last_seq,
        )
    made = {Format.CSV: _csv, Format.JSON_LINES: _json_lines}[kind]
    return File(
        name=f"audit-log-{now:%Y-%m-%d}-to-{wanted.last_seq}.{kind.value}",
        media_type=MEDIA_TYPES[kind],
        chunks=_marked(made(runtime.sessions, wanted)),
    )


def _marked(chunks: Generator[bytes]) -> Iterator[bytes]:
    """A web server ends an answer that fails halfway as if it were whole: say so at its end."""
    with closing(chunks):
        try:
            # Not "yield from": what fails while somebody goes away must not be answered.
            for chunk in chunks:  # noqa: UP028
                yield chunk
        except Exception:
            yield f"{BROKEN_OFF}\r\n".encode()
            raise


def _json_lines(sessions: Sessions, wanted: Wanted) -> Generator[bytes]:
    with sessions() as session:
        held: list[bytes] = []
        for line in audit_export.lines(session, *db.conditions(wanted)):
            held.append(line)
            if len(held) == _PIECE:
                yield b"".join(held)
                held.clear()
        yield b"".join(held)


def _csv(sessions: Sessions, wanted: Wanted) -> Generator[bytes]:
    yield _rows([COLUMNS])
    chosen = select(AuditEntry).where(*db.conditions(wanted)).order_by(AuditEntry.seq)
    with sessions() as session:
        for block in session.scalars(chosen.execution_options(yield_per=_BLOCK)).partitions():
            yield _rows([_cells(one) for one in audit_search.views_of(session, block)])


def _cells(one: EntryView) -> list[object]:
    return [
        one.seq,
        one.at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        one.event,
        one.words.title,
        one.actor_kind,
        one.actor_id or "",
        harmless(one.actor_name or ""),
        one.facility_id or "",
        harmless(one.facility_name or ""),
        one.authorization_id or "",
        one.ip or "",
        audit_proof.canonical(one.details).decode(),
        one.hash.hex(),
    ]


def _rows(rows: Sequence[Sequence[object]]) -> bytes:
    held = io.StringIO(newline="")
    csv.writer(held).writerows(rows)
    return held.getvalue().encode()
