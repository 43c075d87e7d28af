"""Choose a utility, go there, come back, and watch readings arrive."""

from __future__ import annotations

from urllib.parse import urlsplit
from uuid import UUID

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request
from flask import url_for as address_of
from werkzeug.wrappers import Response as AnyResponse

from dcarbon.domain import texts
from dcarbon.domain.errors import DCarbonError, InvalidTransition, NotFound
from dcarbon.domain.states import AuthStatus
from dcarbon.services import authorizations, facilities, facility_views
from dcarbon.services.facility_views import FacilityCard, FacilityView
from dcarbon_api.connection import failures, progress
from dcarbon_api.connection.failures import Failure
from dcarbon_api.connection.forms import UtilityForm
from dcarbon_api.connection.found import found
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.problems import status_of
from dcarbon_api.security import browsers, leaving
from dcarbon_api.security.access import requires

bp = Blueprint("connection", __name__)


@bp.get("/utilities")
@requires("read")
def utilities() -> Response:
    """Give the part of a form that lists utilities, filtered as one types."""
    args = request.args
    chosen = found(
        current_runtime(), search=args.get("search", "")[:60], chosen=args.get("utility")
    )
    return make_response(render_template("connection/_utilities.html", found=chosen))


@bp.get("/facilities/<uuid:facility_id>/utility")
@requires("read")
def choose(facility_id: UUID) -> AnyResponse:
    """Show the utilities to choose from, the one chosen last first."""
    view = _view(facility_id)
    if view.card.auth_status == AuthStatus.AUTHORIZED and view.renewal is None:
        flash("This facility is connected already.", "info")
        return redirect(_page(facility_id), 303)
    form = UtilityForm(formdata=None, data=_last_choice(view))
    return _choice_page(view, form)


@bp.post("/facilities/<uuid:facility_id>/utility")
@requires("write")
def start(facility_id: UUID) -> AnyResponse:
    """Take the choice and send the browser to the utility; a search only lists again."""
    view, form = _view(facility_id), UtilityForm()
    if form.is_search:
        return _choice_page(view, form)
    chosen = form.chosen() if form.validate_on_submit() else None
    if chosen is None:
        return _choice_page(view, form, status=422)
    return leave(view, form, method=chosen[0], utility=chosen[1])


@bp.get("/facilities/<uuid:facility_id>/connected")
@requires("read")
def outcome(facility_id: UUID) -> AnyResponse:
    """Show what came of the visit to the utility, and readings as they arrive."""
    view = _view(facility_id)
    card, failed = view.card, _failed_code()
    if card.auth_status != AuthStatus.AUTHORIZED and (failed or card.auth_status == "failed"):
        failure = failures.of(failed or card.reason_code, card.reason)
        return _failed_page(failure, card)
    if failed:
        flash(failures.of(failed, None).what_happened, "info")
    running = progress.of(view)
    is_confirming = card.auth_status == AuthStatus.PENDING and running.is_running
    if card.auth_status != AuthStatus.AUTHORIZED and not is_confirming:
        return redirect(_page(facility_id), 303)
    return make_response(
        render_template("connection/outcome.html", view=view, card=card, progress=running)
    )


@bp.get("/facilities/not-connected")
@requires("read")
def not_taken() -> AnyResponse:
    """Show why a return from a utility could not be taken, when nobody can say whose it was."""
    return _failed_page(failures.of(_failed_code() or "state_unknown", None), None)


@bp.get("/facilities/<uuid:facility_id>/progress")
@requires("read")
def watch(facility_id: UUID) -> AnyResponse:
    """Give the part of a page that shows progress, until it is over."""
    view = _view(facility_id)
    running, told = progress.of(view), address_of(".outcome", facility_id=facility_id)
    if "HX-Request" not in request.headers:
        return redirect(told, 303)
    if view.card.auth_status not in {AuthStatus.AUTHORIZED, AuthStatus.PENDING}:
        return Response(status=204, headers={"HX-Redirect": told})
    if running.is_over and _is_open(_page(facility_id)):
        # Meters and days have appeared there, which this part of the page does not show.
        return Response(status=204, headers={"HX-Refresh": "true"})
    return make_response(
        render_template("connection/_progress.html", card=view.card, progress=running)
    )


def _is_open(path: str) -> bool:
    """Say whether htmx asks from the page at this path."""
    return urlsplit(request.headers.get("HX-Current-URL", "")).path == path


def leave(view: FacilityView, form: UtilityForm, *, method: str, utility: str) -> AnyResponse:
    """Open the attempt and send the browser on; what hinders it is said on the form."""
    runtime, browser = current_runtime(), browsers.starting_browser()
    try:
        started = authorizations.start(
            runtime,
            view.card.id,
            method=method,
            utility=utility,
            actor=current_actor(),
            browser=browser,
        )
    except NotFound:
        raise
    except InvalidTransition as error:
        flash(error.display_message, "info")
        return redirect(_page(view.card.id), 303)
    except DCarbonError as error:
        if error.is_ours:
            raise
        return _choice_page(view, form, failure=error, status=status_of(error))
    place = utility_name(method, utility)
    return browsers.remember(leaving.page(started.redirect_url, place), browser)


def utility_name(method: str, utility: str) -> str:
    """Return what the place the browser is sent to is called."""
    if method == "green_button":
        return current_runtime().providers.profile(utility).known_as
    return "UtilityAPI"


def _failed_code() -> str | None:
    """Return the code the address names, if the catalogue has words for it."""
    code = request.args.get("failed")
    return code if code in texts.TEXTS else None


def _failed_page(failure: Failure, card: FacilityCard | None) -> Response:
    return make_response(render_template("connection/failed.html", failure=failure, card=card))


def _view(facility_id: UUID) -> FacilityView:
    runtime = current_runtime()
    with runtime.sessions() as session:
        return facility_views.one(session, facility_id, actor=current_actor(), now=runtime.now())


def _choice_page(
    view: FacilityView,
    form: UtilityForm,
    *,
    failure: DCarbonError | None = None,
    status: int = 200,
) -> Response:
    """Show the choice to who may make it. Raises :class:`InvalidInput` (``operator_needed``)."""
    runtime = current_runtime()
    with runtime.sessions() as session:
        facilities.require_may_authorize(session, view.card.id, actor=current_actor())
    page = render_template(
        "connection/choose.html",
        card=view.card,
        form=form,
        found=found(runtime, search=form.search.data, chosen=form.utility.data),
        is_again=view.card.needs_reauthorization or view.renewal is not None,
        failure=failures.of(failure.code, failure.display_message) if failure else None,
    )
    return make_response(page, status)


def _last_choice(view: FacilityView) -> dict[str, str]:
    """Return the utility chosen last, as the form's fields say it."""
    last = view.authorization
    if last is None:
        return {}
    if last.method == "green_button":
        return {"provider": last.provider}
    return {"utility": last.utility}


def _page(facility_id: UUID) -> str:
    return address_of("dashboard.facility", facility_id=facility_id)
