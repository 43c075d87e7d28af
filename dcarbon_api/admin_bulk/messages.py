"""What is asked and answered about bulk actions."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import Field

from dcarbon.domain.bulk_actions import MOST, STAGES, BulkKind, Effect, Stage
from dcarbon.services.bulk_previews import BulkPreview
from dcarbon.services.bulk_progress import BulkProgress
from dcarbon_api.fields import AnswerModel, Line, RequestModel


class BulkPreviewRequest(RequestModel):
    """What is wanted, and of which authorizations."""

    kind: BulkKind
    authorization_ids: list[UUID] = Field(min_length=1, max_length=MOST)


class BulkRequest(BulkPreviewRequest):
    """The same, meant."""

    reason: Line = Field(
        default="", description="Needed to revoke: the people of the facilities read it."
    )


class ForeseenAnswer(AnswerModel):
    """What would become of one."""

    authorization_id: UUID
    facility_name: str
    effect: Effect | None = Field(description="`null`: it would be refused.")
    refusal: str | None = Field(description="The code it would be refused with.")


class LossesAnswer(AnswerModel):
    """What ending the accesses stops or deletes. Readings collected so far are kept."""

    facilities: int
    meters: int
    copies_at_utilityapi: int
    people_told: int


class BulkPreviewAnswer(AnswerModel):
    """What would happen. Nothing has."""

    kind: BulkKind
    doable: int
    losses: LossesAnswer | None
    items: list[ForeseenAnswer]

    @classmethod
    def of(cls, preview: BulkPreview) -> BulkPreviewAnswer:
        items = [
            ForeseenAnswer(
                authorization_id=one.authorization.id,
                facility_name=one.authorization.facility_name,
                effect=one.effect,
                refusal=one.refusal,
            )
            for one in preview.items
        ]
        losses = LossesAnswer.model_validate(preview.losses) if preview.losses else None
        return cls(kind=preview.kind, doable=preview.doable, losses=losses, items=items)


class BulkItemAnswer(AnswerModel):
    """How far one has come."""

    authorization_id: UUID
    facility_name: str
    stage: Stage
    words: str
    code: str | None = Field(description="Why it was refused, or why the last try failed.")
    tries: int
    next_try_at: datetime | None


class BulkAnswer(AnswerModel):
    """A bulk action as it stands."""

    id: UUID
    kind: BulkKind
    reason: str
    requested_at: datetime
    finished_at: datetime | None = Field(
        description="When all was asked for here; providers may take longer."
    )
    settled: int = Field(description="How many nothing will change at by itself.")
    items: list[BulkItemAnswer]

    @classmethod
    def of(cls, progress: BulkProgress) -> BulkAnswer:
        items = [
            BulkItemAnswer(
                authorization_id=one.authorization.id,
                facility_name=one.authorization.facility_name,
                stage=one.stage,
                words=STAGES[one.stage],
                code=one.code,
                tries=one.tries,
                next_try_at=one.next_try_at,
            )
            for one in progress.items
        ]
        return cls(
            id=progress.id,
            kind=progress.kind,
            reason=progress.reason,
            requested_at=progress.requested_at,
            finished_at=progress.finished_at,
            settled=progress.settled,
            items=items,
        )
