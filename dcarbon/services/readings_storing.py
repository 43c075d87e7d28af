"""From a parsed payload to meters, series, interval days and coverage, in one transaction.

Which series a reading belongs to is decided here: readings that fit the UTC day grid go to
interval days, all others (billing months, gas days from local midnight) to period readings.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import ARRAY, Uuid, any_, literal, select
from sqlalchemy.orm import Session

from dcarbon.db import binary_copy as bc
from dcarbon.db import coverage_days, interval_days_writing
from dcarbon.db.interval_days_writing import SeriesReadings, WriteOutcome
from dcarbon.db.meters import Meter
from dcarbon.domain.calendar import day_bounds, local_days
from dcarbon.providers.columns import ChannelFacts, MeterFacts, ParsedPayload
from dcarbon.services import implied_zeros, wall_clock
from dcarbon.services.channels import Channels

DAY_S = 86_400
_IDS = ARRAY(Uuid)
_LOCK = """
select pg_advisory_xact_lock(key) from (
    select key from unnest(%s::int8[]) as k(key) order by key
) sorted
"""
UNNAMED = "unnamed"
"""External id of the meter of a document that names none."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose payload it is and how its times are to be read."""

    facility_id: UUID
    authorization_id: UUID | None
    provider: str
    utility: str
    time_zone: str
    local_clock: bool | None = False
    """Starts are wall-clock time written as if it were UTC (SDG&E downloads, Ameren); ``None``:
    go by what the document looks like."""
    describes_only: bool = False
    """Customer data: they say more of meters that are known, and make none of their own."""


