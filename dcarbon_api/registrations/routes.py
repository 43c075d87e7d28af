"""Registrations by the API: start one, answer step by step, go on later, put away."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, url_for

from dcarbon.services import registrations
from dcarbon_api.authorizing import StartedAnswer
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.json_answers import answer
from dcarbon_api.openapi import operation
from dcarbon_api.registrations.messages import (
    DetailsAnswered,
    RegistrationAnswer,
    RegistrationsAnswer,
    RoleAnswered,
    UtilityChosen,
)
from dcarbon_api.security import browsers
from dcarbon_api.security.access import requires

bp = Blueprint("registrations", __name__, url_prefix="/registrations")

_TAG = "Registrations"


@bp.get("")
@requires("read")
@operation(tag=_TAG, answer=RegistrationsAnswer)
def list_registrations() -> Response:
    """List your unfinished registrations, the last touched first."""
    with current_runtime().sessions() as session:
        found = registrations.unfinished(session, current_actor())
    return answer(RegistrationsAnswer(registrations=[RegistrationAnswer.of(v) for v in found]))


@bp.post("")
@requires("write")
@operation(tag=_TAG, answer=RegistrationAnswer, status=201, fails=(409, 422))
def start_registration() -> Response:
    """Start a registration, whatever else is unfinished.

    Commercial accounts begin by choosing the role, residential ones with the details.
    """
    view = registrations.start_new(current_runtime(), current_actor())
    response = answer(RegistrationAnswer.of(view), 201)
    address = url_for("registrations.read_registration", registration_id=view.id)
    response.headers["Location"] = address
    return response


@bp.get("/<uuid:registration_id>")
@requires("read")
@operation(tag=_TAG, answer=RegistrationAnswer, fails=(404,))
def read_registration(registration_id: UUID) -> Response:
    """Return a registration where it stands."""
    view = registrations.continue_(current_runtime(), registration_id, actor=current_actor())
    return answer(RegistrationAnswer.of(view))


@bp.put("/<uuid:registration_id>/role")
@requires("write")
@operation(tag=_TAG, body=RoleAnswered, answer=RegistrationAnswer, fails=(404, 409, 422))
def answer_role(json: RoleAnswered, registration_id: UUID) -> Response:
    """Choose the role, first or anew."""
    view = registrations.answer_role(
        current_runtime(), registration_id, role=json.role, actor=current_actor()
    )
    return answer(RegistrationAnswer.of(view))


@bp.patch("/<uuid:registration_id>/details")
@requires("write")
@operation(tag=_TAG, body=DetailsAnswered, answer=RegistrationAnswer, fails=(404, 409, 422))
def answer_details(json: DetailsAnswered, registration_id: UUID) -> Response:
    """Save what was typed.

    It is kept even when it will not do: then `errors` says why, field by field. Once everything
    will do, the facility is made and `facility_id` is there.
    """
    view = registrations.answer_details(
        current_runtime(), registration_id, answers=json.answers(), actor=current_actor()
    )
    return answer(RegistrationAnswer.of(view))


@bp.post("/<uuid:registration_id>/utility")
@requires("write")
@operation(tag=_TAG, body=UtilityChosen, answer=StartedAnswer, fails=(403, 404, 409, 422, 502, 503))
def choose_utility(json: UtilityChosen, registration_id: UUID) -> Response:
    """Choose the utility and start authorizing: send the person's browser to `redirectUrl`."""
    browser = browsers.starting_browser()
    started = registrations.choose_utility(
        current_runtime(),
        registration_id,
        method=json.method,
        utility=json.utility,
        actor=current_actor(),
        browser=browser,
    )
    return browsers.remember(answer(StartedAnswer.of(started)), browser)


@bp.delete("/<uuid:registration_id>")
@requires("write")
@operation(tag=_TAG, status=204, fails=(404,))
def put_registration_away(registration_id: UUID) -> Response:
    """Take a registration off the list of unfinished ones; a facility it made stays."""
    registrations.put_away(current_runtime(), registration_id, actor=current_actor())
    return Response(status=204)
