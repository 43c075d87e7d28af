"""Facilities a person may see: list, read, register, change."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, url_for

from dcarbon.services import facilities, facility_views
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.facilities.messages import (
    FacilitiesAnswer,
    FacilitiesQuery,
    FacilityAnswer,
    FacilityChange,
    NewFacility,
)
from dcarbon_api.json_answers import answer
from dcarbon_api.openapi import operation
from dcarbon_api.paging import key_of
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
    response = answer(_shown(facility.id), 201)
    response.headers["Location"] = url_for("facilities.read_facility", facility_id=facility.id)
    return response


@bp.get("")
@requires("read")
@operation(tag="Facilities", query=FacilitiesQuery, answer=FacilitiesAnswer, fails=(422,))
def list_facilities(query: FacilitiesQuery) -> Response:
    """List the facilities you may see, newest first."""
    runtime = current_runtime()
    with runtime.sessions() as session:
        found = facility_views.page(
            session,
            actor=current_actor(),
            now=runtime.now(),
            as_role=query.role,
            search=query.search,
            status=query.status,
            after=key_of(query.after),
            limit=query.limit,
        )
    return answer(FacilitiesAnswer.of(found))


@bp.get("/<uuid:facility_id>")
@requires("read")
@operation(tag="Facilities", answer=FacilityAnswer, fails=(404,))
def read_facility(facility_id: UUID) -> Response:
    """Return one facility."""
    return answer(_shown(facility_id))


@bp.patch("/<uuid:facility_id>")
@requires("write")
@operation(tag="Facilities", body=FacilityChange, answer=FacilityAnswer, fails=(403, 404, 422))
def change_facility(json: FacilityChange, facility_id: UUID) -> Response:
    """Change what is said of a facility. Owners only."""
    facilities.update(current_runtime(), facility_id, answers=json.answers(), actor=current_actor())
    return answer(_shown(facility_id))


def _shown(facility_id: UUID) -> FacilityAnswer:
    runtime = current_runtime()
    with runtime.sessions() as session:
        view = facility_views.one(session, facility_id, actor=current_actor(), now=runtime.now())
    return FacilityAnswer.of(view)
