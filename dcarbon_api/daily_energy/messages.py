"""What is asked and answered about daily totals."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from pydantic import Field

from dcarbon_api.fields import AnswerModel, RequestModel


class DailyEnergyQuery(RequestModel):
    """Which meter, from which local day to which."""

    meter_id: UUID
    start: date = Field(description="The first local day at the meter.", examples=["2026-01-01"])
    end: date = Field(description="The local day after the last.", examples=["2026-02-01"])


class ChannelDays(AnswerModel):
    """One channel's days: parallel lists, oldest first. Days without a reading are absent."""

    channel_id: UUID
    direction: str = Field(examples=["delivered", "received", "net"])
    unit: str = Field(examples=["Wh"])
    commodity: str
    label: str = Field(description="Tells apart a phase or price period; mostly empty.")
    exponent: int = Field(description="A quantity is value * 10 ** exponent, exactly.")
    days: list[date] = Field(description="Local days at the meter: 23, 24 or 25 hours long.")
    values: list[int] = Field(description="The sum of the day's readings, estimated ones too.")
    estimated_values: list[int] = Field(description="The part that the utility estimated.")
    readings: list[int] = Field(description="How many readings the day has.")
    expected: list[int] = Field(description="How many it would have if none were missing.")


class DailyEnergyAnswer(AnswerModel):
    """Daily totals of one meter, of each channel that can be added up."""

    meter_id: UUID
    time_zone: str = Field(description="The meter's: its days are days there.")
    start: date
    end: date
    channels: list[ChannelDays]
