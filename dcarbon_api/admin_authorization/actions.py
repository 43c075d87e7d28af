"""What an administrator does with one authorization: start it again, end it, fetch a range again.

Each is said in full before it is done, and followed on the page until it is over.
"""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from dcarbon.domain.errors import InvalidTransition
from dcarbon.services import ending_previews, repulls, retrying, revocation, role_names
from dcarbon.services.retrying import RetriedBy
from dcarbon_api.admin_authorization import showing
from dcarbon_api.admin_authorization.forms import PlainForm, RepullForm, RevokeForm
from dcarbon_api.admin_authorization.routes import found
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.security.access import requires_admin

bp = Blueprint(
    "admin_authorization_actions",
    __name__,
    url_prefix="/admin/authorizations/<uuid:authorization_id>",
)

_REFUSED = 422
_RETRIED = {
    RetriedBy.ASKING: "They were asked by mail. You see here as soon as somebody begins.",
    RetriedBy.LOOKING_AGAIN: "The provider is asked again at once.",
    RetriedBy.COLLECTING: "The readings are collected at once.",
}


@bp.get("/retry")
@requires_admin("read")
def confirm_retry(authorization_id: UUID) -> ResponseReturnValue:
    """Say what starting it again would do."""
    head = found(authorization_id)
    try:
        with current_runtime().sessions() as session:
            planned = retrying.preview(session, authorization_id, actor=current_actor())
            asks = _names(session, planned.asks, head.facility.id)
    except InvalidTransition as error:
        flash(error.display_message, "info")
        return _back(authorization_id)
    return render_template(
        "admin/authorization/retry.html",
        planned=planned,
        asks=asks,
        form=PlainForm(),
        label=showing.RETRIES[planned.by],
        **showing.head(head),
    )


@bp.post("/retry")
@requires_admin("write")
def retry(authorization_id: UUID) -> ResponseReturnValue:
    """Start it again: ask the right person, or collect at once."""
    try:
        done = retrying.retry(current_runtime(), authorization_id, actor=current_actor())
    except InvalidTransition as error:
        flash(error.display_message, "warning")
    else:
        flash(_RETRIED[done.by] if done.by else "This was asked for a moment ago.", "success")
    return _back(authorization_id)


@bp.get("/revoke")
@requires_admin("read")
def confirm_revoke(authorization_id: UUID) -> ResponseReturnValue:
    """Name what is lost by ending it, what is kept, and who is told."""
    return _revoke_page(authorization_id, RevokeForm(formdata=None))


@bp.post("/revoke")
@requires_admin("write")
def revoke(authorization_id: UUID) -> ResponseReturnValue:
    """End it here at once; the provider is told, and asked until it confirms."""
    form = RevokeForm()
    if not form.validate_on_submit():
        return _revoke_page(authorization_id, form, status=_REFUSED)
    try:
        ended = revocation.revoke(
            current_runtime(),
            authorization_id,
            actor=current_actor(),
            reason=form.reason.data,
            land_first=True,
        )
    except InvalidTransition as error:
        flash(error.display_message, "warning")
    else:
        told = " The provider is told now." if ended.is_ending_at_provider else ""
        flash(f"Access was ended here.{told}", "success")
    return _back(authorization_id)


@bp.get("/repull")
@requires_admin("read")
def choose_range(authorization_id: UUID) -> ResponseReturnValue:
    """Ask which days to fetch again."""
    runtime, actor = current_runtime(), current_actor()
    zone = repulls.zone_of(runtime, authorization_id, actor=actor)
    return _repull_page(authorization_id, RepullForm.suggested(zone, runtime.now()))


@bp.post("/repull")
@requires_admin("write")
def repull(authorization_id: UUID) -> ResponseReturnValue:
    """Open the work order that fetches the days again."""
    runtime, actor, form = current_runtime(), current_actor(), RepullForm()
    zone = repulls.zone_of(runtime, authorization_id, actor=actor)
    window = form.window(zone, runtime.now())
    if window is None:
        return _repull_page(authorization_id, form, status=_REFUSED)
    try:
        asked = repulls.ask(runtime, authorization_id, window, actor=actor)
    except InvalidTransition as error:
        flash(error.display_message, "warning")
    else:
        is_new = "The days are fetched again; you can follow it here."
        flash(is_new if asked.is_new else "These days are being fetched already.", "success")
    return _back(authorization_id)


def _revoke_page(
    authorization_id: UUID, form: RevokeForm, *, status: int = 200
) -> ResponseReturnValue:
    runtime, head = current_runtime(), found(authorization_id)
    try:
        with runtime.sessions() as session:
            ending = ending_previews.of(
                session, authorization_id, actor=current_actor(), now=runtime.now()
            )
    except InvalidTransition as error:
        flash(error.display_message, "info")
        return _back(authorization_id)
    page = render_template(
        "admin/authorization/revoke.html", ending=ending, form=form, **showing.head(head)
    )
    return make_response(page, status)


def _repull_page(
    authorization_id: UUID, form: RepullForm, *, status: int = 200
) -> ResponseReturnValue:
    head = found(authorization_id)
    if not head.may_repull:
        flash("Nothing can be fetched: this authorization is not active.", "info")
        return _back(authorization_id)
    profile = current_runtime().providers.profile(head.authorization.provider)
    page = render_template(
        "admin/authorization/repull.html",
        form=form,
        history_limit=profile.history_limit_days,
        provider_zone=profile.time_zone,
        **showing.head(head),
    )
    return make_response(page, status)


def _names(session: Session, people: tuple[UUID, ...], facility_id: UUID) -> list[str]:
    names = role_names.of(session, people, facility_id=facility_id, actor=current_actor())
    return [names[one] for one in people if one in names]


def _back(authorization_id: UUID) -> ResponseReturnValue:
    return redirect(url_for("admin_authorization.show", authorization_id=authorization_id), 303)
