"""What is asked and answered about coverage: a year of a meter, and one day's history."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import Field, PlainSerializer

from dcarbon.domain.coverage import REASONS
from dcarbon.services.coverage_calendar import Calendar, CalendarDay, ChannelDay
from dcarbon.services.day_histories import ChannelOfDay, DayHistory, Statement
from dcarbon.services.payload_views import PayloadView
from dcarbon_api.fields import AnswerModel, RequestModel

Exact = Annotated[Decimal, PlainSerializer(lambda value: f"{value:f}", str)]
"""A quantity as an exact decimal text."""
_STATE = "not_due, not_asked, asked_empty, partial, complete, estimated or restated."


class CoverageQuery(RequestModel):
    """Which meter and year; without them the first meter with readings, and this year."""

    meter: UUID | None = None
    channel: UUID | None = Field(default=None, description="Only this channel of the meter.")
    year: int | None = Field(default=None, ge=2000, le=2200, examples=[2026])


class CoverageOfChannel(AnswerModel):
    """One channel on one local day; counts are of intervals."""

    channel_id: UUID
    direction: str
    unit: str
    state: str = Field(description=_STATE)
    expected: int
    present: int
    estimated: int
    restated: int
    asked_at: datetime | None

    @classmethod
    def of_channel(cls, one: ChannelDay) -> CoverageOfChannel:
        return cls.model_validate(one)


class CoverageOfOneDay(AnswerModel):
    """One local day: the channel that lacks most decides its state."""

    day: date
    hours: float = Field(description="23 or 25 where clocks change.")
    state: str = Field(description=_STATE)
    reason: str
    next_step: str
    channels: list[CoverageOfChannel]

    @classmethod
    def of_day(cls, one: CalendarDay) -> CoverageOfOneDay:
        return cls(
            day=one.day,
            hours=one.length.total_seconds() / 3600,
            state=one.state,
            reason=REASONS[one.state],
            next_step=one.next_step,
            channels=[CoverageOfChannel.of_channel(each) for each in one.channels],
        )


class CoverageAnswer(AnswerModel):
    """A year of a meter up to today. Without a meter there are no days."""

    facility_id: UUID
    meter_id: UUID | None
    time_zone: str | None = Field(description="The meter's, for local days.")
    year: int
    due: int = Field(description="Days the utility has had time to publish.")
    covered: int = Field(description="Due days of which all readings are here.")
    by_state: dict[str, int]
    days: list[CoverageOfOneDay]

    @classmethod
    def of_calendar(cls, calendar: Calendar) -> CoverageAnswer:
        meter, counted = calendar.site.meter, calendar.summary
        return cls(
            facility_id=calendar.site.facility_id,
            meter_id=meter.id if meter else None,
            time_zone=meter.time_zone if meter else None,
            year=calendar.year,
            due=counted.due,
            covered=counted.covered,
            by_state={state.value: number for state, number in counted.by_state.items()},
            days=[CoverageOfOneDay.of_day(day) for day in calendar.days],
        )


class Missing(AnswerModel):
    """A stretch of time `[start, end)` of which no reading tells."""

    start: datetime
    end: datetime


class ChannelOnDay(AnswerModel):
    """One channel on the day. The readings themselves are at `/intervals`."""

    channel_id: UUID
    direction: str
    unit: str
    measure: str
    readings: int
    total: Exact | None = Field(description="In `unit`; null where readings must not be summed.")
    missing: list[Missing]
    coverage: CoverageOfChannel | None

    @classmethod
    def of_channel(cls, one: ChannelOfDay) -> ChannelOnDay:
        return cls(
            channel_id=one.channel.id,
            direction=one.channel.direction,
            unit=one.channel.unit,
            measure=one.channel.measure,
            readings=len(one.readings),
            total=one.total,
            missing=[Missing(start=start, end=end) for start, end in one.missing],
            coverage=CoverageOfChannel.of_channel(one.coverage) if one.coverage else None,
        )


class ChangedReading(AnswerModel):
    """One reading stated as another quantity, in the channel's unit."""

    channel_id: UUID
    start: datetime
    old: Exact
    new: Exact


class StatementOfDay(AnswerModel):
    """What one write changed. Counts are readings, by channel."""

    recorded_at: datetime
    payload_ids: list[UUID]
    filled: dict[UUID, int] = Field(description="Readings that were missing before.")
    requalified: dict[UUID, int] = Field(description="The same quantity, another quality.")
    changes: list[ChangedReading]

    @classmethod
    def of_statement(cls, one: Statement) -> StatementOfDay:
        return cls(
            recorded_at=one.recorded_at,
            payload_ids=list(one.payload_ids),
            filled=dict(one.filled),
            requalified=dict(one.requalified),
            changes=[ChangedReading.model_validate(each) for each in one.changes],
        )


class Payload(AnswerModel):
    """What the utility sent, by its hash; the bytes are an administrator's to see."""

    id: UUID
    sha256: str
    byte_count: int
    media_type: str
    source: str
    received_at: datetime

    @classmethod
    def of_payload(cls, one: PayloadView) -> Payload:
        return cls.model_validate(one)


class CoverageDayAnswer(AnswerModel):
    """One local day `[start, end)` of a meter; statements are oldest first."""

    facility_id: UUID
    meter_id: UUID
    time_zone: str
    start: datetime
    end: datetime
    coverage: CoverageOfOneDay
    channels: list[ChannelOnDay]
    statements: list[StatementOfDay]
    payloads: list[Payload]

    @classmethod
    def of_history(cls, found: DayHistory) -> CoverageDayAnswer:
        return cls(
            facility_id=found.site.facility_id,
            meter_id=found.meter.id,
            time_zone=found.meter.time_zone,
            start=found.start,
            end=found.end,
            coverage=CoverageOfOneDay.of_day(found.coverage),
            channels=[ChannelOnDay.of_channel(one) for one in found.channels],
            statements=[StatementOfDay.of_statement(one) for one in found.statements],
            payloads=[Payload.of_payload(one) for one in found.payloads.values()],
        )
