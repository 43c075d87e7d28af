"""Bulk actions as pages: what would happen, the confirmation, and how far it has come."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from flask import (
    Blueprint,
    Response,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue

from dcarbon.domain.bulk_actions import MOST, BulkKind
from dcarbon.domain.errors import InvalidInput
from dcarbon.services import authorization_lists, bulk_actions, bulk_previews, bulk_progress
from dcarbon_api.admin_authorizations.messages import leniently
from dcarbon_api.admin_bulk.forms import BulkForm, asked_kind, chosen_ids
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.forms import refuse
from dcarbon_api.security.access import requires_admin

bp = Blueprint("admin_bulk", __name__, url_prefix="/admin/bulk")

_PART = "bulk-progress"


@bp.get("/new")
@requires_admin("read")
def preview() -> ResponseReturnValue:
    """Say what would become of each of those chosen. Changes nothing."""
    query = leniently(request.args)
    try:
        kind = asked_kind(request.args.get("kind"))
        return _confirmation(kind, _chosen(), BulkForm(formdata=None))
    except InvalidInput as error:
        flash(error.display_message, "error")
        return redirect(url_for("admin_authorizations.index", **query.state()), 303)


@bp.post("")
@requires_admin("write")
def start() -> ResponseReturnValue:
    """Begin with it, do what can be done in a moment, and show the rest as it goes on."""
    runtime, form = current_runtime(), BulkForm()
    kind, chosen = asked_kind(request.form.get("kind")), chosen_ids()
    if not form.validate_on_submit():
        return _confirmation(kind, chosen, form), 422
    try:
        identity = bulk_actions.start(
            runtime, kind, chosen, actor=current_actor(), reason=form.reason.data or ""
        )
    except InvalidInput as error:
        if error.code != "reason_needed":
            raise
        refuse(form.reason, error.display_message)
        return _confirmation(kind, chosen, form), 422
    bulk_actions.go_on(runtime, identity)
    return redirect(url_for(".show", bulk_action_id=identity), 303)


@bp.get("/<uuid:bulk_action_id>")
@requires_admin("read")
def show(bulk_action_id: UUID) -> Response:
    """Show how far it has come; htmx gets that part alone, again and again."""
    return _shown(bulk_action_id)


@bp.post("/<uuid:bulk_action_id>/continue")
@requires_admin("write")
def go_on(bulk_action_id: UUID) -> ResponseReturnValue:
    """Do more of what is left."""
    bulk_actions.go_on(current_runtime(), bulk_action_id)
    if "HX-Request" in request.headers:
        return _shown(bulk_action_id)
    return redirect(url_for(".show", bulk_action_id=bulk_action_id), 303)


def _chosen() -> list[UUID]:
    """Return those ticked, or where all that match are wanted, as many as are taken at once."""
    if request.args.get("every") is None:
        return chosen_ids()
    runtime = current_runtime()
    with runtime.sessions() as session:
        return authorization_lists.every_match(
            session,
            leniently(request.args).wanted(),
            actor=current_actor(),
            most=MOST,
            now=runtime.now(),
        )


def _confirmation(kind: BulkKind, chosen: Sequence[UUID], form: BulkForm) -> str:
    runtime = current_runtime()
    with runtime.sessions() as session:
        found = bulk_previews.preview(
            session, kind, chosen, actor=current_actor(), now=runtime.now()
        )
    return render_template(
        "admin_bulk/preview.html", preview=found, form=form, is_full=len(chosen) == MOST, most=MOST
    )


def _shown(bulk_action_id: UUID) -> Response:
    runtime = current_runtime()
    with runtime.sessions() as session:
        progress = bulk_progress.of(
            session, bulk_action_id, actor=current_actor(), now=runtime.now()
        )
    part = "_progress" if request.headers.get("HX-Target") == _PART else "show"
    response = make_response(render_template(f"admin_bulk/{part}.html", progress=progress))
    response.headers["Vary"] = "HX-Request, HX-Target"
    return response
