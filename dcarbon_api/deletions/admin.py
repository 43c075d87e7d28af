"""Requests for deletion as administrators see and decide them."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from dcarbon.domain.deletion_words import OPEN_STATES, STATES
from dcarbon.domain.errors import InvalidTransition
from dcarbon.services import deletions
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.deletions.forms import DeclineForm
from dcarbon_api.security.access import requires_admin

bp = Blueprint("admin_deletions", __name__, url_prefix="/admin/deletions")


@bp.get("")
@requires_admin("read")
def index() -> ResponseReturnValue:
    """List the open requests, or all."""
    is_all = request.args.get("show") == "all"
    runtime = current_runtime()
    with runtime.sessions() as session:
        found = deletions.listing(
            session,
            states=() if is_all else OPEN_STATES,
            after=request.args.get("after", type=UUID),
        )
    return render_template(
        "admin/deletions.html",
        page=found,
        is_all=is_all,
        words=STATES,
        settings=runtime.settings,
    )


@bp.get("/<uuid:deletion_id>")
@requires_admin("read")
def show(deletion_id: UUID) -> ResponseReturnValue:
    """Show one request: whose, how far, and what it deletes and keeps."""
    return _page(deletion_id, DeclineForm(formdata=None))


@bp.post("/<uuid:deletion_id>/approve")
@requires_admin("write")
def approve(deletion_id: UUID) -> ResponseReturnValue:
    """Have it carried out now."""
    try:
        deletions.approve(current_runtime(), deletion_id, actor=current_actor())
    except InvalidTransition as error:
        flash(error.display_message, "error")
    else:
        flash("It is carried out within the hour; a receipt follows by mail.", "success")
    return redirect(url_for(".show", deletion_id=deletion_id), 303)


@bp.post("/<uuid:deletion_id>/decline")
@requires_admin("write")
def decline(deletion_id: UUID) -> ResponseReturnValue:
    """Decline it with a reason, which the person gets by mail."""
    form = DeclineForm()
    if not form.validate_on_submit():
        return _page(deletion_id, form), 422
    try:
        deletions.decline(
            current_runtime(), deletion_id, reason=form.reason.data, actor=current_actor()
        )
    except InvalidTransition as error:
        flash(error.display_message, "error")
    else:
        flash("Declined. The person is told why.", "success")
    return redirect(url_for(".show", deletion_id=deletion_id), 303)


def _page(deletion_id: UUID, form: DeclineForm) -> str:
    runtime = current_runtime()
    with runtime.sessions() as session:
        found = deletions.one(session, deletion_id)
        plan = deletions.plan_of(session, deletion_id)
    return render_template(
        "admin/deletion.html",
        deletion=found,
        plan=plan,
        form=form,
        words=STATES,
        is_own=found.person_id == current_actor().person_id,
    )
