"""Stored days over everybody, for those who look after them: how many, how whole, how much."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from dcarbon.db import binary_copy as bc

_CHANNELS = """
select d.meter_day, count(*), count(*) filter (where d.readings >= d.expected),
       count(*) filter (where d.estimated > 0),
       coalesce(sum(d.value * power(10::numeric, d.exponent)) filter (
           where c.direction = 'delivered' and c.unit = 'Wh' and c.label = ''), 0),
       coalesce(sum(d.value * power(10::numeric, d.exponent)) filter (
           where c.direction = 'received' and c.unit = 'Wh' and c.label = ''), 0)
from daily_energy d join meter_channels c on c.id = d.channel_id
where d.meter_day = any(%s) group by d.meter_day
"""
_EXPORTS = """
select meter_day, count(*), sum(missing_hours), sum(estimated_hours),
       sum(value * power(10::numeric, exponent)),
       sum(register_value * power(10::numeric, exponent))
from hourly_export_days where meter_day = any(%s) group by meter_day
"""
_MONTHS = """
select month, count(*), count(*) filter (where is_complete), sum(days_expected),
       sum(days_complete), sum(value * power(10::numeric, exponent))
from monthly_generation where month = any(%s) group by month
"""


class EnergyOfDay(NamedTuple):
    """All channels on one local day of their meters; energy in Wh."""

    day: date
    channels: int
    complete: int
    estimated: int
    """Channels with an estimated reading."""
    delivered_wh: Decimal
    received_wh: Decimal


class ExportOfDay(NamedTuple):
    """All meters with an export register on one local day of theirs; energy in Wh."""

    day: date
    meters: int
    missing_hours: int
    estimated_hours: int
    export_wh: Decimal
    register_wh: Decimal


class GenerationOfMonth(NamedTuple):
    """All generating units in one month; energy in Wh."""

    month: date
    units: int
    complete: int
    days_expected: int
    days_complete: int
    generation_wh: Decimal


def energy(connection: bc.Connection, days: Sequence[date]) -> dict[date, EnergyOfDay]:
    return {row[0]: EnergyOfDay(*row) for row in connection.execute(_CHANNELS, [list(days)])}


def exports(connection: bc.Connection, days: Sequence[date]) -> dict[date, ExportOfDay]:
    return {row[0]: ExportOfDay(*row) for row in connection.execute(_EXPORTS, [list(days)])}


def generation(connection: bc.Connection, months: Sequence[date]) -> dict[date, GenerationOfMonth]:
    return {row[0]: GenerationOfMonth(*row) for row in connection.execute(_MONTHS, [list(months)])}
