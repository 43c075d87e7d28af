"""Random histories of one meter: payloads with gaps, repeats, corrections and changing lengths."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pyarrow as pa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from dcarbon.domain.flows import Commodity, Direction, Measure, Unit
from dcarbon.providers.columns import READINGS, ChannelFacts, MeterFacts, ParsedPayload
from dcarbon.services import ingestion
from dcarbon.services.ingestion import Arrival, Ingested
from dcarbon.services.readings_storing import Origin, Window
from dcarbon.services.runtime import Runtime

HOUR_S, QUARTER_S = 3600, 900
DIRECTIONS = (Direction.DELIVERED, Direction.RECEIVED)
steady = settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
"""The same histories each time: a failure is one of the change that brought it."""
PLACES = (
    ("America/Los_Angeles", date(2026, 3, 7), 3),  # clocks go forward on the second day
    ("America/Los_Angeles", date(2025, 10, 31), 4),  # the month ends, then clocks go back
    ("America/New_York", date(2025, 11, 1), 3),
    ("America/Phoenix", date(2026, 3, 7), 3),  # no clock change, same days
)


@dataclass(frozen=True)
class Said:
    """One reading of one payload; the quantity is ``value`` * 10 ** the payload's exponent."""

    direction: Direction
    start: datetime
    duration_s: int
    value: int
    quality: int | None


@dataclass(frozen=True)
class Payload:
    """What arrived at one time. ``asked`` are the local days asked for, both included."""

    at: datetime
    exponent: int
    readings: tuple[Said, ...]
    asked: tuple[date, date] | None

    def parsed(self, meter: str) -> ParsedPayload:
        channels = tuple(
            ChannelFacts(
                meter, one, Unit.WH, Commodity.ELECTRICITY, Measure.USAGE, exponent=self.exponent
            )
            for one in DIRECTIONS
        )
        rows = [
            {
                "channel": DIRECTIONS.index(one.direction),
                "start": one.start,
                "duration_s": one.duration_s,
                "value": one.value,
                "quality": one.quality,
            }
            for one in self.readings
        ]
        table = pa.Table.from_pylist(rows, schema=READINGS)
        return ParsedPayload((MeterFacts(meter),), channels, table)


@dataclass(frozen=True)
class History:
    """Payloads in order of time, all of a few local days at one place."""

    zone: ZoneInfo
    first: date
    number: int
    payloads: tuple[Payload, ...]

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range(self.number)]

    @property
    def start(self) -> datetime:
        return midnight(self.first, self.zone)

    @property
    def end(self) -> datetime:
        return midnight(self.first + timedelta(days=self.number), self.zone)


def land(
    runtime: Runtime, facility_id: UUID, meter: str, zone: ZoneInfo, payload: Payload
) -> Ingested:
    """Store a payload as collecting does, its bytes first."""
    window = None
    if payload.asked:
        after = payload.asked[1] + timedelta(days=1)
        window = Window(midnight(payload.asked[0], zone), midnight(after, zone))
    landed = ingestion.ingest(
        runtime.sessions,
        runtime.landing,
        Arrival(f"{meter} {payload.at}".encode(), "application/atom+xml", "Batch/7", payload.at),
        Origin(facility_id, None, "green_button", "PG&E", zone.key),
        parser="made up",
        parse=lambda _: payload.parsed(meter),
        now=payload.at,
        window=window,
    )
    assert landed.state == "parsed"
    return landed


def midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


@st.composite
def histories(draw: st.DrawFn) -> History:
    """One to six payloads; lengths of intervals are one, the other, or change on the way."""
    zone_name, first, number = draw(st.sampled_from(PLACES))
    empty = History(ZoneInfo(zone_name), first, number, ())
    lengths = draw(
        st.sampled_from([[HOUR_S], [QUARTER_S], [HOUR_S, QUARTER_S], [HOUR_S, QUARTER_S]])
    )
    hours = sorted(draw(st.lists(st.integers(-60, 240), min_size=1, max_size=6, unique=True)))
    payloads = [
        draw(_payloads(empty, empty.end + timedelta(hours=after), lengths)) for after in hours
    ]
    return History(empty.zone, first, number, tuple(payloads))


@st.composite
def _payloads(draw: st.DrawFn, place: History, at: datetime, lengths: list[int]) -> Payload:
    runs = draw(st.lists(_runs(place, lengths), max_size=3))
    asked = None
    if draw(st.booleans()):
        ends = sorted((draw(st.sampled_from(place.days)), draw(st.sampled_from(place.days))))
        asked = ends[0], ends[1]
    readings = tuple(one for run in runs for one in run)
    return Payload(at, draw(st.integers(-3, 1)), readings, asked)


@st.composite
def _runs(draw: st.DrawFn, place: History, lengths: list[int]) -> list[Said]:
    """Readings of one direction and length, most in a row, some left out, some said twice."""
    length = draw(st.sampled_from(lengths))
    slots = int((place.end - place.start).total_seconds()) // length
    first = draw(st.one_of(st.just(0), st.integers(0, slots - 1)))
    count = draw(st.one_of(st.just(slots), st.integers(1, slots)))
    chosen = list(range(first, min(slots, first + count)))
    holes = draw(st.sets(st.sampled_from(chosen), max_size=4))
    twice = draw(st.lists(st.sampled_from(chosen), max_size=2))
    values = draw(st.lists(st.sampled_from([0, 1, 7, 250, 10_000]), min_size=1, max_size=5))
    mixed = st.lists(st.sampled_from([None, 8, 17]), min_size=1, max_size=40)
    qualities: list[int | None] = draw(mixed) if draw(st.booleans()) else [17]
    direction = draw(st.sampled_from(DIRECTIONS))
    stated = [slot for slot in chosen if slot not in holes] + twice
    return [
        Said(
            direction,
            place.start + timedelta(seconds=slot * length),
            length,
            values[n % len(values)],
            qualities[n % len(qualities)],
        )
        for n, slot in enumerate(stated)
    ]