@dataclass(frozen=True, slots=True)
class Window:
    """What was asked of the provider, ``[start, end)``: it makes an empty day *asked and empty*."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Stored:
    """What one payload changed. Counts are readings."""

    meter_ids: tuple[UUID, ...]
    readings: int
    new: int
    restated: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class ToStore:
    """One parsed payload. ``window`` is what was asked for; coverage of ``counted_later`` is the
    caller's: it counts those days when all of them are in.
    """

    parsed: ParsedPayload
    origin: Origin
    payload_id: UUID
    window: Window | None = None
    counted_later: Window | None = None


def store(session: Session, asked: Sequence[ToStore], *, now: datetime) -> list[Stored]:
    """Write what payloads say; the same again changes nothing. The caller commits.

    Payloads of one facility are written one after the other, all others at once.
    """
    lock(session, {one.origin.facility_id for one in asked})
    stored: dict[UUID, Stored] = {}
    for several in _of_different_facilities(asked):
        stored |= _store(session, several, now=now)
    return [stored[one.payload_id] for one in asked]


def _of_different_facilities(asked: Iterable[ToStore]) -> list[list[ToStore]]:
    rounds: list[list[ToStore]] = []
    place: Counter[UUID] = Counter()
    for one in asked:
        facility_id = one.origin.facility_id
        if place[facility_id] == len(rounds):
            rounds.append([])
        rounds[place[facility_id]].append(one)
        place[facility_id] += 1
    return rounds


def _store(session: Session, asked: Sequence[ToStore], *, now: datetime) -> dict[UUID, Stored]:
    """Write payloads of different facilities; return what each changed, by its id."""
    stored: dict[UUID, Stored] = {}
    known = _known_meters(session, {one.origin.facility_id for one in asked})
    telling: list[ToStore] = []
    for one in asked:
        if one.origin.describes_only:
            meters = known[one.origin.facility_id, one.origin.provider]
            stored[one.payload_id] = _describe(meters, one.parsed, one.origin, now=now)
        else:
            telling.append(one)
    if not telling:
        return stored
    said = _laid_out(session, telling, known, now=now)
    batches = [batch for each in said for batch in each.batches]
    written = interval_days_writing.write(session, batches, recorded_at=now)
    for one, each in zip(telling, said, strict=True):
        _cover(session, one, each, now=now)
        stored[one.payload_id] = _stored(one.parsed, each, written)
    return stored


def _cover(session: Session, one: ToStore, said: Said, *, now: datetime) -> None:
    counted = [
        meter
        for meter in said.meters.values()
        if one.counted_later is None or not _is_inside(said, meter, one.counted_later)
    ]
    cover(session, counted, said.spans, window=one.window, now=now)


def _stored(parsed: ParsedPayload, said: Said, written: WriteOutcome) -> Stored:
    series = {batch.series_id for batch in said.batches if len(batch.start)}
    changed = [written.by_series[one] for one in series]
    return Stored(
        meter_ids=tuple(meter.id for meter in said.meters.values()),
        readings=parsed.readings.num_rows,
        new=sum(one.new for one in changed),
        restated=sum(one.restated for one in changed),
        unchanged=sum(one.unchanged for one in changed),
    )


@dataclass(frozen=True, slots=True)
class Said:
    """What one payload says, laid out for writing: its meters and channels are there already."""

    meters: Mapping[str, Meter]
    batches: Sequence[SeriesReadings]
    spans: Mapping[UUID, list[int]]
    """By meter: starts between which its readings lie, seconds since 1970."""


def laid_out(session: Session, asked: ToStore, *, now: datetime) -> Said:
    """Bring meters, channels and series up to date and say which readings belong to which."""
    known = _known_meters(session, {asked.origin.facility_id})
    return _laid_out(session, [asked], known, now=now)[0]


def _laid_out(
    session: Session, asked: Sequence[ToStore], known: _KnownMeters, *, now: datetime
) -> list[Said]:
    meters = [
        _upserted(
            session, known[one.origin.facility_id, one.origin.provider], one.parsed, one.origin, now
        )
        for one in asked
    ]
    session.flush()
    channels = Channels.of(session, [meter.id for each in meters for meter in each.values()])
    return [_said(one, each, channels) for one, each in zip(asked, meters, strict=True)]


def _said(one: ToStore, meters: Mapping[str, Meter], known: Channels) -> Said:
    batches: list[SeriesReadings] = []
    spans: dict[UUID, list[int]] = {}
    parsed, origin = one.parsed, one.origin
    if not parsed.readings.num_rows:
        return Said(meters, batches, spans)
    parsed = implied_zeros.completed(
        parsed, is_known=lambda point, facts: known.has(meters[point or UNNAMED].id, facts)
    )
    starts = _starts(parsed, origin)
    for index, facts in enumerate(parsed.channels):
        mask = parsed.readings["channel"].to_numpy() == index
        if not mask.any():
            continue
        meter = meters[facts.usage_point or UNNAMED]
        _learn_commodity(meter, facts)
        channel = known.channel(meter.id, facts)
        spans.setdefault(meter.id, []).extend((int(starts[mask].min()), int(starts[mask].max())))
        columns = _Columns.of(parsed, starts, mask)
        batches += _batches(known, channel, facts, columns, one.payload_id)
    return Said(meters, batches, spans)


def _is_inside(said: Said, meter: Meter, window: Window) -> bool:
    """Are all readings of the meter of local days that the window touches?"""
    zone, starts = ZoneInfo(meter.time_zone), said.spans.get(meter.id, [])
    days = list(local_days(window.start, window.end, zone))
    if not starts or not days:
        return not starts
    first, last = day_bounds(days[0], zone)[0], day_bounds(days[-1], zone)[1]
    return first.timestamp() <= min(starts) and max(starts) < last.timestamp()


def lock(session: Session, facility_ids: Collection[UUID]) -> None:
    """Let one writer per facility through, until the transaction ends."""
    keys = sorted(facility_id.int & 0x7FFF_FFFF_FFFF_FFFF for facility_id in facility_ids)
    bc.connection_of(session).execute(_LOCK, [keys])


_KnownMeters = dict[tuple[UUID, str], dict[str, Meter]]
"""By facility and provider: its meters by their external id."""


def _known_meters(session: Session, facility_ids: Collection[UUID]) -> _KnownMeters:
    known: _KnownMeters = defaultdict(dict)
    chosen = select(Meter).where(Meter.facility_id == any_(literal(list(facility_ids), _IDS)))
    for meter in session.scalars(chosen.order_by(Meter.external_id)):
        known[meter.facility_id, meter.provider][meter.external_id] = meter
    return known


def _upserted(
    session: Session,
    known: dict[str, Meter],
    parsed: ParsedPayload,
    origin: Origin,
    now: datetime,
) -> dict[str, Meter]:
    """Return every meter of the payload by its external id, created or brought up to date."""
    named = {facts.external_id: facts for facts in parsed.meters}
    for channel in parsed.channels:
        named.setdefault(channel.usage_point or UNNAMED, MeterFacts(channel.usage_point or UNNAMED))
    found: dict[str, Meter] = {}
    for facts in named.values():
        meter = _matching(known, facts, only=len(named) == 1)
        if meter is None:
            meter = _new_meter(facts, origin, now)
            session.add(meter)
            known[meter.external_id] = meter
        _learn(meter, facts, origin, now)
        found[facts.external_id] = meter
    return found


def describe(session: Session, parsed: ParsedPayload, origin: Origin, *, now: datetime) -> Stored:
    """Join customer data to known meters: by id, by agreement, else in order when the rest fits.

    Some utilities name usage points differently in the two feeds (green-button reference 5.9).
    """
    known = _known_meters(session, {origin.facility_id})
    return _describe(known[origin.facility_id, origin.provider], parsed, origin, now=now)


def _describe(
    known: Mapping[str, Meter], parsed: ParsedPayload, origin: Origin, *, now: datetime
) -> Stored:
    found = [(facts, _matching(known, facts, only=False)) for facts in parsed.meters]
    taken = {meter.id for _, meter in found if meter is not None}
    rest = [meter for meter in known.values() if meter.id not in taken]
    unmatched = sorted((f for f, meter in found if meter is None), key=lambda f: f.external_id)
    pairs = [(facts, meter) for facts, meter in found if meter is not None]
    if len(rest) == len(unmatched):
        pairs += zip(unmatched, rest, strict=True)
    for facts, meter in pairs:
        _learn(meter, facts, origin, now)
    return Stored(tuple(meter.id for _, meter in pairs), 0, 0, 0, 0)


def _matching(known: Mapping[str, Meter], facts: MeterFacts, *, only: bool) -> Meter | None:
    """Find the meter a payload speaks of: by its id, else its agreement, else as the only one."""
    if facts.external_id in known:
        return known[facts.external_id]
    for meter in known.values():
        if facts.agreement_id and facts.agreement_id in {meter.agreement_id, meter.external_id}:
            return meter
    if only and len(known) == 1 and facts.external_id == UNNAMED:
        return next(iter(known.values()))
    return None


def _new_meter(facts: MeterFacts, origin: Origin, now: datetime) -> Meter:
    return Meter(
        facility_id=origin.facility_id,
        authorization_id=origin.authorization_id,
        provider=origin.provider,
        utility=origin.utility,
        external_id=facts.external_id,
        time_zone=origin.time_zone,
        meter_numbers=[],
        blocks={},
        commodity="unknown",
        first_seen_at=now,
        updated_at=now,
    )


def _learn(meter: Meter, facts: MeterFacts, origin: Origin, now: datetime) -> None:
    """Take over what this payload says; what it leaves out stays."""
    said: dict[str, object] = {
        name: getattr(facts, name)
        for name in ("service_address", "account_id", "agreement_id", "service_class", "tariff")
        if getattr(facts, name)
    }
    if facts.commodity.value != "unknown":
        said["commodity"] = facts.commodity.value
    if facts.meter_numbers:
        said["meter_numbers"] = list(facts.meter_numbers)
    if facts.blocks:
        said["blocks"] = {**meter.blocks, **facts.blocks}
    if origin.authorization_id:
        said["authorization_id"] = origin.authorization_id
    changed = {name: value for name, value in said.items() if getattr(meter, name) != value}
    for name, value in changed.items():
        setattr(meter, name, value)
    if changed:
        meter.updated_at = now


def _learn_commodity(meter: Meter, facts: ChannelFacts) -> None:
    if meter.commodity == "unknown" and facts.commodity.value != "unknown":
        meter.commodity = facts.commodity.value


@dataclass(frozen=True, slots=True)
class _Columns:
    """Readings of one channel as numpy arrays of one length."""

    start: np.ndarray
    duration: np.ndarray
    value: np.ndarray
    quality: np.ndarray

    @classmethod
    def of(cls, parsed: ParsedPayload, starts: np.ndarray, mask: np.ndarray) -> _Columns:
        table = parsed.readings
        return cls(
            start=starts[mask],
            duration=table["duration_s"].to_numpy()[mask],
            value=table["value"].to_numpy()[mask],
            quality=table["quality"].fill_null(-1).to_numpy().astype(np.int16)[mask],
        )

    def where(self, mask: np.ndarray) -> _Columns:
        return _Columns(self.start[mask], self.duration[mask], self.value[mask], self.quality[mask])


def _batches(
    known: Channels,
    channel: UUID,
    facts: ChannelFacts,
    columns: _Columns,
    payload_id: UUID,
) -> Iterator[SeriesReadings]:
    lengths = grid_lengths(columns.start, columns.duration, facts.interval_s)
    for length in np.unique(lengths):
        part = columns.where(lengths == length)
        yield SeriesReadings(
            series_id=known.series_of(channel, int(length)),
            interval_s=int(length),
            start=part.start,
            value=part.value,
            exponent=facts.exponent,
            quality=part.quality,
            payload_id=payload_id,
            duration_s=part.duration.astype(np.int32),
        )


def grid_lengths(start: np.ndarray, duration: np.ndarray, declared: int | None) -> np.ndarray:
    """Return for each reading the length of the day grid it lies on, 0 where it lies on none.

    Real files are a second off now and then (899 s lengths, starts at 00:00:01): a reading within
    one second of the grid is on it.
    """
    length = duration.astype(np.int64)
    if declared:
        length = np.where(np.abs(length - declared) <= 1, declared, length)
    usable = (length > 0) & (length < DAY_S)
    safe = np.where(usable, length, 1)
    offset = start % safe
    on_grid = usable & (DAY_S % safe == 0) & ((offset <= 1) | (offset >= safe - 1))
    return np.where(on_grid, length, 0)


def _starts(parsed: ParsedPayload, origin: Origin) -> np.ndarray:
    """Return starts as true UTC epoch seconds, wall-clock ones put right by the meter's zone."""
    starts: np.ndarray = parsed.readings["start"].cast("int64").to_numpy()
    local = origin.local_clock
    if local is None:
        local = parsed.looks_like_local_clock
    if not local or starts.size == 0:
        return starts
    channels = parsed.readings["channel"].to_numpy()
    return wall_clock.true_instants(starts, channels, ZoneInfo(origin.time_zone))


def cover(
    session: Session,
    meters: Iterable[Meter],
    spans: Mapping[UUID, list[int]],
    *,
    window: Window | None,
    now: datetime,
) -> None:
    """Bring coverage up to date over what was asked and what came."""
    for meter in meters:
        bounds = [datetime.fromtimestamp(s, tz=UTC) for s in spans.get(meter.id, [])]
        if window is not None:
            bounds += [window.start, window.end - timedelta(seconds=1)]
        if not bounds:
            continue
        coverage_days.update_coverage(
            session,
            meter_id=meter.id,
            zone=ZoneInfo(meter.time_zone),
            start=min(bounds),
            end=max(bounds) + timedelta(seconds=1),
            asked_at=now if window is not None else None,
            now=now,
        )
