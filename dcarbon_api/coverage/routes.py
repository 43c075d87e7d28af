"""The coverage of a facility's meters: a year as a calendar, and the history of one day."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, make_response, render_template, request

from dcarbon.domain import ranges
from dcarbon.domain.errors import InvalidInput
from dcarbon.services import coverage_calendar, day_histories
from dcarbon_api.asked import uuid_argument
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.coverage import calendar_page, day_page
from dcarbon_api.security.access import requires

bp = Blueprint("coverage", __name__, url_prefix="/facilities")


@bp.get("/<uuid:facility_id>/coverage")
@requires("read")
def show(facility_id: UUID) -> Response:
    """Show a year of a meter, day by day."""
    runtime = current_runtime()
    with runtime.sessions() as session:
        calendar = coverage_calendar.of_year(
            session,
            facility_id,
            meter_id=uuid_argument("meter"),
            year=_year(),
            channel_id=uuid_argument("channel"),
            actor=current_actor(),
            settings=runtime.settings,
            now=runtime.now(),
        )
    return make_response(render_template("coverage/show.html", **calendar_page.of(calendar)))


@bp.get("/<uuid:facility_id>/coverage/<uuid:meter_id>/<day>")
@requires("read")
def day(facility_id: UUID, meter_id: UUID, day: str) -> Response:
    """Show one local day of a meter: how it stands, its readings, how they came to be so."""
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
    return make_response(render_template("coverage/day.html", **day_page.of(found)))


def _year() -> int | None:
    text = request.args.get("year", "")
    if not text:
        return None
    if text.isascii() and text.isdigit() and len(text) == len("2026"):
        return int(text)
    raise InvalidInput(
        "no year",
        code="time_unreadable",
        display_message="year must be a year in four digits, like 2026.",
    )
