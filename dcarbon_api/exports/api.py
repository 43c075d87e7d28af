"""Exports for programs: the file, and what it will hold."""

from __future__ import annotations

from flask import Blueprint, Response

from dcarbon.services import exports
from dcarbon.services.exports import MEDIA_TYPES, Format
from dcarbon.services.exports_columns import COLUMNS
from dcarbon.services.exports_plan import Plan, PlannedMeter
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.exports import answers
from dcarbon_api.exports.messages import (
    AboutAnswer,
    AboutQuery,
    ExportColumn,
    ExportedChannel,
    ExportedMeter,
    ExportQuery,
)
from dcarbon_api.json_answers import answer
from dcarbon_api.openapi import operation
from dcarbon_api.security.access import requires

bp = Blueprint("exports_api", __name__, url_prefix="/exports")


@bp.get("")
@requires("read")
@operation(
    tag="Readings",
    query=ExportQuery,
    files=tuple(kind.partition(";")[0] for kind in MEDIA_TYPES.values()),
    fails=(404, 422, 429),
)
def export_readings(query: ExportQuery) -> Response:
    """Return the readings of a meter or a facility as a file, while it is made.

    One row for each reading, by meter, channel and time. The same request gives the same bytes as
    long as no reading changes. The header `X-Readings` says how many rows to expect: a CSV that
    was broken off ends with a line that says so, the other formats then do not open. Exports are
    counted per person and hour.
    """
    export = exports.begin(
        current_runtime(), query.wish(), kind=query.format, actor=current_actor()
    )
    return answers.attachment(export)


@bp.get("/about")
@requires("read")
@operation(tag="Readings", query=AboutQuery, answer=AboutAnswer, fails=(404, 422))
def describe_export(query: AboutQuery) -> Response:
    """Say what an export would hold: how many readings of which channels, in which columns."""
    plan = exports.preview(current_runtime(), query.wish(), actor=current_actor())
    return answer(
        AboutAnswer(
            facility_id=plan.facility_id,
            readings=plan.readings,
            newest=plan.newest,
            file_names={one.value: exports.file_name(plan, one.value) for one in Format},
            meters=_meters(plan),
            columns=[ExportColumn(name=one.name, says=one.says) for one in COLUMNS],
        )
    )


def _meters(plan: Plan) -> list[ExportedMeter]:
    return [
        ExportedMeter(
            id=meter.id,
            name=meter.name,
            time_zone=meter.zone.key,
            start=meter.span.start,
            end=meter.span.end,
            channels=_channels(meter),
        )
        for meter in plan.meters
    ]


def _channels(meter: PlannedMeter) -> list[ExportedChannel]:
    return [ExportedChannel.model_validate(channel) for channel in meter.channels]
