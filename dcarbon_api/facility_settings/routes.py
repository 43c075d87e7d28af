"""Settings of a facility: change its details, change its utility, end the access."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, flash, make_response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from dcarbon.domain.errors import AnswersInvalid, DCarbonError, InvalidTransition, NotFound
from dcarbon.services import facilities, facility_views, provider_change, revocation
from dcarbon.services.facility_views import FacilityView
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.facility_settings.forms import EndAccessForm, SettingsForm
from dcarbon_api.security.access import requires

bp = Blueprint("facility_settings", __name__, url_prefix="/facilities/<uuid:facility_id>")


@bp.get("/settings")
@requires("read")
def show(facility_id: UUID) -> ResponseReturnValue:
    """Show what can be changed, by role."""
    view, before = _view(facility_id)
    return _page(view, SettingsForm(formdata=None, data=before))


@bp.post("/settings")
@requires("write")
def save(facility_id: UUID) -> ResponseReturnValue:
    """Save the details that were changed."""
    (view, before), form = _view(facility_id), SettingsForm()
    try:
        facilities.update(
            current_runtime(), facility_id, answers=form.changed(before), actor=current_actor()
        )
    except AnswersInvalid as error:
        form.show(error.fields)
        return _page(view, form, status=422)
    flash("Saved.", "success")
    return redirect(url_for(".show", facility_id=facility_id), 303)


@bp.get("/change-utility")
@requires("read")
def confirm_change(facility_id: UUID) -> ResponseReturnValue:
    """Say what changing the utility ends and what stays; with nothing to end, go on to choose."""
    runtime = current_runtime()
    with runtime.sessions() as session:
        preview = provider_change.preview(
            session, facility_id, actor=current_actor(), now=runtime.now()
        )
        facility = facilities.get(session, facility_id, actor=current_actor())
    if not preview.can_change:
        return redirect(url_for("connection.choose", facility_id=facility_id), 303)
    return render_template(
        "facility_settings/change_utility.html", preview=preview, zone=facility.time_zone
    )


@bp.post("/change-utility")
@requires("write")
def change(facility_id: UUID) -> ResponseReturnValue:
    """End the present authorization and go on to choose the new utility."""
    try:
        provider_change.change(current_runtime(), facility_id, actor=current_actor())
    except InvalidTransition as error:
        flash(error.display_message, "info")
    else:
        flash("The earlier access was ended. Now choose the new utility.", "success")
    return redirect(url_for("connection.choose", facility_id=facility_id), 303)


@bp.post("/collect-first")
@requires("write")
def collect_first(facility_id: UUID) -> ResponseReturnValue:
    """Ask for the newest readings before the access is ended."""
    try:
        revocation.collect_first(current_runtime(), facility_id, actor=current_actor())
    except InvalidTransition as error:
        flash(error.display_message, "warning")
    else:
        flash("We are fetching the newest readings. Come back here in a few minutes.", "success")
    return redirect(url_for("dashboard.facility", facility_id=facility_id), 303)


@bp.get("/end-access")
@requires("read")
def confirm_end(facility_id: UUID) -> ResponseReturnValue:
    """Say what ending the access means, before it is done."""
    view, _ = _view(facility_id)
    if not view.may_revoke:
        flash("There is no access to end here.", "info")
        return redirect(url_for(".show", facility_id=facility_id), 303)
    return render_template(
        "facility_settings/end_access.html", view=view, card=view.card, form=EndAccessForm()
    )


@bp.post("/end-access")
@requires("write")
def end_access(facility_id: UUID) -> ResponseReturnValue:
    """End the access here at once; the provider is told and asked until it confirms."""
    (view, _), form = _view(facility_id), EndAccessForm()
    try:
        if view.authorization is not None:
            revocation.revoke(
                current_runtime(),
                view.authorization.id,
                actor=current_actor(),
                reason=form.reason.data or "",
                land_first=form.land_first.data,
            )
            flash("The access was ended. Readings collected so far are kept.", "success")
    except NotFound:
        raise
    except DCarbonError as error:
        if error.is_ours:
            raise
        flash(error.display_message, "warning")
    return redirect(url_for("dashboard.facility", facility_id=facility_id), 303)


def _view(facility_id: UUID) -> tuple[FacilityView, dict[str, str]]:
    """Return the facility, and its details as they would be typed."""
    runtime, actor = current_runtime(), current_actor()
    with runtime.sessions() as session:
        facility = facilities.get(session, facility_id, actor=actor)
        view = facility_views.one(session, facility_id, actor=actor, now=runtime.now())
        return view, facilities.answers_of(facility)


def _page(view: FacilityView, form: SettingsForm, *, status: int = 200) -> Response:
    form.offer_present_zone()
    page = render_template("facility_settings/show.html", view=view, card=view.card, form=form)
    return make_response(page, status)
