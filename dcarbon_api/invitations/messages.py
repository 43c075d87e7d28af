"""What is asked and answered about invitations of operators."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import ConfigDict, Field

from dcarbon_api.facilities.messages import Invited
from dcarbon_api.fields import AnswerModel, Line, RequestModel


class InviteOperator(RequestModel):
    """Whom to ask."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"email": "operator@example.com"}]})

    email: Line = Field(description="Where the link goes.")


class InvitationAnswer(AnswerModel):
    """The facility's open invitation, if there is one."""

    invitation: Invited | None


class InvitedFacilityAnswer(AnswerModel):
    """What an invited person sees of the facility before accepting."""

    id: UUID
    name: str
    address: str
    owner: str


class InvitationStateAnswer(AnswerModel):
    """How an invitation stands."""

    state: str = Field(
        description="good, accepted, expired, replaced, withdrawn or unknown.", examples=["good"]
    )
    message: str | None = Field(description="What happened and what to do, unless it is good.")
    facility: InvitedFacilityAnswer | None
    email: str | None
    expires_at: datetime | None
    is_new_person: bool = Field(description="Accepting makes an account.")


class AcceptInvitation(RequestModel):
    """Nothing needs to be said: the link says it all."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}]})


class AcceptedAnswer(AnswerModel):
    """The invited person is the facility's operator now; the answer's cookie signs them in."""

    person_id: UUID
    email: str
    facility_id: UUID
    is_signed_in: bool = Field(description="`false` for administrators, who sign in as always.")
