"""Invitations by the API: the owner's side at the facility, the operator's side by the secret."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, request

from dcarbon.services import facilities, invitations
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.facilities.messages import Invited
from dcarbon_api.invitations.messages import (
    AcceptedAnswer,
    AcceptInvitation,
    InvitationAnswer,
    InvitationStateAnswer,
    InvitedFacilityAnswer,
    InviteOperator,
)
from dcarbon_api.json_answers import answer
from dcarbon_api.openapi import operation
from dcarbon_api.security import sessions
from dcarbon_api.security.access import public, requires

bp = Blueprint("invitations", __name__)

_TAG = "Invitations"


@bp.get("/facilities/<uuid:facility_id>/invitation")
@requires("read")
@operation(tag=_TAG, answer=InvitationAnswer, fails=(404,))
def read_invitation(facility_id: UUID) -> Response:
    """Return the open invitation of a facility, or `null`."""
    runtime = current_runtime()
    with runtime.sessions() as session:
        facilities.get(session, facility_id, actor=current_actor())
        found = invitations.open_of(session, facility_id, now=runtime.now())
    shown = Invited.model_validate(found) if found else None
    return answer(InvitationAnswer(invitation=shown))


@bp.post("/facilities/<uuid:facility_id>/invitation")
@requires("write")
@operation(
    tag=_TAG,
    body=InviteOperator,
    answer=InvitationAnswer,
    status=201,
    fails=(403, 404, 409, 422, 429),
)
def invite_operator(json: InviteOperator, facility_id: UUID) -> Response:
    """Ask somebody by mail to operate a facility. Owners only."""
    sent = invitations.invite(
        current_runtime(), facility_id, email=json.email, actor=current_actor()
    )
    return answer(InvitationAnswer(invitation=Invited.model_validate(sent)), 201)


@bp.post("/facilities/<uuid:facility_id>/invitation/resend")
@requires("write")
@operation(tag=_TAG, answer=InvitationAnswer, fails=(404, 409, 429))
def resend_invitation(facility_id: UUID) -> Response:
    """Send the open invitation again, with a new link; the one before is good no more."""
    sent = invitations.resend(current_runtime(), facility_id, actor=current_actor())
    return answer(InvitationAnswer(invitation=Invited.model_validate(sent)))


@bp.put("/facilities/<uuid:facility_id>/invitation")
@requires("write")
@operation(tag=_TAG, body=InviteOperator, answer=InvitationAnswer, fails=(403, 404, 409, 422, 429))
def change_invitation(json: InviteOperator, facility_id: UUID) -> Response:
    """Invite another address instead; the link sent before is good no more."""
    sent = invitations.change_email(
        current_runtime(), facility_id, email=json.email, actor=current_actor()
    )
    return answer(InvitationAnswer(invitation=Invited.model_validate(sent)))


@bp.delete("/facilities/<uuid:facility_id>/invitation")
@requires("write")
@operation(tag=_TAG, status=204, fails=(404,))
def withdraw_invitation(facility_id: UUID) -> Response:
    """Take the open invitation back."""
    invitations.withdraw(current_runtime(), facility_id, actor=current_actor())
    return Response(status=204)


@bp.get("/invitations/<secret>")
@public
@operation(tag=_TAG, answer=InvitationStateAnswer)
def look_at_invitation(secret: str) -> Response:
    """Say how an invitation stands. Looking never uses it up."""
    found = invitations.look(current_runtime(), secret)
    facility = found.facility
    return answer(
        InvitationStateAnswer(
            state=found.state,
            message=found.words,
            facility=InvitedFacilityAnswer.model_validate(facility) if facility else None,
            email=found.email,
            expires_at=found.expires_at,
            is_new_person=found.is_new_person,
        )
    )


@bp.post("/invitations/<secret>/accept")
@public
@operation(tag=_TAG, body=AcceptInvitation, answer=AcceptedAnswer, fails=(403, 409, 422))
def accept_invitation(json: AcceptInvitation, secret: str) -> Response:
    """Become the facility's operator. Works once."""
    del json
    accepted = invitations.accept(
        current_runtime(),
        secret,
        ip=request.remote_addr,
        user_agent=request.headers.get("User-Agent"),
    )
    response = answer(
        AcceptedAnswer(
            person_id=accepted.person.id,
            email=accepted.person.email,
            facility_id=accepted.facility_id,
            is_signed_in=accepted.session_secret is not None,
        )
    )
    if accepted.session_secret is None:
        return response
    return sessions.give(response, accepted.session_secret)
