"""What is asked and answered about readings a utility stated differently later."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from dcarbon.services.payload_views import PayloadView
from dcarbon.services.restatement_views import Changes, ChannelTotals, Difference
from dcarbon_api.changes.page import Slice
from dcarbon_api.coverage.messages import Exact
from dcarbon_api.fields import AnswerModel, RequestModel

_Instant = Annotated[str, StringConstraints(max_length=64)]


class ChangesQuery(RequestModel):
    """Which meter and readings; without a range, the meter's last year."""

    meter: UUID | None = None
    start: _Instant = Field(
        default="", description="A date (local midnight at the meter) or a time with an offset."
    )
    end: _Instant = Field(default="", description="As start; not part of the range.")
    reported_on: _Instant = Field(
        default="",
        description="Compare with what was known at the end of this date, or at this instant; "
        "without it, just before the first change.",
        examples=["2026-03-05"],
    )
    page: int = Field(default=1, ge=1, description="Of the differences, 100 a page.")


class DifferenceOfReading(AnswerModel):
    """One reading stated as another quantity, in the channel's unit."""

    channel_id: UUID
    direction: str
    unit: str
    start: datetime
    old: Exact
    new: Exact
    difference: Exact
    recorded_at: datetime
    old_payload_sha256: str | None
    new_payload_sha256: str | None

    @classmethod
    def of_difference(
        cls, one: Difference, payloads: Mapping[UUID, PayloadView]
    ) -> DifferenceOfReading:
        old, new = (payloads.get(each) for each in (one.old_payload_id, one.new_payload_id))
        return cls(
            channel_id=one.channel.id,
            direction=one.channel.direction,
            unit=one.channel.unit,
            start=one.start,
            old=one.old,
            new=one.new,
            difference=one.difference,
            recorded_at=one.recorded_at,
            old_payload_sha256=old.sha256 if old else None,
            new_payload_sha256=new.sha256 if new else None,
        )


class ComparedTotal(AnswerModel):
    """One local day, or one month from its first day on; null: nothing was known."""

    first: date
    reported: Exact | None
    today: Exact | None
    difference: Exact


class TotalsOfChannel(AnswerModel):
    """Totals of one channel, in its unit. Days that are the same are left out."""

    channel_id: UUID
    direction: str
    unit: str
    months: list[ComparedTotal]
    different_days: list[ComparedTotal]

    @classmethod
    def of_totals(cls, one: ChannelTotals) -> TotalsOfChannel:
        return cls(
            channel_id=one.channel.id,
            direction=one.channel.direction,
            unit=one.channel.unit,
            months=[ComparedTotal.model_validate(each) for each in one.months],
            different_days=[ComparedTotal.model_validate(each) for each in one.different_days],
        )


class ChangesAnswer(AnswerModel):
    """What was restated in `[start, end)`, the last recorded first."""

    facility_id: UUID
    meter_id: UUID | None
    time_zone: str | None
    start: datetime | None
    end: datetime | None
    reported_at: datetime | None = Field(
        description="The time whose knowledge is compared with today's."
    )
    totals: list[TotalsOfChannel]
    count: int = Field(description="Of all differences.")
    page: int
    pages: int
    differences: list[DifferenceOfReading]

    @classmethod
    def of_changes(
        cls, found: Changes, shown: Slice, payloads: Mapping[UUID, PayloadView]
    ) -> ChangesAnswer:
        meter, span = found.site.meter, found.span
        return cls(
            facility_id=found.site.facility_id,
            meter_id=meter.id if meter else None,
            time_zone=meter.time_zone if meter else None,
            start=span.start if span else None,
            end=span.end if span else None,
            reported_at=found.reported_at,
            totals=[TotalsOfChannel.of_totals(one) for one in found.totals],
            count=len(found.differences),
            page=shown.page,
            pages=shown.count,
            differences=[DifferenceOfReading.of_difference(one, payloads) for one in shown.rows],
        )
