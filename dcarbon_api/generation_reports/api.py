"""Generation reports by the API, and their files, which pages link to, too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO
from uuid import UUID

from flask import Blueprint, Response, url_for

from dcarbon.services import generation_downloads, generation_report_views, generation_reports
from dcarbon.services.generation_downloads import CSV, PDF, ZIP, Download
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.generation_reports.messages import NewReport, ReportAnswer, UnitReportsAnswer
from dcarbon_api.json_answers import answer
from dcarbon_api.openapi import operation
from dcarbon_api.security.access import requires

bp = Blueprint("generation_reports_api", __name__)

_TAG = "Generation"
_CHUNK = 1 << 18


@bp.get("/generating-units/<uuid:unit_id>/reports")
@requires("read")
@operation(tag=_TAG, answer=UnitReportsAnswer, fails=(404,))
def read_unit_reports(unit_id: UUID) -> Response:
    """Return how each month of a generating unit stands, its ledger and its open corrections.

    Whole MWh become certificates, the rest is carried to the next report: certificates and the
    last remainder are together what was reported.
    """
    runtime = current_runtime()
    with runtime.sessions() as session:
        found = generation_report_views.of_unit(
            session, unit_id, actor=current_actor(), now=runtime.now()
        )
    return answer(UnitReportsAnswer.of(found))


@bp.post("/generation-reports")
@requires("write")
@operation(tag=_TAG, body=NewReport, answer=ReportAnswer, status=201, fails=(404, 409, 422))
def prepare_report(json: NewReport) -> Response:
    """Put a month together as a draft and check it; an open draft is made anew.

    Where the month is reported already, the draft is a correction with the full new total.
    """
    report_id = generation_reports.prepare(
        current_runtime(),
        json.generating_unit_id,
        generation_reports.month_of(json.month),
        actor=current_actor(),
    )
    response = answer(_shown(report_id), 201)
    response.headers["Location"] = url_for(
        "generation_reports_api.read_report", report_id=report_id
    )
    return response


@bp.get("/generation-reports/<uuid:report_id>")
@requires("read")
@operation(tag=_TAG, answer=ReportAnswer, fails=(404,))
def read_report(report_id: UUID) -> Response:
    """Return one report with its checks and days."""
    return answer(_shown(report_id))


@bp.post("/generation-reports/<uuid:report_id>/finalise")
@requires("write")
@operation(tag=_TAG, answer=ReportAnswer, fails=(404, 409))
def finalise_report(report_id: UUID) -> Response:
    """Make a draft final. It never changes again.

    While a check has an error, or when the number changed since the draft was read, nothing is
    made final and the answer is 409; the draft is then put together anew.
    """
    generation_reports.finalise(current_runtime(), report_id, actor=current_actor())
    return answer(_shown(report_id))


@bp.get("/generation-reports/<uuid:report_id>/file")
@requires("read")
@operation(tag=_TAG, files=(CSV,), fails=(404, 409))
def download_file(report_id: UUID) -> Response:
    """Return the file as the registry takes it. Final reports only."""
    return _attachment(
        generation_downloads.registry_file(current_runtime(), report_id, actor=current_actor())
    )


@bp.get("/generation-reports/<uuid:report_id>/statement")
@requires("read")
@operation(tag=_TAG, files=(PDF,), fails=(404, 409))
def download_statement(report_id: UUID) -> Response:
    """Return the statement as PDF, the same bytes each time. Final reports only."""
    return _attachment(
        generation_downloads.statement(current_runtime(), report_id, actor=current_actor())
    )


@bp.get("/generation-reports/<uuid:report_id>/evidence")
@requires("read")
@operation(tag=_TAG, files=(ZIP,), fails=(404, 409))
def download_evidence(report_id: UUID) -> Response:
    """Return everything the number rests on, with a program that computes it again.

    Readings and their history, the utility's own answers byte for byte and their hashes, claims
    with eligibility and rule. Final reports only.
    """
    name, file = generation_downloads.evidence(current_runtime(), report_id, actor=current_actor())
    response = Response(_pieces(file), mimetype=ZIP, headers=_named(name))
    # Also when nothing of it is sent: a HEAD, a connection that broke.
    response.call_on_close(file.close)
    return response


def _shown(report_id: UUID) -> ReportAnswer:
    runtime = current_runtime()
    with runtime.sessions() as session:
        found = generation_report_views.one(
            session, report_id, actor=current_actor(), now=runtime.now()
        )
    return ReportAnswer.of(found)


def _attachment(made: Download) -> Response:
    return Response(made.content, mimetype=made.media_type, headers=_named(made.name))


def _named(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(_CHUNK):
        yield piece
