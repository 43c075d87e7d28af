"""The readings of a facility's meter as a chart draws them."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, request

from dcarbon.domain.errors import NotFound
from dcarbon.services import meter_readings
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.json_answers import raw
from dcarbon_api.openapi import operation
from dcarbon_api.readings import chart
from dcarbon_api.readings.messages import ChartAnswer, ChartQuery
from dcarbon_api.security.access import requires

bp = Blueprint("readings_api", __name__, url_prefix="/facilities")


@bp.get("/<uuid:facility_id>/readings.json")
@requires("read")
@operation(tag="Readings", query=ChartQuery, answer=ChartAnswer, fails=(404, 422))
def read_chart(query: ChartQuery, facility_id: UUID) -> Response:
    """Return a meter's readings as a chart draws them: by reading, local hour or local day.

    Sums of hours and days are exact; a step of which readings are missing is listed in `partial`.
    For all readings one by one, `/intervals` is the place. Send the `ETag` back as
    `If-None-Match` to be told when nothing has changed.
    """
    runtime, actor = current_runtime(), current_actor()
    with runtime.sessions() as session:
        place = meter_readings.place(session, facility_id, actor=actor, meter_id=query.meter)
        if place.meter is None:
            raise NotFound("the facility has no meters yet")
        found = meter_readings.look(
            session, place.meter, query.asked, step=query.step, now=runtime.now()
        )
    response = raw(chart.content(found, points=query.points))
    response.add_etag()
    response.make_conditional(request)
    return response
