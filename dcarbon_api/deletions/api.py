"""Requests for deletion by the API: one's own, and for administrators everybody's."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response

from dcarbon.services import deletion_receipts, deletions
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.deletions.files import JSON, PDF, as_json, as_pdf
from dcarbon_api.deletions.messages import (
    AdminDeletionAnswer,
    AdminDeletionsAnswer,
    AdminPlannedAnswer,
    Declined,
    DeletionAnswer,
    DeletionsQuery,
    OwnDeletionAnswer,
    PlanAnswer,
)
from dcarbon_api.json_answers import answer
from dcarbon_api.openapi import operation
from dcarbon_api.security.access import requires, requires_admin

bp = Blueprint("deletions_api", __name__)

_ACCOUNT, _ADMINISTRATION = "Account", "Administration"


@bp.get("/account/deletion")
@requires("read")
@operation(tag=_ACCOUNT, answer=OwnDeletionAnswer, fails=(404,))
def read_own_deletion() -> Response:
    """Say what deleting your data would do, and how far your latest request has come."""
    with current_runtime().sessions() as session:
        actor = current_actor()
        found = deletions.own(session, actor=actor)
        plan = deletions.own_plan(session, actor=actor)
    shown = DeletionAnswer.model_validate(found) if found else None
    return answer(OwnDeletionAnswer(request=shown, plan=PlanAnswer.model_validate(plan)))


@bp.put("/account/deletion")
@requires("write")
@operation(tag=_ACCOUNT, answer=DeletionAnswer, fails=(404, 409))
def ask_for_deletion() -> Response:
    """Ask to have your data deleted. Asking again changes nothing.

    It is carried out when an administrator says so, or when the grace period is over; until then
    it can be taken back. A receipt follows by mail.
    """
    found = deletions.ask(current_runtime(), actor=current_actor())
    return answer(DeletionAnswer.model_validate(found))


@bp.delete("/account/deletion")
@requires("write")
@operation(tag=_ACCOUNT, status=204, fails=(404, 409))
def take_deletion_back() -> Response:
    """Take your request for deletion back; harmless where there is none."""
    deletions.cancel(current_runtime(), actor=current_actor())
    return Response(status=204)


@bp.get("/admin/deletions")
@requires_admin("read")
@operation(tag=_ADMINISTRATION, query=DeletionsQuery, answer=AdminDeletionsAnswer, fails=(422,))
def list_deletions(query: DeletionsQuery) -> Response:
    """List the requests for deletion, the newest first."""
    with current_runtime().sessions() as session:
        found = deletions.listing(session, states=query.state, after=query.after)
    shown = [AdminDeletionAnswer.model_validate(one) for one in found.requests]
    return answer(AdminDeletionsAnswer(requests=shown, next_after=found.after))


@bp.get("/admin/deletions/<uuid:deletion_id>")
@requires_admin("read")
@operation(tag=_ADMINISTRATION, answer=AdminPlannedAnswer, fails=(404,))
def read_deletion(deletion_id: UUID) -> Response:
    """Return one request with what it would delete and keep."""
    with current_runtime().sessions() as session:
        known = AdminDeletionAnswer.model_validate(deletions.one(session, deletion_id))
        plan = deletions.plan_of(session, deletion_id)
    shown = PlanAnswer.model_validate(plan) if plan else None
    return answer(AdminPlannedAnswer(**known.model_dump(), plan=shown))


@bp.post("/admin/deletions/<uuid:deletion_id>/approve")
@requires_admin("write")
@operation(tag=_ADMINISTRATION, answer=AdminDeletionAnswer, fails=(404, 409))
def approve_deletion(deletion_id: UUID) -> Response:
    """Have a request carried out now, without waiting for the grace period to end."""
    found = deletions.approve(current_runtime(), deletion_id, actor=current_actor())
    return answer(AdminDeletionAnswer.model_validate(found))


@bp.post("/admin/deletions/<uuid:deletion_id>/decline")
@requires_admin("write")
@operation(tag=_ADMINISTRATION, body=Declined, answer=AdminDeletionAnswer, fails=(404, 409, 422))
def decline_deletion(deletion_id: UUID, json: Declined) -> Response:
    """Decline a request; the person is told why by mail."""
    found = deletions.decline(
        current_runtime(), deletion_id, reason=json.reason, actor=current_actor()
    )
    return answer(AdminDeletionAnswer.model_validate(found))


@bp.get("/admin/deletions/<uuid:deletion_id>/receipt.json")
@requires_admin("read")
@operation(tag=_ADMINISTRATION, files=(JSON,), fails=(404,))
def download_receipt(deletion_id: UUID) -> Response:
    """Return the receipt of a deletion that is done, the same bytes each time."""
    with current_runtime().sessions() as session:
        return as_json(deletion_receipts.of(session, deletion_id))


@bp.get("/admin/deletions/<uuid:deletion_id>/receipt.pdf")
@requires_admin("read")
@operation(tag=_ADMINISTRATION, files=(PDF,), fails=(404,))
def download_receipt_pdf(deletion_id: UUID) -> Response:
    """Return the same as PDF, with the JSON attached."""
    with current_runtime().sessions() as session:
        return as_pdf(deletion_receipts.of(session, deletion_id))
