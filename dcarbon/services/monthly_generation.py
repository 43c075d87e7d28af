"""Monthly generation of generating units, straight from the readings of the days they claim.

:func:`of` is the one place where a month is added up: reports, evidence and the stored months all
rest on it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Self
from uuid import UUID

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from dcarbon.db import binary_copy as bc
from dcarbon.db import derived_energy_marks as marks
from dcarbon.db import energy_days, monthly_generation_writing
from dcarbon.db.derived_energy import MonthlyGeneration
from dcarbon.db.derived_energy_marks import UnitMonths, Waiting
from dcarbon.db.energy_days import Derived
from dcarbon.db.energy_export import ExportRows
from dcarbon.db.energy_layout import Channel, MeterLayout
from dcarbon.db.engine import Sessions
from dcarbon.db.generating_units import ChannelEligibility, MeterClaim, sharing_days
from dcarbon.db.interval_rows import Int
from dcarbon.db.local_days import to_date, to_number
from dcarbon.domain import generation
from dcarbon.domain.calendar import month_end
from dcarbon.domain.flows import Commodity, Direction, Unit
from dcarbon.domain.generation import (
    ChannelDay,
    DayOfGeneration,
    ExportDay,
    MonthOfGeneration,
    Quantity,
)

__all__ = [
    "DayOfGeneration",
    "DerivedMonths",
    "MonthOfGeneration",
    "derive_changed",
    "derive_months",
    "of",
    "waiting",
]

MARKS = 1_000
"""Marks worked off in one transaction."""
AT_ONCE = 250
"""Months of units added up together: it takes a tenth of the time of one after the other."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_Key = tuple[UUID, date]
"""A generating unit, and a day of the month."""


@dataclass(slots=True)
class DerivedMonths:
    """What a derivation of months did."""

    marks: int = 0
    derived: dict[date, int] = field(default_factory=dict)
    """Generating units added up, by month."""
    written: dict[date, int] = field(default_factory=dict)
    """Generating units of which something new was stored, by month."""


def of(
    session: Session, unit_id: UUID, month: date, *, as_known_at: datetime | None = None
) -> MonthOfGeneration:
    """Return what a unit made in the month of a date, day by day of its meters.

    Days are local days at each meter, only those a claim covers. ``as_known_at`` rests on the
    readings as they were stored then; claims and eligibilities are always those of now.
    """
    (found,) = _of_several(session, [(unit_id, month)], as_known_at=as_known_at)
    return found


def waiting(session: Session) -> Waiting:
    """Return what waits to be derived: marks, for how long, first and last month."""
    return marks.waiting_months(bc.connection_of(session))


def derive_changed(sessions: Sessions, *, now: datetime) -> DerivedMonths:
    """Store anew every month of which a day, a claim or an eligibility changed, up to today's."""
    done = DerivedMonths()
    while True:
        with sessions.begin() as session:
            connection = bc.connection_of(session)
            marks.lock(connection)
            taken = marks.take_months(connection, limit=MARKS)
            keys = sorted(_months(taken.months, until=now.date()))
            for begin in range(0, len(keys), AT_ONCE):
                _store(session, keys[begin : begin + AT_ONCE], done, now=now)
        done.marks += taken.marks
        if taken.marks < MARKS:
            return done


def derive_months(sessions: Sessions, months: Sequence[date], *, now: datetime) -> DerivedMonths:
    """Store months of every unit that claims a day of them or did, changed or not."""
    done = DerivedMonths()
    for month in months:
        with sessions() as session:
            units = _units_of(session, month)
        for begin in range(0, len(units), AT_ONCE):
            keys = [(unit_id, month) for unit_id in units[begin : begin + AT_ONCE]]
            with sessions.begin() as session:
                marks.lock(bc.connection_of(session))
                _store(session, keys, done, now=now)
    return done


def _of_several(
    session: Session, keys: Sequence[_Key], *, as_known_at: datetime | None = None
) -> list[MonthOfGeneration]:
    """Return the months of units, in the order asked; readings of all are read together."""
    claims = _claims(session, keys)
    parts = [
        (key, claim, days)
        for key in keys
        for claim in claims.get(key[0], ())
        if len(days := _days(claim, *_bounds(key[1])))
    ]
    wanted: dict[UUID, list[Int]] = {}
    for _, claim, days in parts:
        wanted.setdefault(claim.meter_id, []).append(days)
    derived = energy_days.derive(
        bc.connection_of(session),
        {meter_id: np.concatenate(several) for meter_id, several in wanted.items()},
        as_known_at=as_known_at,
    )
    energy, layouts = _Energy.of(derived), {one.id: one for one in derived.meters}
    eligible = _eligible(session, derived.meters)
    lines: dict[_Key, list[DayOfGeneration]] = {key: [] for key in keys}
    for key, claim, days in parts:
        layout = layouts.get(claim.meter_id)
        lines[key] += _lines(claim, days, layout, energy=energy, eligible=eligible)
    return [MonthOfGeneration.of(key[0], _bounds(key[1])[0], lines[key]) for key in keys]


def _claims(session: Session, keys: Sequence[_Key]) -> dict[UUID, list[MeterClaim]]:
    """Return the claims of units that may have a day in one of the months asked for."""
    first = min(_bounds(month)[0] for _, month in keys)
    last = max(_bounds(month)[1] for _, month in keys)
    units = {unit_id for unit_id, _ in keys}
    chosen = select(MeterClaim).where(
        MeterClaim.generating_unit_id.in_(units), sharing_days(first, last)
    )
    found: dict[UUID, list[MeterClaim]] = {}
    for claim in session.scalars(chosen):
        found.setdefault(claim.generating_unit_id, []).append(claim)
    return found


