"""Replay: landed payloads read again by the parser of today, without asking any provider.

A reading stands as the last payload that states it says. So a replay lays out the chosen payloads
*and* every later one of the same facility, in the order in which they are believed, and writes of
it only what a chosen payload states last. An old payload never restates what a later one states;
readings the parser no longer finds stay (docs/decisions/0008).

A report does all of that and rolls back: what it shows is what applying will do. Applying is one
transaction per facility: a replay that was stopped is repeated, and what is done changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcarbon.db import interval_days_writing, replays
from dcarbon.db.authorizations import Authorization
from dcarbon.db.base import new_id
from dcarbon.db.interval_days_writing import SeriesReadings
from dcarbon.db.meters import Meter
from dcarbon.db.payloads import LandedPayload
from dcarbon.db.replays import DayDifference, Replay
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.errors import ContractViolation, NotFound, PayloadCorrupt, PayloadMissing
from dcarbon.services import (
    audit,
    ingestion,
    landed_payloads,
    readings_storing,
    standing_readings,
)
from dcarbon.services.actors import SYSTEM
from dcarbon.services.landed_payloads import FacilityReader, Reading
from dcarbon.services.readings_storing import ToStore
from dcarbon.services.replay_reports import MOST_LISTED, Report, Trouble
from dcarbon.services.runtime import Runtime

_FACTS = ("commodity", "service_address", "account_id", "agreement_id", "service_class", "tariff")
_LISTS = ("meter_numbers", "blocks", "authorization_id")


@dataclass(frozen=True, slots=True)
class Asked:
    """Which payloads: of one authorization or of everybody, received in ``[start, end)``."""

    authorization_id: UUID | None = None
    received_from: datetime | None = None
    received_to: datetime | None = None


def replay(
    runtime: Runtime,
    asked: Asked,
    *,
    apply: bool,
    run_id: str | None = None,
    note: Callable[[int, int], None] = lambda _done, _of: None,
) -> Report:
    """Report what reading these payloads again would change, or change it.

    ``note`` hears of facilities done and in all. Raises :class:`NotFound` for an authorization
    that does not exist.
    """
    now = runtime.now()
    report = Report(new_id(), apply)
    with runtime.sessions.begin() as session:
        if asked.authorization_id and not session.get(Authorization, asked.authorization_id):
            raise NotFound("no such authorization")
        session.add(
            Replay(
                id=report.replay_id,
                authorization_id=asked.authorization_id,
                received_from=asked.received_from,
                received_to=asked.received_to,
                asked_at=now,
                run_id=run_id,
            )
        )
        facilities = _facilities(session, asked)
    for done, facility_id in enumerate(facilities, start=1):
        _replay_facility(runtime, facility_id, asked, report)
        note(done, len(facilities))
    report.counts["facilities"] = len(facilities)
    with runtime.sessions.begin() as session:
        row = session.get_one(Replay, report.replay_id)
        row.report = report.as_json()
        row.applied_at = runtime.now() if apply else None
    return report


def _facilities(session: Session, asked: Asked) -> Sequence[UUID]:
    found = select(LandedPayload.facility_id).distinct().order_by(LandedPayload.facility_id)
    found = found.where(landed_payloads.is_replayable())
    if asked.authorization_id is not None:
        found = found.where(LandedPayload.authorization_id == asked.authorization_id)
    if asked.received_from is not None:
        found = found.where(LandedPayload.received_at >= asked.received_from)
    if asked.received_to is not None:
        found = found.where(LandedPayload.received_at < asked.received_to)
    return session.scalars(found).all()


def _is_chosen(payload: LandedPayload, asked: Asked) -> bool:
    return (
        asked.authorization_id in {None, payload.authorization_id}
        and (asked.received_from is None or payload.received_at >= asked.received_from)
        and (asked.received_to is None or payload.received_at < asked.received_to)
    )


def _replay_facility(runtime: Runtime, facility_id: UUID, asked: Asked, report: Report) -> None:
    texts = _Texts(FacilityReader(runtime, facility_id))
    with runtime.sessions() as session:
        # Read before the facility is locked: whoever collects for it meanwhile does not wait.
        texts.read(_in_order(session, facility_id, asked))
    with runtime.sessions() as session:
        readings_storing.lock(session, {facility_id})
        payloads = _in_order(session, facility_id, asked)
        texts.read(payloads)
        chosen = {payload.id for payload in payloads if _is_chosen(payload, asked)}
        found = _Found()
        if not texts.unsure(payloads):
            found = _write(session, payloads, chosen, texts, now=runtime.now())
        _count(report, payloads, chosen, texts, found)
        if not report.is_applied:
            session.rollback()
            return
        again = _mark(payloads, chosen, texts, now=runtime.now())
        if found.days or found.meters_changed or again:
            audit.record(
                session,
                AuditEvent.PAYLOADS_REPLAYED,
                actor=SYSTEM,
                at=runtime.now(),
                facility_id=facility_id,
                authorization_id=asked.authorization_id,
                replay=str(report.replay_id),
                payloads=len(chosen),
                readable_again=again,
                new=found.new,
                changed=found.changed,
            )
        session.commit()


def _in_order(session: Session, facility_id: UUID, asked: Asked) -> list[LandedPayload]:
    """Return the chosen payloads and those that are believed after the first of them.

    Of the others only what was read counts: one that was not is stored, or not, by its collection.
    """
    everything = landed_payloads.of_facility(session, facility_id)
    first = next((i for i, each in enumerate(everything) if _is_chosen(each, asked)), None)
    if first is None:
        return []
    return [p for p in everything[first:] if _is_chosen(p, asked) or p.state == "parsed"]


@dataclass(slots=True)
class _Texts:
    """What payloads say, each read once."""

    reader: FacilityReader
    readings: dict[UUID, Reading] = field(default_factory=dict)
    errors: dict[UUID, ContractViolation | PayloadMissing | PayloadCorrupt] = field(
        default_factory=dict
    )

    def read(self, payloads: Iterable[LandedPayload]) -> None:
        for payload in payloads:
            if payload.id in self.readings or payload.id in self.errors:
                continue
            try:
                self.readings[payload.id] = self.reader.read(payload)
            except (ContractViolation, PayloadMissing, PayloadCorrupt) as error:
                self.errors[payload.id] = error

    def unsure(self, payloads: Iterable[LandedPayload]) -> bool:
        """Say whether one that was read can no longer be: what it states is then not known, and an
        older payload must not restate it.
        """
        return any(p.id in self.errors and p.state == "parsed" and p.readings for p in payloads)


@dataclass(frozen=True, slots=True)
class _Found:
    """What was written: differing days, and meters of which something else is known."""

    days: Sequence[DayDifference] = ()
    meters_changed: int = 0

    @property
    def new(self) -> int:
        return sum(day.new for day in self.days)

    @property
    def changed(self) -> int:
        return sum(day.changed for day in self.days)


def _write(
    session: Session,
    payloads: Sequence[LandedPayload],
    chosen: set[UUID],
    texts: _Texts,
    *,
    now: datetime,
) -> _Found:
    facility_id = texts.reader.facility_id
    before = _meters(session, facility_id)
    batches: list[tuple[bool, SeriesReadings]] = []
    meters: dict[UUID, Meter] = {}
    spans: dict[UUID, list[int]] = {}
    for payload in payloads:
        reading = texts.readings.get(payload.id)
        if reading is None:
            continue
        if reading.origin.describes_only:
            readings_storing.describe(session, reading.parsed, reading.origin, now=now)
            continue
        asked = ToStore(reading.parsed, reading.origin, payload.id)
        said = readings_storing.laid_out(session, asked, now=now)
        batches += ((payload.id in chosen, batch) for batch in said.batches)
        if payload.id in chosen:
            meters.update({meter.id: meter for meter in said.meters.values()})
            for meter_id, span in said.spans.items():
                spans.setdefault(meter_id, []).extend(span)
    mine = list(standing_readings.stated_last(batches))
    written = interval_days_writing.write(session, mine, recorded_at=now)
    days = replays.written_days(session, written.touched)
    if written.touched:
        readings_storing.cover(session, meters.values(), spans, window=None, now=now)
    return _Found(days, _changed_meters(session, facility_id, before))


def _meters(session: Session, facility_id: UUID) -> dict[UUID, tuple[object, datetime]]:
    rows = session.scalars(select(Meter).where(Meter.facility_id == facility_id))
    return {row.id: (_facts(row), row.updated_at) for row in rows}


def _changed_meters(
    session: Session, facility_id: UUID, before: Mapping[UUID, tuple[object, datetime]]
) -> int:
    """Count meters of which something else is known; the others keep the time of their change."""
    changed = 0
    for row in session.scalars(select(Meter).where(Meter.facility_id == facility_id)):
        if row.id in before and before[row.id][0] == _facts(row):
            row.updated_at = before[row.id][1]
        else:
            changed += 1
    return changed


def _facts(meter: Meter) -> object:
    return [getattr(meter, name) for name in (*_FACTS, *_LISTS)]


def _count(
    report: Report,
    payloads: Sequence[LandedPayload],
    chosen: set[UUID],
    texts: _Texts,
    found: _Found,
) -> None:
    counts = report.counts
    for payload in payloads:
        error = texts.errors.get(payload.id)
        if payload.id in chosen:
            was_unreadable = payload.state == "unreadable"
            counts["payloads"] += 1
            counts["unreadable_before"] += was_unreadable
            counts["readable_again"] += was_unreadable and error is None
            counts["lost"] += error is not None and not isinstance(error, ContractViolation)
            counts["unreadable_now"] += isinstance(error, ContractViolation)
        if error is not None and len(report.troubles) < MOST_LISTED:
            trouble = Trouble(payload.id, payload.facility_id, payload.state, error.code)
            report.troubles.append(trouble)
    counts["facilities_left"] += texts.unsure(payloads)
    counts["new"] += found.new
    counts["changed"] += found.changed
    counts["meters_changed"] += found.meters_changed
    report.days += found.days[: MOST_LISTED - len(report.days)]


def _mark(
    payloads: Sequence[LandedPayload], chosen: set[UUID], texts: _Texts, *, now: datetime
) -> int:
    """Write down what today's parser made of the chosen payloads; return how many it can read
    that could not be read before. What was read once is never marked unreadable.
    """
    again = 0
    for payload in payloads:
        if payload.id not in chosen:
            continue
        error = texts.errors.get(payload.id)
        if error is None:
            again += payload.state == "unreadable"
            reading = texts.readings[payload.id]
            ingestion.mark_parsed(payload, reading.parsed, parser=reading.parser, now=now)
        elif isinstance(error, ContractViolation) and payload.state == "landed":
            parser = landed_payloads.parser_of(payload)
            ingestion.mark_unreadable(payload, error, parser=parser, now=now)
    return again
