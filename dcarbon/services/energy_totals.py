"""Daily totals of meters, from the stored days: for pages and programs.

Nothing is added up from readings here. Whether somebody may see a meter is for the caller to ask;
:func:`for_meter` asks itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from dcarbon.db import binary_copy as bc
from dcarbon.db import derived_energy_reading as stored
from dcarbon.db.derived_energy_reading import DayColumns, UsageChannel
from dcarbon.db.energy_quantities import scaled
from dcarbon.db.interval_rows import Int
from dcarbon.domain.errors import ContractViolation, InvalidInput
from dcarbon.services import meters
from dcarbon.services.actors import Actor
from dcarbon.services.meters import MeterView

LONGEST = timedelta(days=1_100)


@dataclass(frozen=True, slots=True)
class ChannelTotals:
    """One channel's days, oldest first: quantity in its unit = ``value * 10 ** exponent``.

    Days without a reading are absent. Columns of one length.
    """

    channel: UsageChannel
    exponent: int
    day: NDArray[np.datetime64]
    """Local days at the meter."""
    value: Int
    estimated_value: Int
    """The part of ``value`` that the utility estimated."""
    readings: Int
    expected: Int
    estimated: Int

    @property
    def is_complete(self) -> NDArray[np.bool_]:
        """Days of which every reading is here, estimated ones too."""
        complete: NDArray[np.bool_] = self.readings == self.expected
        return complete

    @property
    def total(self) -> Decimal:
        return Decimal(sum(self.value.tolist())).scaleb(self.exponent)


@dataclass(frozen=True, slots=True)
class MeterTotals:
    """One meter's days in ``[start, end)``, local to it."""

    meter: MeterView
    start: date
    end: date
    channels: tuple[ChannelTotals, ...]


def daily_totals(
    session: Session, meter_ids: Collection[UUID], first: date, last: date
) -> list[ChannelTotals]:
    """Return the stored days of meters from ``first`` to ``last``, both inclusive.

    One entry per usage channel that has any, by meter and direction.
    """
    connection = bc.connection_of(session)
    channels = stored.channels_of(connection, meter_ids)
    columns = stored.days_of(connection, channels, first, last)
    return list(_by_channel(channels, columns))


def for_meter(
    session: Session, meter_id: UUID, *, start: date, end: date, actor: Actor
) -> MeterTotals:
    """Return the stored days of a meter in ``[start, end)``, as somebody may see them.

    Raises :class:`NotFound`, :class:`InvalidInput` (``range_reversed``, ``range_too_long``).
    """
    meter = meters.get(session, meter_id, actor=actor)
    if end <= start:
        raise InvalidInput("start is not before end", code="range_reversed")
    if end - start > LONGEST:
        raise InvalidInput(
            "range too long",
            code="range_too_long",
            display_message=f"Please ask for at most {LONGEST.days} days at a time.",
        )
    found = daily_totals(session, [meter_id], start, end - timedelta(days=1))
    return MeterTotals(meter, start, end, tuple(found))


def _by_channel(channels: Sequence[UsageChannel], columns: DayColumns) -> Iterator[ChannelTotals]:
    begins = np.searchsorted(columns.channel, np.arange(len(channels) + 1)).tolist()
    for channel, begin, end in zip(channels, begins, begins[1:], strict=False):
        if begin == end:
            continue
        own = slice(begin, end)
        exponent = int(columns.exponent[own].min())
        by = columns.exponent[own] - exponent
        value, is_too_large = scaled(columns.value[own], by)
        if is_too_large.any():
            raise ContractViolation("days with no common exponent", code="value_too_large")
        yield ChannelTotals(
            channel,
            exponent,
            day=columns.day[own].astype("datetime64[D]"),
            value=value,
            estimated_value=scaled(columns.estimated_value[own], by)[0],
            readings=columns.readings[own],
            expected=columns.expected[own],
            estimated=columns.estimated[own],
        )
