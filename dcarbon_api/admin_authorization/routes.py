"""The pages of one authorization: all of it, its longer lists, its payloads and their bytes."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response as AnyResponse

from dcarbon.domain.errors import InvalidInput
from dcarbon.services import authorization_details, authorization_traces, payload_looks
from dcarbon.services.authorization_details import Head
from dcarbon.services.payload_looks import SHOWN, Look
from dcarbon_api.admin_authorization import progress, showing
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.security.access import requires_admin

bp = Blueprint("admin_authorization", __name__)

_A_PAGE = 50
_AT = "/admin/authorizations/<uuid:authorization_id>"


@bp.get(_AT)
@requires_admin("read")
def show(authorization_id: UUID) -> ResponseReturnValue:
    """Show everything about one authorization."""
    runtime = current_runtime()
    with runtime.sessions() as session:
        detail = authorization_details.one(
            runtime, session, authorization_id, actor=current_actor()
        )
    return render_template("admin/authorization/show.html", **showing.page(detail))


@bp.get("/authorizations/<uuid:authorization_id>")
@requires_admin("read")
def at_api_address(authorization_id: UUID) -> ResponseReturnValue:
    """Take a browser that asks at the address of the API to the page."""
    return redirect(url_for(".show", authorization_id=authorization_id), 303)


@bp.get(f"{_AT}/progress")
@requires_admin("read")
def watch(authorization_id: UUID) -> AnyResponse:
    """Give the part of the page that shows what is under way, until it is over."""
    if "HX-Request" not in request.headers:
        return redirect(url_for(".show", authorization_id=authorization_id), 303)
    runtime = current_runtime()
    with runtime.sessions() as session:
        underway = authorization_details.underway(
            runtime, session, authorization_id, actor=current_actor()
        )
    running = progress.of(underway)
    if request.args.get("seen") != running.key:
        # Something began or is over: the rest of the page says more of it.
        return Response(status=204, headers={"HX-Refresh": "true"})
    page = render_template(
        "admin/authorization/_progress.html", authorization_id=authorization_id, progress=running
    )
    return make_response(page)


@bp.get(f"{_AT}/attempts")
@requires_admin("read")
def attempts(authorization_id: UUID) -> ResponseReturnValue:
    """List every try to collect."""
    with current_runtime().sessions() as session:
        row = authorization_details.get(session, authorization_id, actor=current_actor())
        listed = authorization_traces.attempts(session, row, after=_after(), limit=_A_PAGE)
    head = showing.head(found(authorization_id))
    return render_template("admin/authorization/attempts.html", listed=listed, **head)


@bp.get(f"{_AT}/payloads")
@requires_admin("read")
def payloads(authorization_id: UUID) -> ResponseReturnValue:
    """List every answer of the provider that was kept."""
    with current_runtime().sessions() as session:
        row = authorization_details.get(session, authorization_id, actor=current_actor())
        listed = authorization_traces.payloads(session, row, after=_after(), limit=_A_PAGE)
    head = showing.head(found(authorization_id))
    return render_template("admin/authorization/payloads.html", listed=listed, **head)


@bp.get(f"{_AT}/payloads/<uuid:payload_id>")
@requires_admin("read")
def payload(authorization_id: UUID, payload_id: UUID) -> ResponseReturnValue:
    """Show the record of one payload; its bytes are asked for by a button."""
    with current_runtime().sessions() as session:
        record = payload_looks.record(session, authorization_id, payload_id, actor=current_actor())
    head = showing.head(found(authorization_id))
    return render_template("admin/authorization/payload.html", payload=record, text=None, **head)


@bp.post(f"{_AT}/payloads/<uuid:payload_id>")
@requires_admin("write")
def look(authorization_id: UUID, payload_id: UUID) -> AnyResponse:
    """Show the beginning of a payload's bytes, or send all of them; either is in the audit log."""
    wants_file = request.form.get("go") == "download"
    content = payload_looks.look(
        current_runtime(),
        authorization_id,
        payload_id,
        how=Look.DOWNLOADED if wants_file else Look.SHOWN,
        actor=current_actor(),
    )
    if wants_file:
        return sent(content)
    shown = content.beginning()
    page = render_template(
        "admin/authorization/payload.html",
        payload=content.record,
        text=shown.decode("utf-8", "replace"),
        is_cut=content.record.byte_count > SHOWN,
        **showing.head(found(authorization_id)),
    )
    return make_response(page)


def found(authorization_id: UUID) -> Head:
    """Return which authorization an address speaks of."""
    with current_runtime().sessions() as session:
        return authorization_details.head(session, authorization_id, actor=current_actor())


def sent(content: payload_looks.Bytes) -> Response:
    """Return the bytes as a file that no browser opens as a page."""
    record = content.record
    return Response(
        content.chunks(),
        mimetype="application/octet-stream",
        headers={
            "Content-Disposition": f'attachment; filename="{record.sha256}"',
            "Content-Length": str(record.byte_count),
        },
    )


def _after() -> UUID | None:
    text = request.args.get("after")
    try:
        return UUID(text) if text else None
    except ValueError as error:
        raise InvalidInput("not a key of ours", code="after_invalid") from error
