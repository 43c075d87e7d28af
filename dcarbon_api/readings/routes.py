"""The readings page of a facility: range and meter, chart, totals, and a table of the points."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, make_response, render_template, request

from dcarbon.domain.errors import InvalidInput, NotFound
from dcarbon.domain.reading_ranges import Asked, Preset, Step
from dcarbon.services import meter_readings
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.readings import page
from dcarbon_api.security.access import requires

bp = Blueprint("readings", __name__, url_prefix="/facilities")

_LONGEST_TEXT = 64


@bp.get("/<uuid:facility_id>/readings")
@requires("read")
def show(facility_id: UUID) -> Response:
    """Show a meter's readings over a range; a range that makes no sense is said in the form."""
    runtime = current_runtime()
    asked, step = _asked()
    with runtime.sessions() as session:
        place = meter_readings.place(
            session, facility_id, actor=current_actor(), meter_id=_meter_id()
        )
        if place.meter is None:
            return _answer(page.frame(place, asked, step))
        try:
            found = meter_readings.look(session, place.meter, asked, step=step, now=runtime.now())
        except InvalidInput as error:
            content = page.frame(place, asked, step)
            return _answer({**content, "error": error.display_message}, 422)
    number = request.args.get("page", 1, type=int)
    return _answer(page.of(place, found, asked, step, page=number))


def _answer(content: dict[str, object], status: int = 200) -> Response:
    return make_response(render_template("readings/show.html", **content), status)


def _asked() -> tuple[Asked, Step | None]:
    """Return what the address asks for; a word it does not know counts as not said."""
    preset = request.args.get("preset", type=Preset)
    step = request.args.get("step", type=Step)
    start, end = (request.args.get(name, "").strip()[:_LONGEST_TEXT] for name in ("start", "end"))
    return Asked(start, end, preset), step


def _meter_id() -> UUID | None:
    text = request.args.get("meter", "")
    try:
        return UUID(text) if text else None
    except ValueError as error:
        raise NotFound("no such meter") from error
