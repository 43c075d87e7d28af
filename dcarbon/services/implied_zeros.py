"""Zeros a provider leaves out: where net equals one direction, the other direction was nothing.

UtilityAPI states the net of an interval and only the direction that flowed; net is delivered less
received (utilityapi reference 13). The zero follows from what the provider said, so it is stored,
marked as derived. An interval of which nothing is said stays missing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa

from dcarbon.domain.flows import Direction, Measure
from dcarbon.providers.columns import READINGS, ChannelFacts, ParsedPayload

DERIVED = 11
"""ESPI qualityOfReading: derived."""

IsKnown = Callable[[str, ChannelFacts], bool]


def completed(
    parsed: ParsedPayload, *, is_known: IsKnown = lambda _point, _facts: False
) -> ParsedPayload:
    """Return the payload with the zeros its net readings imply.

    A direction is completed where this payload has its channel, or ``is_known`` says that the usage
    point has had it before: a meter that never exports gets no export channel.
    """
    channels = list(parsed.channels)
    added: list[pa.Table] = []
    for place, net in enumerate(parsed.channels):
        if net.direction is not Direction.NET or net.measure is not Measure.USAGE:
            continue
        delivered = _place(channels, net, Direction.DELIVERED, is_known)
        received = _place(channels, net, Direction.RECEIVED, is_known)
        if delivered is None or received is None:
            continue
        for absent, present, sign in ((received, delivered, 1), (delivered, received, -1)):
            added.append(
                _zeros(parsed.readings, net=place, absent=absent, present=present, sign=sign)
            )
    if not any(table.num_rows for table in added):
        return parsed
    readings = pa.concat_tables([parsed.readings, *added])
    return replace(parsed, channels=tuple(channels), readings=readings)


def _place(
    channels: list[ChannelFacts], net: ChannelFacts, direction: Direction, is_known: IsKnown
) -> int | None:
    """Return the place of the sibling channel, appended when only known from before."""
    for place, one in enumerate(channels):
        if (one.usage_point, one.direction, one.unit, one.measure, one.exponent) == (
            net.usage_point,
            direction,
            net.unit,
            net.measure,
            net.exponent,
        ):
            return place
    sibling = replace(net, direction=direction, flow_direction=None, meter_reading=None)
    if not is_known(net.usage_point, sibling):
        return None
    channels.append(sibling)
    return len(channels) - 1


def _zeros(readings: pa.Table, *, net: int, absent: int, present: int, sign: int) -> pa.Table:
    """Return zeros of ``absent`` where ``net`` is all of ``present`` (``sign`` -1: received)."""
    channel = readings["channel"].to_numpy()
    # A duration is an int32: beside it the start fits an int64 until the year 2106.
    key = readings["start"].cast("int64").to_numpy() * (1 << 31) + readings["duration_s"].to_numpy()
    value = readings["value"].to_numpy()
    at_net, at_present = np.flatnonzero(channel == net), np.flatnonzero(channel == present)
    order = at_present[np.argsort(key[at_present], kind="stable")]
    if order.size == 0:
        return READINGS.empty_table()
    found = np.minimum(np.searchsorted(key[order], key[at_net]), order.size - 1)
    partner = order[found]
    implied = (key[partner] == key[at_net]) & (value[partner] * sign == value[at_net])
    stated = np.isin(key[at_net], key[channel == absent])
    rows = at_net[implied & ~stated]
    taken = readings.take(pa.array(rows))
    return pa.table(
        {
            "channel": pa.array(np.full(rows.size, absent, np.int32)),
            "start": taken["start"],
            "duration_s": taken["duration_s"],
            "value": pa.array(np.zeros(rows.size, np.int64)),
            "quality": pa.array(np.full(rows.size, DERIVED, np.int16)),
        },
        schema=READINGS,
    )
