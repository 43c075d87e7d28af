"""The exports page of a facility, and the files it leads to."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, make_response, render_template, request

from dcarbon.domain.errors import InvalidInput, TooManyRequests
from dcarbon.services import exports, exports_about, facilities, meters
from dcarbon.services.exports_columns import COLUMNS
from dcarbon.services.exports_plan import Plan
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.exports import answers, page
from dcarbon_api.security.access import requires

bp = Blueprint("exports", __name__, url_prefix="/facilities")


@bp.get("/<uuid:facility_id>/exports")
@requires("read")
def show(facility_id: UUID) -> Response:
    """Show what can be exported, and how much the choice comes to."""
    return _page(facility_id)


@bp.get("/<uuid:facility_id>/exports/download")
@requires("read")
def download(facility_id: UUID) -> Response:
    """Send the chosen file; a choice that makes no sense is said in the form."""
    choice, _ = _choice(facility_id)
    if choice is None:
        return _page(facility_id, status=422)
    try:
        export = exports.begin(
            current_runtime(),
            choice.wish(facility_id),
            kind=choice.format,
            actor=current_actor(),
        )
    except (InvalidInput, TooManyRequests) as error:
        status = 429 if isinstance(error, TooManyRequests) else 422
        return _page(facility_id, error=error.display_message, status=status)
    return answers.attachment(export)


@bp.get("/<uuid:facility_id>/exports/about")
@requires("read")
def about(facility_id: UUID) -> Response:
    """Send a text that says what the chosen file holds, for whom the file itself cannot."""
    choice, _ = _choice(facility_id)
    if choice is None:
        return _page(facility_id, status=422)
    try:
        plan = exports.preview(current_runtime(), choice.wish(facility_id), actor=current_actor())
    except InvalidInput as error:
        return _page(facility_id, error=error.display_message, status=422)
    return answers.text(exports_about.text(plan), exports.file_name(plan, "about.txt"))


def _choice(facility_id: UUID) -> tuple[page.Choice | None, dict[str, Any]]:
    """Return the choice of the address, none while there are no readings, and the frame."""
    with current_runtime().sessions() as session:
        facility = facilities.get(session, facility_id, actor=current_actor())
        views = meters.listing(session, actor=current_actor(), facility_id=facility_id)
    days = page.days_of(views)
    content: dict[str, Any] = {"facility": facility, "has_meters": bool(views), "choice": None}
    if days is None:
        return None, content
    choice = page.read(request.args, days)
    content |= {
        "choice": choice,
        "days": days,
        "zones": sorted({view.time_zone for view in views}),
        "meters": page.meter_choices(views, choice),
        "presets": page.presets(facility_id, choice, days),
        "formats": page.FORMATS,
        "columns": COLUMNS,
    }
    return choice, content


def _page(facility_id: UUID, *, error: str = "", status: int = 200) -> Response:
    choice, content = _choice(facility_id)
    if choice is not None and not error:
        try:
            plan = exports.preview(
                current_runtime(), choice.wish(facility_id), actor=current_actor()
            )
            content["summary"] = _summary(plan, choice)
        except InvalidInput as refused:
            error, status = refused.display_message, 422
    response = make_response(render_template("exports/show.html", error=error, **content), status)
    response.headers["Vary"] = "HX-Request"
    return response


def _summary(plan: Plan, choice: page.Choice) -> dict[str, object]:
    return {
        "readings": plan.readings,
        "meters": [meter for meter in plan.meters if meter.readings],
        "empty_meters": [meter.name for meter in plan.meters if not meter.readings],
        "state": page.state_words(plan),
        "size": page.size_words(plan, choice.format),
        "time": page.time_words(plan, choice.format),
        "file_name": exports.file_name(plan, choice.format.value),
        "is_too_large": not exports.fits(plan, choice.format),
        "arguments": choice.arguments(),
    }
