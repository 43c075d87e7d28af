"""Green Button: send a person to the utility, take them back, say how it stands, take hints."""

from __future__ import annotations

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from dcarbon.services import authorizations, notifications
from dcarbon_api import inbound
from dcarbon_api.authorizing import StartedAnswer, StatusAnswer, StatusQuery, return_page
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.green_button.messages import StartGreenButton
from dcarbon_api.json_answers import answer
from dcarbon_api.openapi import operation
from dcarbon_api.security import browsers
from dcarbon_api.security.access import for_programs, public, requires

bp = Blueprint("green_button", __name__, url_prefix="/green-button")

_LARGEST_HINT = 64 * 1024
"""A notification lists addresses; a few dozen of them are a few kilobytes."""


@bp.post("/start")
@requires("write")
@operation(
    tag="Authorizations", body=StartGreenButton, answer=StartedAnswer, fails=(404, 409, 422, 502)
)
def start_green_button(json: StartGreenButton) -> Response:
    """Start an authorization at a Green Button utility.

    Send the person's browser to `redirectUrl`; ask the status with `sessionId` meanwhile.
    """
    browser = browsers.starting_browser()
    started = authorizations.start_green_button(
        current_runtime(),
        facility_id=json.facility_id,
        provider=json.provider,
        actor=current_actor(),
        browser=browser,
    )
    return browsers.remember(answer(StartedAnswer.of(started)), browser)


@bp.get("/callback")
@public
def callback() -> ResponseReturnValue:
    """Take a person back from the utility. Open to all, good once: the state decides."""
    completed = authorizations.complete_green_button(
        current_runtime(), parameters=request.args.to_dict(), browser=browsers.known_browser()
    )
    return return_page(completed)


@bp.get("/status")
@requires("read")
@operation(tag="Authorizations", query=StatusQuery, answer=StatusAnswer, fails=(404, 422))
def green_button_status(query: StatusQuery) -> Response:
    """Say how a Green Button authorization stands.

    Ask every few seconds while it is `pending`, and while `progress` grows.
    """
    status = authorizations.session_status(
        current_runtime(), query.session_id, method="green_button", actor=current_actor()
    )
    return answer(StatusAnswer.of(status))


@bp.post("/notify/<provider>")
@for_programs
def notify(provider: str) -> Response:
    """Take a utility's hint that data wait. Nothing proves who sent it: it only wakes a poll."""
    request.max_content_length = _LARGEST_HINT
    with inbound.reading():
        notifications.green_button_notified(current_runtime(), provider, request.get_data())
    return Response(status=200, mimetype="text/plain")
