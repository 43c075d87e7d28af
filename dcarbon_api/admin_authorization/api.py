"""One authorization by the API: all of it, its lists, its files, and what can be done with it."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response

from dcarbon.services import (
    authorization_details,
    authorization_files,
    authorization_traces,
    payload_looks,
    repulls,
    retrying,
)
from dcarbon.services.generation_downloads import CSV, PDF, Download
from dcarbon.services.payload_looks import Look
from dcarbon_api.admin_authorization.detail_messages import DetailAnswer
from dcarbon_api.admin_authorization.messages import (
    NewRepull,
    PayloadsAnswer,
    ProgressAnswer,
    RepullAnswer,
    RetriedAnswer,
    SyncAttemptsAnswer,
    TraceQuery,
)
from dcarbon_api.admin_authorization.routes import sent
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.json_answers import answer
from dcarbon_api.openapi import operation
from dcarbon_api.paging import key_of
from dcarbon_api.security.access import requires, requires_admin

bp = Blueprint(
    "admin_authorization_api", __name__, url_prefix="/authorizations/<uuid:authorization_id>"
)

_TAG = "Administration"
_BYTES = "application/octet-stream"


@bp.get("")
@requires_admin("read")
@operation(tag=_TAG, answer=DetailAnswer, fails=(404,))
def read_authorization(authorization_id: UUID) -> Response:
    """Return everything about one authorization; of each long list the newest."""
    runtime = current_runtime()
    with runtime.sessions() as session:
        detail = authorization_details.one(
            runtime, session, authorization_id, actor=current_actor()
        )
    return answer(DetailAnswer.of(detail))


@bp.get("/progress")
@requires_admin("read")
@operation(tag=_TAG, answer=ProgressAnswer, fails=(404,))
def read_progress(authorization_id: UUID) -> Response:
    """Return what is under way: collecting, fetching again, ending at the provider."""
    runtime = current_runtime()
    with runtime.sessions() as session:
        underway = authorization_details.underway(
            runtime, session, authorization_id, actor=current_actor()
        )
    return answer(ProgressAnswer.of(underway))


@bp.get("/attempts")
@requires_admin("read")
@operation(tag=_TAG, query=TraceQuery, answer=SyncAttemptsAnswer, fails=(404, 422))
def list_sync_attempts(query: TraceQuery, authorization_id: UUID) -> Response:
    """List the tries to collect, newest first."""
    with current_runtime().sessions() as session:
        row = authorization_details.get(session, authorization_id, actor=current_actor())
        listed = authorization_traces.attempts(
            session, row, after=key_of(query.after), limit=query.limit
        )
    return answer(SyncAttemptsAnswer.of(listed))


@bp.get("/payloads")
@requires_admin("read")
@operation(tag=_TAG, query=TraceQuery, answer=PayloadsAnswer, fails=(404, 422))
def list_payloads(query: TraceQuery, authorization_id: UUID) -> Response:
    """List what the provider sent, newest first: hashes, sizes and times, no bytes."""
    with current_runtime().sessions() as session:
        row = authorization_details.get(session, authorization_id, actor=current_actor())
        listed = authorization_traces.payloads(
            session, row, after=key_of(query.after), limit=query.limit
        )
    return answer(PayloadsAnswer.of(listed))


@bp.get("/payloads/<uuid:payload_id>/bytes")
@requires_admin("read")
@operation(tag=_TAG, files=(_BYTES,), fails=(404, 409))
def read_payload(authorization_id: UUID, payload_id: UUID) -> Response:
    """Return the bytes of a payload as they came. Each look is in the audit log."""
    return sent(
        payload_looks.look(
            current_runtime(),
            authorization_id,
            payload_id,
            how=Look.DOWNLOADED,
            actor=current_actor(),
        )
    )


@bp.get("/record.csv")
@requires_admin("read")
@operation(tag=_TAG, files=(CSV,), fails=(404,))
def download_record_csv(authorization_id: UUID) -> Response:
    """Return everything about an authorization as one table; each download is in the audit log.

    As long as nothing happens to it, the same bytes each time.
    """
    return _attachment(
        authorization_files.csv(current_runtime(), authorization_id, actor=current_actor())
    )


@bp.get("/record.pdf")
@requires_admin("read")
@operation(tag=_TAG, files=(PDF,), fails=(404,))
def download_record_pdf(authorization_id: UUID) -> Response:
    """Return the same as PDF, with the table inside."""
    return _attachment(
        authorization_files.pdf(current_runtime(), authorization_id, actor=current_actor())
    )


@bp.post("/retry")
@requires("write")
@operation(tag="Authorizations", answer=RetriedAnswer, fails=(403, 404, 409))
def start_again(authorization_id: UUID) -> Response:
    """Start an authorization again after a failure.

    Where a person has to consent, whoever may authorize is asked by mail; where the consent stands,
    the readings are collected at once. Twice within a minute counts once.
    """
    done = retrying.retry(current_runtime(), authorization_id, actor=current_actor())
    return answer(RetriedAnswer.model_validate(done))


@bp.post("/repulls")
@requires_admin("write")
@operation(tag=_TAG, body=NewRepull, answer=RepullAnswer, status=202, fails=(404, 409, 422))
def fetch_again(json: NewRepull, authorization_id: UUID) -> Response:
    """Fetch a range of one authorization again; `progress` follows it."""
    runtime, actor = current_runtime(), current_actor()
    zone = repulls.zone_of(runtime, authorization_id, actor=actor)
    window = repulls.window(json.start, json.end or None, zone=zone, now=runtime.now())
    asked = repulls.ask(runtime, authorization_id, window, actor=actor)
    found = RepullAnswer(
        order_id=asked.order_id,
        authorization_id=asked.authorization_id,
        start=window.start,
        end=window.end,
        is_new=asked.is_new,
    )
    return answer(found, 202)


def _attachment(made: Download) -> Response:
    named = {"Content-Disposition": f'attachment; filename="{made.name}"'}
    return Response(made.content, mimetype=made.media_type, headers=named)
