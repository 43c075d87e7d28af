"""Exports: readings of a meter or a facility as a file, counted, audited and sent in pieces."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dcarbon.db.audit import AuditEntry
from dcarbon.db.sign_in import lock_quotas
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.errors import ExportInterrupted, InvalidInput, TooManyRequests
from dcarbon.services import (
    audit,
    exports_csv,
    exports_excel,
    exports_parquet,
    exports_plan,
    exports_zip,
)
from dcarbon.services.actors import Actor
from dcarbon.services.exports_blocks import Block, blocks
from dcarbon.services.exports_plan import Plan, Wish
from dcarbon.services.runtime import Runtime

_QUOTA_WINDOW = timedelta(hours=1)


class Format(StrEnum):
    """The files there are, by the ending of their names."""

    CSV = "csv"
    ZIP = "zip"
    """CSV and a text about it, zipped."""
    EXCEL = "xlsx"
    PARQUET = "parquet"


_Writer = Callable[[Plan, Iterable[Block]], Iterator[bytes]]
_WRITERS: Mapping[Format, tuple[str, _Writer]] = MappingProxyType(
    {
        Format.CSV: (exports_csv.MEDIA_TYPE, lambda _plan, rows: exports_csv.chunks(rows)),
        Format.ZIP: (exports_zip.MEDIA_TYPE, exports_zip.chunks),
        Format.EXCEL: (exports_excel.MEDIA_TYPE, exports_excel.chunks),
        Format.PARQUET: (exports_parquet.MEDIA_TYPE, exports_parquet.chunks),
    }
)
MEDIA_TYPES: Mapping[Format, str] = MappingProxyType({k: v[0] for k, v in _WRITERS.items()})


@dataclass(frozen=True, slots=True)
class Export:
    """A file on its way. ``chunks`` makes it while it is read, and may be left at any time."""

    plan: Plan
    file_name: str
    media_type: str
    chunks: Iterator[bytes]


def begin(
    runtime: Runtime,
    wish: Wish,
    *,
    kind: Format,
    actor: Actor,
    told: Callable[[int], object] = lambda _readings: None,
) -> Export:
    """Count, write the audit entry, and return the file to be read.

    ``told`` hears after each block how many readings it had. Raises what :func:`exports_plan.of`
    does, :class:`InvalidInput` (``export_too_large``) for more readings than a workbook takes, and
    :class:`TooManyRequests` (``export_quota``). Reading ``chunks`` raises
    :class:`ExportInterrupted` when what is stored is no longer what was counted.
    """
    now = runtime.now()
    with runtime.sessions.begin() as session:
        _require_room(session, runtime, actor, now=now)
        plan = exports_plan.of(session, wish, actor=actor, now=now)
        _require_fits(plan, kind)
        _record(session, plan, kind, actor=actor, at=now)
    media_type, written = _WRITERS[kind]
    counted = _as_counted(blocks(runtime.sessions, plan), plan, told)
    return Export(plan, file_name(plan, kind.value), media_type, written(plan, counted))


def preview(runtime: Runtime, wish: Wish, *, actor: Actor) -> Plan:
    """Return what an export would hold. Raises as :func:`exports_plan.of`."""
    with runtime.sessions.begin() as session:
        return exports_plan.of(session, wish, actor=actor, now=runtime.now())


def file_name(plan: Plan, ending: str) -> str:
    """Return ``sunny-hall-2026-01-01-to-2026-01-31.csv``: letters, digits and hyphens only."""
    named = [plan.facility_name, *(one.name for one in plan.meters if len(plan.meters) == 1)]
    days = [
        moment.astimezone(meter.zone).date().isoformat()
        for meter in plan.meters[:1]
        for moment in (meter.span.start, meter.span.end - timedelta(microseconds=1))
    ]
    words = [*filter(None, map(_plain, named)), "-to-".join(days)]
    return f"{'-'.join(filter(None, words)) or 'export'}.{ending}"


def _plain(word: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", word.lower()).strip("-")[:40]


def _as_counted(
    found: Iterator[Block], plan: Plan, told: Callable[[int], object]
) -> Iterator[Block]:
    """Pass blocks on; stop rather than send a file that says of itself what is not so."""
    left = plan.readings
    for block in found:
        left -= len(block)
        if left < 0:
            break
        yield block
        told(len(block))
    if left:
        raise ExportInterrupted("readings came in while they were counted")


def fits(plan: Plan, kind: Format) -> bool:
    """Say whether a format takes so many readings."""
    return kind is not Format.EXCEL or plan.readings <= exports_excel.MOST_READINGS


def _require_fits(plan: Plan, kind: Format) -> None:
    if not fits(plan, kind):
        raise InvalidInput(
            "too many readings for a workbook",
            code="export_too_large",
            display_message=f"These are {plan.readings:,} readings; a workbook takes "
            f"{exports_excel.MOST_READINGS:,}. Please take CSV or Parquet, or a shorter range.",
        )


def _require_room(session: Session, runtime: Runtime, actor: Actor, *, now: datetime) -> None:
    """Count the audit entries of the last hour: the quota holds for all web processes together."""
    if actor.person_id is None:
        return
    lock_quotas(session, [f"export {actor.person_id}"])
    made = session.scalar(
        select(func.count()).where(
            AuditEntry.event == AuditEvent.DATA_EXPORTED.value,
            AuditEntry.at > now - _QUOTA_WINDOW,
            AuditEntry.actor_id == actor.person_id,
        )
    )
    if (made or 0) >= runtime.settings.exports_per_person:
        raise TooManyRequests(
            "export quota used up", retry_after=_QUOTA_WINDOW, code="export_quota"
        )


def _record(session: Session, plan: Plan, kind: Format, *, actor: Actor, at: datetime) -> None:
    spans = [meter.span for meter in plan.meters]
    audit.record(
        session,
        AuditEvent.DATA_EXPORTED,
        actor=actor,
        at=at,
        facility_id=plan.facility_id,
        format=kind.value,
        meters=[str(meter.id) for meter in plan.meters],
        start=min((one.start for one in spans), default=at).isoformat(),
        end=max((one.end for one in spans), default=at).isoformat(),
        as_known_at=plan.as_known_at.isoformat(),
        readings=plan.readings,
    )
