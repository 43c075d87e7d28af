"""What is asked and answered about meters."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import Field, model_validator

from dcarbon_api.fields import AnswerModel, RequestModel


class MetersQuery(RequestModel):
    """Whose meters: of a facility, of an authorization, or of both together."""

    facility_id: UUID | None = None
    authorization: UUID | None = Field(default=None, description="An authorization's id.")

    @model_validator(mode="after")
    def _one_at_least(self) -> Self:
        if self.facility_id is None and self.authorization is None:
            msg = "needs facility_id or authorization"
            raise ValueError(msg)
        return self


class Channel(AnswerModel):
    """One direction of a meter in one unit."""

    id: UUID
    direction: str = Field(examples=["delivered", "received", "net"])
    unit: str = Field(examples=["Wh"])
    commodity: str = Field(examples=["electricity"])
    measure: str = Field(description="Only usage may be summed over time.", examples=["usage"])
    interval_s: list[int] = Field(description="Interval lengths in seconds; 0 for billing periods.")
    first_start: datetime | None
    last_end: datetime | None


class Meter(AnswerModel):
    """A meter as the utility describes it."""

    id: UUID
    facility_id: UUID
    authorization_id: UUID | None
    provider: str
    utility: str
    external_id: str
    commodity: str
    meter_numbers: list[str]
    service_address: str | None
    account_id: str | None
    service_class: str | None
    tariff: str | None
    time_zone: str
    blocks: dict[str, Any]
    channels: list[Channel]


class MetersAnswer(AnswerModel):
    meters: list[Meter]
