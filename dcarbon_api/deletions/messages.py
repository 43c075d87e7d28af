"""What is asked and answered about requests for deletion."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field

from dcarbon.domain.deletion_words import DeletionState
from dcarbon_api.fields import AnswerModel, Line, RequestModel


class DeletionAnswer(AnswerModel):
    """A request for deletion. Times are UTC."""

    id: UUID
    state: DeletionState = Field(description="asked and approved can be taken back.")
    asked_at: datetime
    due_at: datetime | None = Field(
        description="When it is carried out if nobody decides; null: only an administrator decides."
    )
    decided_at: datetime | None
    reason: str | None = Field(description="Why it was declined.")
    started_at: datetime | None
    erased_at: datetime | None
    done_at: datetime | None
    receipt_sha256: str | None


class GoingAnswer(AnswerModel):
    """A facility that is deleted with its owner."""

    id: UUID
    name: str
    others: int = Field(description="Other people with a role there; they are told by mail.")
    readings: int
    payloads: int
    reported: tuple[date, ...] = Field(
        description="Reported months: their readings and answers are kept."
    )


class LeftAnswer(AnswerModel):
    """A facility that stays with another owner."""

    id: UUID
    name: str
    ends_access: bool = Field(description="A consent that the person gave there ends.")


class PlanAnswer(AnswerModel):
    """What carrying it out would do, as things stand."""

    going: tuple[GoingAnswer, ...]
    left: tuple[LeftAnswer, ...]


class OwnDeletionAnswer(AnswerModel):
    """One's own latest request, and what deleting means."""

    request: DeletionAnswer | None
    plan: PlanAnswer


class AdminDeletionAnswer(DeletionAnswer):
    """A request as administrators see it."""

    person_id: UUID
    address: str | None = Field(description="Null once the person is forgotten.")
    decided_by: UUID | None


class AdminPlannedAnswer(AdminDeletionAnswer):
    """A request with what it would do; without a plan once it has begun or ended."""

    plan: PlanAnswer | None


class AdminDeletionsAnswer(AnswerModel):
    """Requests, the newest first."""

    requests: list[AdminDeletionAnswer]
    next_after: UUID | None = Field(description="Ask with after= this for the next page.")


class DeletionsQuery(RequestModel):
    """Which requests: in these states, or all."""

    state: list[DeletionState] = Field(default_factory=list)
    after: UUID | None = None


class Declined(RequestModel):
    """Why nothing is deleted; the person reads it."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "A dispute about a report is open."}]}
    )

    reason: Annotated[Line, Field(min_length=1)]
