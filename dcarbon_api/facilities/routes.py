"""Facilities a person may see, and registering one."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, url_for

from dcarbon.services import facilities
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.facilities.messages import FacilitiesAnswer, FacilityAnswer, NewFacility
from dcarbon_api.json_answers import answer
from dcarbon_api.openapi import operation
from dcarbon_api.security.access import requires

bp = Blueprint("facilities", __name__, url_prefix="/facilities")


@bp.post("")
@requires("write")
@operation(tag="Facilities", body=NewFacility, answer=FacilityAnswer, status=201, fails=(422,))
def register_facility(json: NewFacility) -> Response:
    """Register a facility.

    The person whose token asks takes the role named.
    """
    runtime = current_runtime()
    facility = facilities.create(
        runtime.sessions,
        json.details(),
        account_kind=json.account_kind,
        role=json.role,
        actor=current_actor(),
        now=runtime.now(),
        person_id=json.person_id,
    )
    response = answer(FacilityAnswer.model_validate(facility), 201)
    response.headers["Location"] = url_for(".read_facility", facility_id=facility.id)
    return response


@bp.get("")
@requires("read")
@operation(tag="Facilities", answer=FacilitiesAnswer)
def list_facilities() -> Response:
    """List the facilities you may see, newest first."""
    with current_runtime().sessions() as session:
        found = facilities.visible(session, actor=current_actor())
    return answer(FacilitiesAnswer(facilities=[FacilityAnswer.model_validate(f) for f in found]))


@bp.get("/<uuid:facility_id>")
@requires("read")
@operation(tag="Facilities", answer=FacilityAnswer, fails=(404,))
def read_facility(facility_id: UUID) -> Response:
    """Return one facility."""
    with current_runtime().sessions() as session:
        found = facilities.get(session, facility_id, actor=current_actor())
    return answer(FacilityAnswer.model_validate(found))
