"""The list of all authorizations as a page: its whole state stands in its address."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from dcarbon_api.admin_authorizations import page
from dcarbon_api.admin_authorizations.messages import leniently
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.security.access import requires_admin

bp = Blueprint("admin_authorizations", __name__)

_PART = "authorizations"
"""Id of the part of the page that htmx asks for alone."""


@bp.get("/admin")
@requires_admin("read")
def start() -> ResponseReturnValue:
    """Lead to the first of the pages for administrators."""
    return redirect(url_for(".index"), 303)


@bp.get("/authorizations")
@requires_admin("read")
def at_api_address() -> ResponseReturnValue:
    """Lead a browser from the address of the API to the page of the same, filters and all."""
    asked = urlencode(list(request.args.items(multi=True)))
    return redirect(f"{url_for('.index')}?{asked}" if asked else url_for(".index"), 303)


@bp.get("/admin/authorizations")
@requires_admin("read")
def index() -> Response:
    """Show a page of all authorizations; htmx gets counts and list alone."""
    runtime, query = current_runtime(), leniently(request.args)
    with runtime.sessions() as session:
        view = page.index(session, query, runtime=runtime, actor=current_actor())
    is_part = request.headers.get("HX-Target") == _PART
    template = "admin_authorizations/_list.html" if is_part else "admin_authorizations/index.html"
    response = make_response(render_template(template, view=view))
    response.headers["Vary"] = "HX-Request, HX-Target"
    if is_part:
        # The form sends what is empty, too; the address shows what was chosen.
        response.headers["HX-Push-Url"] = url_for(".index", **view.kept)
    return response
