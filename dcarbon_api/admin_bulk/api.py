"""Bulk actions for programs."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, url_for

from dcarbon.services import bulk_actions, bulk_previews, bulk_progress
from dcarbon_api.admin_bulk.messages import (
    BulkAnswer,
    BulkPreviewAnswer,
    BulkPreviewRequest,
    BulkRequest,
)
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.json_answers import answer
from dcarbon_api.openapi import operation
from dcarbon_api.security.access import requires_admin

bp = Blueprint("admin_bulk_api", __name__, url_prefix="/authorizations/bulk")

_TAG = "Administration"


@bp.post("/preview")
@requires_admin("write")
@operation(tag=_TAG, body=BulkPreviewRequest, answer=BulkPreviewAnswer, fails=(422,))
def preview_bulk_action(json: BulkPreviewRequest) -> Response:
    """Say what retrying or revoking would do to each. Changes nothing. Administrators only."""
    runtime = current_runtime()
    with runtime.sessions() as session:
        found = bulk_previews.preview(
            session,
            json.kind,
            json.authorization_ids,
            actor=current_actor(),
            now=runtime.now(),
        )
    return answer(BulkPreviewAnswer.of(found))


@bp.post("")
@requires_admin("write")
@operation(tag=_TAG, body=BulkRequest, answer=BulkAnswer, status=202, fails=(422,))
def start_bulk_action(json: BulkRequest) -> Response:
    """Retry or revoke many.

    One that cannot be done undoes no other. What is not done at once goes on by itself; ask again
    until every one is settled. Administrators only.
    """
    runtime = current_runtime()
    identity = bulk_actions.start(
        runtime, json.kind, json.authorization_ids, actor=current_actor(), reason=json.reason
    )
    bulk_actions.go_on(runtime, identity)
    response = answer(_shown(identity), 202)
    response.headers["Location"] = url_for(".read_bulk_action", bulk_action_id=identity)
    return response


@bp.get("/<uuid:bulk_action_id>")
@requires_admin("read")
@operation(tag=_TAG, answer=BulkAnswer, fails=(404,))
def read_bulk_action(bulk_action_id: UUID) -> Response:
    """Return how far a bulk action has come. Administrators only."""
    return answer(_shown(bulk_action_id))


def _shown(bulk_action_id: UUID) -> BulkAnswer:
    runtime = current_runtime()
    with runtime.sessions() as session:
        progress = bulk_progress.of(
            session, bulk_action_id, actor=current_actor(), now=runtime.now()
        )
    return BulkAnswer.of(progress)
