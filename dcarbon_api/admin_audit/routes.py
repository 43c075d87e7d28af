"""The audit log's page: one form, its state in the address, the newest entries first."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, render_template, request

from dcarbon.domain.errors import InvalidInput
from dcarbon.services import audit_search
from dcarbon_api.admin_audit import page
from dcarbon_api.admin_audit.messages import LATEST
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.security.access import requires_admin

bp = Blueprint("admin_audit", __name__, url_prefix="/admin/audit")


@bp.get("")
@requires_admin("read")
def index() -> Response:
    """Show what a search finds; what cannot be read is said beside the form."""
    asked, after = page.wish(), request.args.get("after", type=int)
    try:
        with current_runtime().sessions() as session:
            found = audit_search.page(
                session,
                asked,
                actor=current_actor(),
                after=min(after, LATEST) if after is not None else None,
                limit=page.PAGE_SIZE,
            )
    except InvalidInput as error:
        return _answer(page.frame(asked, error.display_message), 422)
    return _answer(page.of(asked, found))


def _answer(content: dict[str, object], status: int = 200) -> Response:
    return make_response(render_template("admin/audit/index.html", **content), status)
