"""What happened at a facility, for programs."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response

from dcarbon.services import facility_activity
from dcarbon_api.activity.messages import ActivityAnswer, ActivityQuery
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.json_answers import answer
from dcarbon_api.openapi import operation
from dcarbon_api.security.access import requires

bp = Blueprint("activity_api", __name__, url_prefix="/facilities")


@bp.get("/<uuid:facility_id>/activity")
@requires("read")
@operation(tag="Facilities", query=ActivityQuery, answer=ActivityAnswer, fails=(404, 422))
def read_activity(query: ActivityQuery, facility_id: UUID) -> Response:
    """Return what happened at a facility, the newest first: entries of the audit log in words."""
    with current_runtime().sessions() as session:
        found = facility_activity.of_facility(
            session,
            facility_id,
            actor=current_actor(),
            group=query.about,
            after=query.after,
            limit=query.limit,
        )
    return answer(ActivityAnswer.of_activity(found))
