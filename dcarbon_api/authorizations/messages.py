"""What is asked and answered about ending and changing authorizations."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ConfigDict, Field

from dcarbon_api.fields import AnswerModel, Line, RequestModel, Word


class EndAuthorization(RequestModel):
    """Why it is ended, if you want to say."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "We are moving out."}]})

    reason: Line = Field(default="", description="Administrators have to say why.")
    land_first: bool = Field(
        default=False,
        description="Whether readings that are outstanding are still fetched before the provider "
        "is told. Otherwise nothing is fetched from now on.",
    )


class EndedAnswer(AnswerModel):
    """What ending did: access here has stopped; the provider may have to be told still."""

    authorization_id: UUID
    facility_id: UUID
    is_ending_at_provider: bool


class ChangeProvider(RequestModel):
    """A change of the facility's utility. Afterwards start the new authorization."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"reason": "The site changed hands.", "new_utility": "SCE"}]
        }
    )

    reason: Line = ""
    new_utility: Word | None = Field(
        default=None, description="What people will read as the next one, if it is known."
    )


class ChangePreviewAnswer(AnswerModel):
    """What a change would end and what it keeps."""

    facility_id: UUID
    facility_name: str
    can_change: bool = Field(description="`false`: nothing is in force; just choose a utility.")
    method: str | None
    utility: str | None
    status: str | None
    authorized_at: datetime | None
    last_sync: datetime | None
    meters_kept: int
    readings_from: datetime | None
    readings_to: datetime | None
    is_behind: bool = Field(
        description="Readings are outstanding. They are not fetched once the access has ended: "
        "collect first."
    )
    ends_at_provider: bool


class ChangedAnswer(AnswerModel):
    """What was ended. The facility is pending until another utility is authorized."""

    facility_id: UUID
    revoked: list[EndedAnswer]


class CollectingAnswer(AnswerModel):
    """The newest readings were asked for; `progress` of the facility shows how far it is."""

    facility_id: UUID
    progress: dict[str, Any]
