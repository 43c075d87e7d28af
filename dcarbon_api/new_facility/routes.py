"""Add New Facility: go on or start, the role, the details with the utility or the operator."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from dcarbon.domain.errors import DCarbonError, InvalidTransition, NotFound
from dcarbon.services import invitations, registrations
from dcarbon.services.registrations import Choice, RegistrationView
from dcarbon_api.connection import failures
from dcarbon_api.connection.forms import GREEN_BUTTON
from dcarbon_api.connection.found import found
from dcarbon_api.connection.routes import utility_name
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.forms import refuse
from dcarbon_api.new_facility.forms import RegistrationForm, RoleForm
from dcarbon_api.problems import status_of
from dcarbon_api.security import browsers, leaving
from dcarbon_api.security.access import requires

bp = Blueprint("new_facility", __name__, url_prefix="/facilities/new")

_SAVE = "save"


@bp.get("")
@requires("read")
def start() -> ResponseReturnValue:
    """Offer the unfinished registrations, or say what will be asked."""
    with current_runtime().sessions() as session:
        unfinished = registrations.unfinished(session, current_actor())
    return render_template("new_facility/start.html", unfinished=unfinished)


@bp.post("")
@requires("write")
def begin() -> ResponseReturnValue:
    """Begin, unless there is something unfinished to go on with."""
    begun = registrations.begin(current_runtime(), current_actor())
    if isinstance(begun, Choice):
        return redirect(url_for(".start"), 303)
    return redirect(url_for(".show", registration_id=begun.id), 303)


@bp.post("/another")
@requires("write")
def begin_another() -> ResponseReturnValue:
    """Begin whatever else is unfinished."""
    try:
        begun = registrations.start_new(current_runtime(), current_actor())
    except InvalidTransition as error:
        flash(error.display_message, "warning")
        return redirect(url_for(".start"), 303)
    return redirect(url_for(".show", registration_id=begun.id), 303)


@bp.get("/<uuid:registration_id>")
@requires("read")
def show(registration_id: UUID) -> ResponseReturnValue:
    """Show the step at which the registration stands."""
    view = _view(registration_id)
    if view.is_put_away or view.step == "done" or (view.role, view.step) == ("owner", "waiting"):
        return redirect(_after(view), 303)
    if view.step == "role":
        return _role_page(view, RoleForm(formdata=None))
    return _details_page(view, _form(view))


@bp.get("/<uuid:registration_id>/role")
@requires("read")
def role(registration_id: UUID) -> ResponseReturnValue:
    """Show the role again, to change it."""
    view = _view(registration_id)
    return _role_page(view, RoleForm(formdata=None, data={"role": view.role}))


@bp.post("/<uuid:registration_id>/role")
@requires("write")
def answer_role(registration_id: UUID) -> ResponseReturnValue:
    """Save the role and go on to the details."""
    form = RoleForm()
    if not form.role.data:
        refuse(form.role, "Please choose your role.")
        return _role_page(_view(registration_id), form, status=422)
    try:
        registrations.answer_role(
            current_runtime(), registration_id, role=form.role.data, actor=current_actor()
        )
    except NotFound:
        raise
    except DCarbonError as error:
        refuse(form.role, error.display_message)
        return _role_page(_view(registration_id), form, status=422)
    return redirect(url_for(".show", registration_id=registration_id), 303)


@bp.post("/<uuid:registration_id>")
@requires("write")
def answer_details(registration_id: UUID) -> ResponseReturnValue:
    """Save what was typed, good or not; then do what the button says."""
    form = RegistrationForm()
    try:
        view = registrations.answer_details(
            current_runtime(), registration_id, answers=form.answers(), actor=current_actor()
        )
    except InvalidTransition as error:
        flash(error.display_message, "info")
        return redirect(url_for(".show", registration_id=registration_id), 303)
    if form.go.data == _SAVE:
        flash("Saved. You can go on at any time.", "success")
        return redirect(url_for("dashboard.index"), 303)
    if form.is_search:
        return _details_page(view, form)
    form.show(view.errors)
    if view.role == "owner":
        return _invite(view, form)
    chosen = form.chosen()
    if view.errors or chosen is None:
        return _details_page(view, form, status=422)
    return _leave(view, form, method=chosen[0], utility=chosen[1])


@bp.post("/<uuid:registration_id>/put-away")
@requires("write")
def put_away(registration_id: UUID) -> ResponseReturnValue:
    """Take a registration off the list of unfinished ones."""
    registrations.put_away(current_runtime(), registration_id, actor=current_actor())
    flash("The registration was removed from the list.", "success")
    return redirect(url_for(".start"), 303)


def _leave(
    view: RegistrationView, form: RegistrationForm, *, method: str, utility: str
) -> ResponseReturnValue:
    runtime, browser = current_runtime(), browsers.starting_browser()
    try:
        started = registrations.choose_utility(
            runtime,
            view.id,
            method=method,
            utility=utility,
            actor=current_actor(),
            browser=browser,
        )
    except DCarbonError as error:
        if error.is_ours or isinstance(error, NotFound):
            raise
        return _details_page(view, form, failure=error, status=status_of(error))
    page = leaving.page(started.redirect_url, utility_name(method, utility))
    return browsers.remember(page, browser)


def _invite(view: RegistrationView, form: RegistrationForm) -> ResponseReturnValue:
    """Ask the operator; the owner watches from the facility's page."""
    if not (form.operator_email.data or "").strip():
        refuse(form.operator_email, "Please give the operator's e-mail address.")
    if view.errors or form.operator_email.errors or view.facility_id is None:
        return _details_page(view, form, status=422)
    try:
        sent = invitations.invite(
            current_runtime(),
            view.facility_id,
            email=form.operator_email.data or "",
            actor=current_actor(),
        )
    except DCarbonError as error:
        if error.is_ours or isinstance(error, NotFound):
            raise
        refuse(form.operator_email, error.display_message)
        return _details_page(view, form, status=status_of(error))
    flash(f"The invitation is on its way to {sent.email}.", "success")
    return redirect(url_for("dashboard.facility", facility_id=view.facility_id), 303)


def _view(registration_id: UUID) -> RegistrationView:
    return registrations.continue_(current_runtime(), registration_id, actor=current_actor())


def _after(view: RegistrationView) -> str:
    """Return where a registration that is over leads to."""
    if view.facility_id is None:
        return url_for(".start")
    return url_for("dashboard.facility", facility_id=view.facility_id)


def _form(view: RegistrationView) -> RegistrationForm:
    answers = dict(view.answers)
    key = "provider" if answers.get("auth_method") == GREEN_BUTTON else "utility"
    answers = {**answers, "utility": "", key: answers.get("utility", "")}
    return RegistrationForm(formdata=None, data=answers)


def _role_page(view: RegistrationView, form: RoleForm, *, status: int = 200) -> ResponseReturnValue:
    page = render_template("new_facility/role.html", view=view, form=form)
    return make_response(page, status)


def _details_page(
    view: RegistrationView,
    form: RegistrationForm,
    *,
    failure: DCarbonError | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    page = render_template(
        "new_facility/details.html",
        view=view,
        form=form,
        found=found(current_runtime(), search=form.search.data, chosen=form.utility.data),
        failure=failures.of(failure.code, failure.display_message) if failure else None,
    )
    return make_response(page, status)