@dataclass(frozen=True, slots=True)
class _Energy:
    """Derived days by what they are of: channel or meter, and day since 1970."""

    channels: Mapping[tuple[UUID, int], ChannelDay]
    exports: Mapping[tuple[UUID, int], ExportDay]

    @classmethod
    def of(cls, derived: Derived) -> Self:
        daily, exports = derived.daily, derived.exports
        columns = (
            *(daily.channel, daily.day, daily.value, daily.estimated_value, daily.exponent),
            *(daily.readings, daily.expected, daily.estimated, daily.as_of_us),
        )
        channels: dict[tuple[UUID, int], ChannelDay] = {}
        for c, day, value, estimated_value, exponent, readings, expected, estimated, as_of in zip(
            *(column.tolist() for column in columns), strict=True
        ):
            measured = Quantity(value - estimated_value, exponent)
            one = ChannelDay(measured, readings, expected, estimated, _moment(as_of))
            channels[daily.channel_ids[c], day] = one
        of_meters = {
            (exports.meter_ids[int(exports.meter[n])], int(exports.day[n])): _export(exports, n)
            for n in range(len(exports))
        }
        return cls(channels, of_meters)


def _export(exports: ExportRows, n: int) -> ExportDay:
    hours = zip(exports.hours[n].tolist(), exports.counts[n].tolist(), strict=True)
    told = tuple(value if counts else None for value, counts in hours)
    exponent = int(exports.exponent[n])
    return ExportDay(
        hours=told[: int(exports.hour_count[n])],
        exponent=exponent,
        register=Quantity(int(exports.register_value[n]), exponent),
        missing_hours=int(exports.missing_hours[n]),
        estimated_hours=int(exports.estimated_hours[n]),
        as_of=_moment(int(exports.as_of_us[n])),
    )


def _lines(
    claim: MeterClaim,
    days: Int,
    layout: MeterLayout | None,
    *,
    energy: _Energy,
    eligible: Mapping[UUID, str],
) -> Iterator[DayOfGeneration]:
    """Yield the days of one claim: what counts of each, by the basis it is claimed on."""
    if claim.basis == generation.PRODUCTION:
        channels = _production(layout, eligible)
        fault = _production_fault(channels)
    else:
        channels = layout.registers(Direction.RECEIVED) if layout else ()
        fault = _export_fault(channels, eligible)
    for number in days.tolist():
        day = to_date(number)
        if fault:
            yield generation.nothing(claim.meter_id, day, claim.basis, fault)
        elif claim.basis == generation.PRODUCTION:
            found = [energy.channels.get((channel.id, number)) for channel in channels]
            yield generation.production_day(claim.meter_id, day, found)
        else:
            export = energy.exports.get((claim.meter_id, number))
            yield generation.export_day(claim.meter_id, day, export)


def _production(layout: MeterLayout | None, eligible: Mapping[UUID, str]) -> tuple[Channel, ...]:
    return tuple(
        channel
        for channel in (layout.channels if layout else ())
        if eligible.get(channel.id) == generation.PRODUCTION
        and channel.unit == Unit.WH
        and channel.commodity == Commodity.ELECTRICITY
    )


def _production_fault(channels: Sequence[Channel]) -> str | None:
    if not channels:
        return generation.NO_CHANNEL
    several = len({channel.direction for channel in channels}) > 1
    return generation.TWO_DIRECTIONS if several else None


def _export_fault(received: Sequence[Channel], eligible: Mapping[UUID, str]) -> str | None:
    if len(received) != 1:
        return generation.NO_REGISTER
    is_set = eligible.get(received[0].id) == generation.HOURLY_EXPORT
    return None if is_set else generation.NOT_SET_AS_EXPORT


def _eligible(session: Session, layouts: Iterable[MeterLayout]) -> dict[UUID, str]:
    """Return what people chose each channel for; channels nobody decided on are absent."""
    ids = [channel.id for layout in layouts for channel in layout.channels]
    row = ChannelEligibility
    chosen = select(row.channel_id, row.chosen).where(row.channel_id.in_(ids))
    return {channel_id: word for channel_id, word in session.execute(chosen) if word}


def _store(session: Session, keys: Sequence[_Key], done: DerivedMonths, *, now: datetime) -> None:
    months = _of_several(session, keys)
    for month, number in Counter(one.month for one in months).items():
        done.derived[month] = done.derived.get(month, 0) + number
    for month in monthly_generation_writing.store(session, months, computed_at=now):
        done.written[month] = done.written.get(month, 0) + 1


def _months(marked: Iterable[UnitMonths], *, until: date) -> set[tuple[UUID, date]]:
    """Return every month of the marks, each once, none after that of ``until``."""
    found: set[tuple[UUID, date]] = set()
    for one in marked:
        month = one.first
        while month <= min(until, one.last or until):
            found.add((one.unit_id, month))
            month = _bounds(month)[1] + timedelta(days=1)
    return found


def _units_of(session: Session, month: date) -> list[UUID]:
    first, last = _bounds(month)
    claiming = select(MeterClaim.generating_unit_id).where(sharing_days(first, last))
    stored = select(MonthlyGeneration.generating_unit_id).where(MonthlyGeneration.month == first)
    return list(session.scalars(claiming.union(stored)))


def _bounds(month: date) -> tuple[date, date]:
    """Return the first and the last day of the month of a date."""
    first = month.replace(day=1)
    return first, month_end(first)


def _days(claim: MeterClaim, first: date, last: date) -> Int:
    begin = max(first, claim.first_day)
    end = last if claim.last_day is None else min(last, claim.last_day)
    return np.arange(to_number(begin), to_number(end) + 1)


def _moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
