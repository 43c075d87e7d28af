"""Meters of a facility or an authorization."""

from __future__ import annotations

from flask import Blueprint, Response

from dcarbon.services import meters
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.json_answers import answer
from dcarbon_api.meters.messages import Meter, MetersAnswer, MetersQuery
from dcarbon_api.openapi import operation
from dcarbon_api.security.access import requires

bp = Blueprint("meters", __name__, url_prefix="/meters")


@bp.get("")
@requires("read")
@operation(tag="Readings", query=MetersQuery, answer=MetersAnswer, fails=(404, 422))
def list_meters(query: MetersQuery) -> Response:
    """List the meters of a facility or of an authorization.

    Each channel says which interval lengths it has and from when to when.
    """
    with current_runtime().sessions() as session:
        found = meters.listing(
            session,
            actor=current_actor(),
            facility_id=query.facility_id,
            authorization_id=query.authorization,
        )
    return answer(MetersAnswer(meters=[Meter.model_validate(view) for view in found]))
