"""The page of one's own request for deletion."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from dcarbon.domain.deletion_words import STATES
from dcarbon.domain.errors import InvalidTransition
from dcarbon.services import deletions
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.deletions.forms import AskForm
from dcarbon_api.security.access import requires

bp = Blueprint("account_deletion", __name__, url_prefix="/account/deletion")


@bp.get("")
@requires("read")
def show() -> ResponseReturnValue:
    """Show what deleting means, and how far a request has come."""
    return _page(AskForm(formdata=None))


@bp.post("")
@requires("write")
def ask() -> ResponseReturnValue:
    """Ask for it; asking again changes nothing."""
    form = AskForm()
    if not form.validate_on_submit():
        return _page(form), 422
    try:
        deletions.ask(current_runtime(), actor=current_actor())
    except InvalidTransition as error:
        flash(error.display_message, "error")
    else:
        flash("We have your request. Nothing is deleted yet.", "success")
    return redirect(url_for(".show"), 303)


@bp.post("/cancel")
@requires("write")
def cancel() -> ResponseReturnValue:
    """Take it back."""
    try:
        taken_back = deletions.cancel(current_runtime(), actor=current_actor())
    except InvalidTransition as error:
        flash(error.display_message, "error")
    else:
        if taken_back is not None:
            flash("Your request is taken back. Everything stays as it is.", "success")
    return redirect(url_for(".show"), 303)


def _page(form: AskForm) -> str:
    runtime, actor = current_runtime(), current_actor()
    with runtime.sessions() as session:
        request = deletions.own(session, actor=actor)
        plan = deletions.own_plan(session, actor=actor)
    return render_template(
        "deletions/ask.html",
        form=form,
        deletion=request,
        plan=plan,
        words=STATES,
        grace_days=runtime.settings.deletion_grace_days,
    )
