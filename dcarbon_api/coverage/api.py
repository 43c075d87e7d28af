"""Coverage for programs: a year of a meter, and one day's history."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response

from dcarbon.domain import ranges
from dcarbon.services import coverage_calendar, day_histories
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.coverage.messages import CoverageAnswer, CoverageDayAnswer, CoverageQuery
from dcarbon_api.json_answers import answer
from dcarbon_api.openapi import operation
from dcarbon_api.security.access import requires

bp = Blueprint("coverage_api", __name__, url_prefix="/facilities")

_TAG = "Readings"


@bp.get("/<uuid:facility_id>/coverage")
@requires("read")
@operation(tag=_TAG, query=CoverageQuery, answer=CoverageAnswer, fails=(404, 422))
def read_coverage(query: CoverageQuery, facility_id: UUID) -> Response:
    """Return what is known of each local day of a meter's year, and why it is not complete."""
    runtime = current_runtime()
    with runtime.sessions() as session:
        calendar = coverage_calendar.of_year(
            session,
            facility_id,
            meter_id=query.meter,
            year=query.year,
            channel_id=query.channel,
            actor=current_actor(),
            settings=runtime.settings,
            now=runtime.now(),
        )
    return answer(CoverageAnswer.of_calendar(calendar))


@bp.get("/<uuid:facility_id>/coverage/<uuid:meter_id>/<day>")
@requires("read")
@operation(tag=_TAG, answer=CoverageDayAnswer, fails=(404, 422))
def read_coverage_day(facility_id: UUID, meter_id: UUID, day: str) -> Response:
    """Return one local day of a meter: what is missing, each statement that changed something, and
    the payloads it came from. `day` is a date like 2026-01-31.
    """
    runtime = current_runtime()
    with runtime.sessions() as session:
        found = day_histories.of_day(
            session,
            facility_id,
            meter_id,
            ranges.parse_day(day, name="The day"),
            actor=current_actor(),
            settings=runtime.settings,
            now=runtime.now(),
        )
    return answer(CoverageDayAnswer.of_history(found))
