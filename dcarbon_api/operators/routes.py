"""Inviting the operator of a facility, and taking an invitation up."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request
from flask import url_for as address_of
from flask.typing import ResponseReturnValue

from dcarbon.domain.errors import DCarbonError, InvalidTransition, NotFound
from dcarbon.services import facility_views, invitations
from dcarbon.services.facility_views import FacilityView
from dcarbon.services.invitations import InvitationRefused, InvitationState
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.forms import refuse
from dcarbon_api.operators.forms import InviteForm
from dcarbon_api.problems import status_of
from dcarbon_api.security import sessions
from dcarbon_api.security.access import public, requires

bp = Blueprint("operators", __name__)


@bp.get("/facilities/<uuid:facility_id>/operator")
@requires("read")
def invite(facility_id: UUID) -> ResponseReturnValue:
    """Show the form that invites an operator, or changes the address of the open invitation."""
    view = _view(facility_id)
    pending = view.card.pending_invitation
    form = InviteForm(formdata=None, data={"email": pending.email if pending else ""})
    return _invite_page(view, form)


@bp.post("/facilities/<uuid:facility_id>/operator")
@requires("write")
def send(facility_id: UUID) -> ResponseReturnValue:
    """Send an invitation; with one open, send it to the new address instead."""
    view, form = _view(facility_id), InviteForm()
    if not form.validate_on_submit():
        return _invite_page(view, form, status=422)
    tell = invitations.change_email if view.card.pending_invitation else invitations.invite
    try:
        sent = tell(
            current_runtime(), facility_id, email=form.email.data or "", actor=current_actor()
        )
    except DCarbonError as error:
        if error.is_ours or isinstance(error, NotFound):
            raise
        refuse(form.email, error.display_message)
        return _invite_page(view, form, status=status_of(error))
    flash(f"The invitation is on its way to {sent.email}.", "success")
    return redirect(_page(facility_id), 303)


@bp.post("/facilities/<uuid:facility_id>/operator/resend")
@requires("write")
def resend(facility_id: UUID) -> ResponseReturnValue:
    """Send the open invitation again; the link sent before is good no more."""
    try:
        sent = invitations.resend(current_runtime(), facility_id, actor=current_actor())
    except DCarbonError as error:
        if error.is_ours or isinstance(error, NotFound):
            raise
        flash(error.display_message, "warning")
    else:
        flash(f"Sent again to {sent.email}. The earlier link no longer works.", "success")
    return redirect(_page(facility_id), 303)


@bp.get("/invitations/<secret>")
@public
def look(secret: str) -> ResponseReturnValue:
    """Show what somebody is invited to. Looking uses nothing up: mail scanners look, too."""
    return _landing(invitations.look(current_runtime(), secret))


@bp.post("/invitations/<secret>")
@public
def accept(secret: str) -> ResponseReturnValue:
    """Make the person the operator, sign this browser in, and go on to the utility."""
    runtime = current_runtime()
    try:
        accepted = invitations.accept(
            runtime, secret, ip=request.remote_addr, user_agent=request.user_agent.string
        )
    except InvitationRefused:
        return _landing(invitations.look(runtime, secret))
    there = address_of("connection.choose", facility_id=accepted.facility_id)
    if accepted.session_secret is None:
        return redirect(address_of("sign_in.ask", next=there), 303)
    return sessions.give(make_response(redirect(there, 303)), accepted.session_secret)


def _view(facility_id: UUID) -> FacilityView:
    runtime = current_runtime()
    with runtime.sessions() as session:
        return facility_views.one(session, facility_id, actor=current_actor(), now=runtime.now())


def _invite_page(view: FacilityView, form: InviteForm, *, status: int = 200) -> Response:
    """Show the form. Raises :class:`InvalidTransition` where nobody is to be invited."""
    if not view.may_invite:
        raise InvalidTransition(
            "nobody to invite",
            code="invitation_not_needed",
        )
    page = render_template("operators/invite.html", view=view, card=view.card, form=form)
    return make_response(page, status)


def _landing(state: InvitationState) -> Response:
    status = 200 if state.state == "good" else 404 if state.state == "unknown" else 410
    utilities = [profile.known_as for profile in current_runtime().providers.green_button()]
    page = render_template("operators/landing.html", invitation=state, utilities=utilities)
    response = make_response(page, status)
    # The address is the secret: it must not travel on.
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _page(facility_id: UUID) -> str:
    return address_of("dashboard.facility", facility_id=facility_id)
