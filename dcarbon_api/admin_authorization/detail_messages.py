"""One authorization in full, as administrators' programs read it. Times are UTC."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from dcarbon.domain import admin_status
from dcarbon.services.authorization_details import AuthorizationDetail
from dcarbon.services.authorization_meters import MeterSummary
from dcarbon_api.admin_authorization.messages import (
    PayloadsAnswer,
    ProgressAnswer,
    RetryWay,
    SyncAttemptsAnswer,
    TaskAnswer,
)
from dcarbon_api.fields import AnswerModel


class FacilityOfDetail(AnswerModel):
    id: UUID
    name: str
    time_zone: str


class PersonOfDetail(AnswerModel):
    id: UUID
    name: str
    email: str
    role: str | None = Field(description="`null`: asked for it and has no role here any more.")
    since: datetime | None
    is_asker: bool


class ScopeAnswer(AnswerModel):
    """What was granted; `text` as the provider stated it."""

    text: str | None
    has_intervals: bool | None
    has_customer: bool | None


class StepAnswer(AnswerModel):
    """One step of the timeline."""

    at: datetime
    status: str | None = Field(description="The state it led to; `null`: that did not change.")
    title: str
    reason: str
    code: str | None
    who: str
    attempt: int | None


class TryAnswer(AnswerModel):
    """One way to the utility's page and back."""

    number: int
    who: str
    started_at: datetime
    came_back_at: datetime | None
    code: str | None


class NewestAnswer(AnswerModel):
    """The newest readings of a channel: of the 24 hours that end with the meter's last one."""

    channel_id: UUID
    unit: str
    start: datetime
    duration_s: int
    quantity: str = Field(description="Of the newest reading, as an exact decimal.")
    readings: int
    total: str = Field(description="Of these 24 hours, as an exact decimal.")


class CoverageOfDetail(AnswerModel):
    """Local days of a meter in one state, as last counted."""

    state: str
    days: int
    first: date
    last: date


class MeterOfDetail(AnswerModel):
    id: UUID
    external_id: str
    meter_numbers: list[str]
    commodity: str
    time_zone: str
    channels: list[ChannelOfDetail]
    newest: list[NewestAnswer]
    coverage: list[CoverageOfDetail]

    @classmethod
    def of(cls, summary: MeterSummary) -> MeterOfDetail:
        meter = summary.meter
        return cls(
            id=meter.id,
            external_id=meter.external_id,
            meter_numbers=list(meter.meter_numbers),
            commodity=meter.commodity,
            time_zone=meter.time_zone,
            channels=[ChannelOfDetail.model_validate(one) for one in meter.channels],
            newest=[
                NewestAnswer(
                    channel_id=one.channel_id,
                    unit=one.unit,
                    start=one.start,
                    duration_s=one.duration_s,
                    quantity=f"{one.quantity:f}",
                    readings=one.readings,
                    total=f"{one.total:f}",
                )
                for one in summary.newest
            ],
            coverage=[CoverageOfDetail.model_validate(one) for one in summary.counted],
        )


class ChannelOfDetail(AnswerModel):
    id: UUID
    direction: str
    unit: str
    measure: str
    first_start: datetime | None
    last_end: datetime | None


class EntryOfDetail(AnswerModel):
    """One audit entry."""

    seq: int
    at: datetime
    event: str
    who: str
    ip: str | None
    details: dict[str, Any]
    hash: str


class DetailAnswer(AnswerModel):
    """Everything about one authorization; of each list the newest."""

    id: UUID
    facility: FacilityOfDetail
    people: list[PersonOfDetail]
    method: str
    provider: str
    utility: str
    auth_id: str | None
    status: str = Field(examples=["active", "ending_at_provider"])
    status_label: str = Field(examples=["Active", "Ending at the provider"])
    status_at: datetime
    reason: str | None
    reason_code: str | None
    collecting: str = Field(examples=["ok", "delayed", "blocked", "late", "off"])
    created_at: datetime
    authorized_at: datetime | None
    consent_ends_at: datetime | None
    last_sync: datetime | None
    scope: ScopeAnswer
    retry: RetryWay | None = Field(description="What a retry would do; `null`: nothing to retry.")
    timeline: list[StepAnswer]
    attempts_to_authorize: list[TryAnswer]
    meters: list[MeterOfDetail]
    tasks: list[TaskAnswer]
    sync_attempts: SyncAttemptsAnswer
    payloads: PayloadsAnswer
    audit_entries: list[EntryOfDetail]
    audit_entries_total: int

    @classmethod
    def of(cls, detail: AuthorizationDetail) -> DetailAnswer:
        row, timeline = detail.authorization, detail.timeline
        return cls(
            id=row.id,
            facility=FacilityOfDetail.model_validate(detail.facility),
            people=[PersonOfDetail.model_validate(one) for one in detail.people],
            method=row.method,
            provider=row.provider,
            utility=row.utility,
            auth_id=row.external_id,
            status=detail.status,
            status_label=admin_status.LABELS[detail.status],
            status_at=row.status_at,
            reason=row.reason,
            reason_code=row.reason_code,
            collecting=detail.collecting,
            created_at=row.created_at,
            authorized_at=row.authorized_at,
            consent_ends_at=row.consent_ends_at,
            last_sync=row.last_sync,
            scope=ScopeAnswer.model_validate(detail.scope),
            retry=detail.retry.value if detail.retry else None,
            timeline=[StepAnswer.model_validate(one) for one in timeline.steps],
            attempts_to_authorize=[TryAnswer.model_validate(one) for one in timeline.attempts],
            meters=[MeterOfDetail.of(one) for one in detail.meters],
            tasks=ProgressAnswer.of(detail.underway).tasks,
            sync_attempts=SyncAttemptsAnswer.of(detail.attempts),
            payloads=PayloadsAnswer.of(detail.payloads),
            audit_entries=[EntryOfDetail.model_validate(one) for one in detail.entries.items],
            audit_entries_total=detail.entries.total,
        )
