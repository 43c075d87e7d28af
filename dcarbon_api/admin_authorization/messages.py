"""What is asked about one authorization, and answered about what is under way and what came.

All of it in one answer is in ``detail_messages``. Times are UTC.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from dcarbon.domain import task_words
from dcarbon.services.authorization_details import Underway
from dcarbon.services.authorization_tasks import Task
from dcarbon.services.authorization_traces import LandedView, Listed, SyncAttemptView
from dcarbon_api.fields import AnswerModel, Line, RequestModel
from dcarbon_api.paging import PageQuery, opaque

RetryWay = Literal["asking", "looking_again", "collecting"]


class TraceQuery(PageQuery):
    """Which part of a list."""


class NewRepull(RequestModel):
    """A range to be fetched again."""

    start: Line = Field(
        description="A time with an offset, or a date: local midnight at the utility.",
        examples=["2026-03-01"],
    )
    end: Line = Field(
        default="",
        description="As start; not part of the range. Empty: until now.",
        examples=["2026-04-01"],
    )


class RepullAnswer(AnswerModel):
    """The work order that fetches the range. `progress` of the authorization follows it."""

    order_id: UUID
    authorization_id: UUID
    start: datetime
    end: datetime
    is_new: bool = Field(description="`false`: the same range is being fetched already.")


class RetriedAnswer(AnswerModel):
    """What starting it again did."""

    authorization_id: UUID
    facility_id: UUID
    status: str
    retries: int
    by: RetryWay | None = Field(description="`null`: the same was asked for within a minute.")


class TaskAnswer(AnswerModel):
    """Something under way, or over for less than a day."""

    id: UUID
    kind: str = Field(examples=["repull", "revoke", "collect", "rotate", "ask"])
    state: str = Field(examples=["waiting", "working", "put_off", "done", "stopped"])
    words: str
    asked_by: str
    asked_at: datetime
    over_at: datetime | None
    start: datetime | None
    end: datetime | None
    attempts: int
    next_try_at: datetime | None
    code: str | None
    percent: int | None
    run_id: str | None = Field(description="Of the last run in Dagster.")

    @classmethod
    def of(cls, task: Task, utility: str) -> TaskAnswer:
        told = task_words.of(task.kind, task.state.value, outcome=task.outcome, utility=utility)
        return cls.model_validate({**{n: getattr(task, n) for n in _OF_TASK}, "words": told})


_OF_TASK = tuple(name for name in TaskAnswer.model_fields if name != "words")


class ProgressAnswer(AnswerModel):
    """What is under way for an authorization."""

    authorization_id: UUID
    status: str
    tasks: list[TaskAnswer]

    @classmethod
    def of(cls, underway: Underway) -> ProgressAnswer:
        return cls(
            authorization_id=underway.authorization_id,
            status=underway.status,
            tasks=[TaskAnswer.of(one, underway.utility) for one in underway.tasks],
        )


class SyncAttemptAnswer(AnswerModel):
    """One try to collect."""

    id: UUID
    started_at: datetime
    finished_at: datetime | None
    asked_by: str
    kind: str
    error_code: str | None
    next_try_at: datetime | None
    payloads: int
    readings: int
    restated: int
    unreadable: int
    run_id: str | None


class PayloadAnswer(AnswerModel):
    """The record of one answer of the provider. Its bytes have an address of their own."""

    id: UUID
    sha256: str
    byte_count: int
    media_type: str
    source: str
    received_at: datetime
    state: str
    readings: int
    warnings: int
    error_code: str | None
    erased_at: datetime | None = Field(description="Since when its bytes are not kept any more.")


class SyncAttemptsAnswer(AnswerModel):
    attempts: list[SyncAttemptAnswer]
    total: int
    next: str | None

    @classmethod
    def of(cls, listed: Listed[SyncAttemptView]) -> SyncAttemptsAnswer:
        shown = [SyncAttemptAnswer.model_validate(one) for one in listed.items]
        return cls(attempts=shown, total=listed.total, next=_next(listed))


class PayloadsAnswer(AnswerModel):
    payloads: list[PayloadAnswer]
    total: int
    next: str | None

    @classmethod
    def of(cls, listed: Listed[LandedView]) -> PayloadsAnswer:
        shown = [PayloadAnswer.model_validate(one) for one in listed.items]
        return cls(payloads=shown, total=listed.total, next=_next(listed))


def _next(listed: Listed[Any]) -> str | None:
    return opaque(UUID(listed.next_after)) if listed.next_after else None
