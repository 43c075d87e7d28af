"""UtilityAPI: send a person to the hosted form, take them back, say how it stands, take events."""

from __future__ import annotations

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from dcarbon.providers.utilityapi.webhooks import SALT_HEADER, SIGNATURE_HEADER
from dcarbon.services import authorizations, notifications
from dcarbon_api import inbound
from dcarbon_api.authorizing import StartedAnswer, StatusAnswer, StatusQuery, return_page
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.json_answers import answer
from dcarbon_api.openapi import operation
from dcarbon_api.security import browsers
from dcarbon_api.security.access import for_programs, public, requires
from dcarbon_api.utilityapi.messages import StartUtilityApi

bp = Blueprint("utilityapi", __name__, url_prefix="/utilityapi")

_LARGEST_EVENT = 1024 * 1024
"""Several events come in one request, indented; UtilityAPI names no limit."""


@bp.post("/start")
@requires("write")
@operation(
    tag="Authorizations",
    body=StartUtilityApi,
    answer=StartedAnswer,
    fails=(404, 409, 422, 502, 503),
)
def start_utilityapi(json: StartUtilityApi) -> Response:
    """Start an authorization by UtilityAPI.

    Send the person's browser to `redirectUrl`; ask the status with `sessionId` meanwhile.
    """
    browser = browsers.starting_browser()
    started = authorizations.start_utilityapi(
        current_runtime(),
        facility_id=json.facility_id,
        utility=json.utility,
        actor=current_actor(),
        browser=browser,
    )
    return browsers.remember(answer(StartedAnswer.of(started)), browser)


@bp.get("/return")
@public
def returned() -> ResponseReturnValue:
    """Take a person back from the hosted form. Open to all, good once: the state decides."""
    completed = authorizations.complete_utilityapi(
        current_runtime(), parameters=request.args.to_dict(), browser=browsers.known_browser()
    )
    return return_page(completed)


@bp.get("/status")
@requires("read")
@operation(tag="Authorizations", query=StatusQuery, answer=StatusAnswer, fails=(404, 422))
def utilityapi_status(query: StatusQuery) -> Response:
    """Say how a UtilityAPI authorization stands.

    Ask every few seconds while it is `pending`, and while `progress` grows.
    """
    status = authorizations.session_status(
        current_runtime(), query.session_id, method="utilityapi", actor=current_actor()
    )
    return answer(StatusAnswer.of(status))


@bp.post("/webhook")
@for_programs
def webhook() -> Response:
    """Take UtilityAPI's events. The signature over salt and body proves who sent them."""
    request.max_content_length = _LARGEST_EVENT
    with inbound.reading():
        notifications.utilityapi_event(
            current_runtime(),
            salt=request.headers.get(SALT_HEADER, ""),
            signature=request.headers.get(SIGNATURE_HEADER, ""),
            body=request.get_data(),
        )
    return Response(status=200, mimetype="text/plain")
