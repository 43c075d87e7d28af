"""The pages of generation reports: putting a month together, one report, making it final."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from dcarbon.domain.errors import InvalidInput, InvalidTransition
from dcarbon.services import generation_reports
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.generation_reports import showing
from dcarbon_api.security.access import requires

bp = Blueprint("generation_reports", __name__, url_prefix="/generation-reports")


@bp.post("")
@requires("write")
def prepare() -> ResponseReturnValue:
    """Put a month of a unit together and show the draft."""
    runtime, actor = current_runtime(), current_actor()
    unit_id = request.form.get("unit", type=UUID)
    if unit_id is None:
        raise InvalidInput("no unit", display_message="Please say which generating unit.")
    with runtime.sessions() as session:
        facility_id = generation_reports.unit_of(session, unit_id, actor=actor).facility_id
    month = generation_reports.month_of(request.form.get("month", ""))
    try:
        report_id = generation_reports.prepare(runtime, unit_id, month, actor=actor)
    except InvalidTransition as error:
        flash(error.display_message, "warning")
        return redirect(url_for("generation.show", facility_id=facility_id), 303)
    return redirect(url_for(".show", report_id=report_id), 303)


@bp.get("/<uuid:report_id>")
@requires("read")
def show(report_id: UUID) -> ResponseReturnValue:
    """Show one report: the number, the claim, the checks, the days, the files."""
    runtime = current_runtime()
    with runtime.sessions() as session:
        content = showing.report(session, report_id, actor=current_actor(), now=runtime.now())
    return render_template("generation_reports/show.html", **content)


@bp.post("/<uuid:report_id>/finalise")
@requires("write")
def finalise(report_id: UUID) -> ResponseReturnValue:
    """Make a draft final, or say what stands in the way."""
    try:
        generation_reports.finalise(
            current_runtime(),
            report_id,
            actor=current_actor(),
            seen_sha256=request.form.get("seen"),
        )
    except InvalidTransition as error:
        flash(error.display_message, "warning")
    else:
        flash("The report is final. Download the file and upload it at the registry.", "success")
    return redirect(url_for(".show", report_id=report_id), 303)
