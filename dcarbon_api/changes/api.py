"""Readings a utility stated differently later, for programs."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response

from dcarbon.services import restatement_views
from dcarbon_api.changes.messages import ChangesAnswer, ChangesQuery
from dcarbon_api.changes.page import Slice
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.json_answers import answer
from dcarbon_api.openapi import operation
from dcarbon_api.security.access import requires

bp = Blueprint("changes_api", __name__, url_prefix="/facilities")


@bp.get("/<uuid:facility_id>/changes")
@requires("read")
@operation(tag="Readings", query=ChangesQuery, answer=ChangesAnswer, fails=(404, 422))
def read_changes(query: ChangesQuery, facility_id: UUID) -> Response:
    """Return what a utility changed of a meter's readings, and the totals as reported on a date
    beside those known today.
    """
    runtime = current_runtime()
    with runtime.sessions() as session:
        found = restatement_views.of_range(
            session,
            facility_id,
            meter_id=query.meter,
            start=query.start,
            end=query.end,
            reported_on=query.reported_on,
            actor=current_actor(),
            now=runtime.now(),
        )
        shown = Slice.of(found.differences, query.page)
        payloads = restatement_views.payloads_of(session, facility_id, shown.rows)
    return answer(ChangesAnswer.of_changes(found, shown, payloads))
