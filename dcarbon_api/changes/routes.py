"""What a utility changed of a meter's readings: as reported on a date beside as known today."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, make_response, render_template, request

from dcarbon.domain.errors import InvalidInput
from dcarbon.services import facility_meters, restatement_views
from dcarbon_api.asked import uuid_argument
from dcarbon_api.changes import page
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.security.access import requires

bp = Blueprint("changes", __name__, url_prefix="/facilities")

_LONGEST_TEXT = 64


@bp.get("/<uuid:facility_id>/changes")
@requires("read")
def show(facility_id: UUID) -> Response:
    """Show what was restated; a date that cannot be read is said beside the form."""
    runtime, actor, meter_id = current_runtime(), current_actor(), uuid_argument("meter")
    start, end, reported_on = (_text(name) for name in ("start", "end", "reported_on"))
    with runtime.sessions() as session:
        try:
            found = restatement_views.of_range(
                session,
                facility_id,
                meter_id=meter_id,
                start=start,
                end=end,
                reported_on=reported_on,
                actor=actor,
                now=runtime.now(),
            )
        except InvalidInput as error:
            site = facility_meters.of(session, facility_id, meter_id=meter_id, actor=actor)
            return _answer(page.frame(site, error.display_message), 422)
        shown = page.Slice.of(found.differences, request.args.get("page", 1, type=int))
        payloads = restatement_views.payloads_of(session, facility_id, shown.rows)
    return _answer(page.of(found, shown, payloads))


def _answer(content: dict[str, object], status: int = 200) -> Response:
    return make_response(render_template("changes/show.html", **content), status)


def _text(name: str) -> str:
    return request.args.get(name, "").strip()[:_LONGEST_TEXT]
