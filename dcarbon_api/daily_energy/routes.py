"""Daily totals of one meter, as columns."""

from __future__ import annotations

from typing import Any

import numpy as np
from flask import Blueprint, Response

from dcarbon.services import energy_totals
from dcarbon.services.energy_totals import ChannelTotals
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.daily_energy.messages import DailyEnergyAnswer, DailyEnergyQuery
from dcarbon_api.json_answers import encoded, raw
from dcarbon_api.openapi import operation
from dcarbon_api.security.access import requires

bp = Blueprint("daily_energy", __name__, url_prefix="/daily-energy")


@bp.get("")
@requires("read")
@operation(tag="Readings", query=DailyEnergyQuery, answer=DailyEnergyAnswer, fails=(404, 422))
def read_daily_energy(query: DailyEnergyQuery) -> Response:
    """Return what flowed through each channel of a meter on its local days in [start, end).

    Directions are never added to each other. Totals are stored: they follow the readings within
    minutes of a sync.
    """
    with current_runtime().sessions() as session:
        found = energy_totals.for_meter(
            session, query.meter_id, start=query.start, end=query.end, actor=current_actor()
        )
    return raw(
        encoded(
            {
                "meter_id": found.meter.id,
                "time_zone": found.meter.time_zone,
                "start": found.start,
                "end": found.end,
                "channels": [_channel(one) for one in found.channels],
            }
        )
    )


def _channel(one: ChannelTotals) -> dict[str, Any]:
    channel = one.channel
    return {
        "channel_id": channel.id,
        "direction": channel.direction,
        "unit": channel.unit,
        "commodity": channel.commodity,
        "label": channel.label,
        "exponent": one.exponent,
        "days": np.datetime_as_string(one.day).tolist(),
        "values": np.ascontiguousarray(one.value),
        "estimated_values": np.ascontiguousarray(one.estimated_value),
        "readings": np.ascontiguousarray(one.readings),
        "expected": np.ascontiguousarray(one.expected),
    }
