"""Readings of one meter."""

from __future__ import annotations

from flask import Blueprint, Response

from dcarbon.db.engine import read_alone
from dcarbon.services import intervals
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.intervals import layouts
from dcarbon_api.intervals.messages import IntervalsAnswer, IntervalsQuery
from dcarbon_api.json_answers import raw
from dcarbon_api.openapi import operation
from dcarbon_api.security.access import requires

bp = Blueprint("intervals", __name__, url_prefix="/intervals")


@bp.get("")
@requires("read")
@operation(tag="Readings", query=IntervalsQuery, answer=IntervalsAnswer, fails=(404, 422))
def read_intervals(query: IntervalsQuery) -> Response:
    """Return a meter's readings that start in the range [start, end).

    Directions are never added to each other: each channel is a series of its own. Readings that
    fit no regular grid, as billing months, are in `periods`.
    """
    runtime = current_runtime()
    with runtime.sessions() as session:
        read_alone(session)
        found = intervals.for_meter(
            session,
            query.meter_id,
            start_text=query.start,
            end_text=query.end,
            actor=current_actor(),
            now=runtime.now(),
        )
    return raw(layouts.rows(found) if query.layout == "rows" else layouts.columns(found))
