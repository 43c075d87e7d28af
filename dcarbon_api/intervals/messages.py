"""What is asked and answered about readings, in both layouts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, RootModel, StringConstraints

from dcarbon_api.fields import AnswerModel, RequestModel

_Instant = Annotated[str, StringConstraints(max_length=64)]


class IntervalsQuery(RequestModel):
    """Which meter, from when to when, in which layout."""

    meter_id: UUID
    start: _Instant = Field(
        description="A time with an offset, or a date: local midnight at the meter.",
        examples=["2026-01-01", "2026-01-01T00:00:00-08:00"],
    )
    end: _Instant = Field(description="As start; not part of the range.", examples=["2026-02-01"])
    layout: Literal["columns", "rows"] = Field(
        default="columns", description="columns is compact and fast, rows easy to read."
    )


class _Series(AnswerModel):
    channel_id: UUID
    direction: str = Field(examples=["delivered", "received", "net"])
    unit: str = Field(examples=["Wh"])
    commodity: str
    measure: str
    exponent: int = Field(description="A quantity is value * 10 ** exponent, exactly.")


class GridSeries(_Series):
    """Readings on a regular grid: number n begins at start + n * interval_s."""

    interval_s: int = Field(gt=0)
    start: datetime | None = Field(description="Where the first value begins.")
    values: list[int | None] = Field(description="null where a reading is missing, never zero.")
    qualities: int | list[int | None] | None = Field(
        description="ESPI quality: one number for all values, or one each; null: not told."
    )


class PeriodSeries(_Series):
    """Readings that fit no grid, as billing months: parallel arrays."""

    start: list[datetime]
    duration_s: list[int]
    value: list[int]
    qualities: int | list[int | None] | None


class _Answer(AnswerModel):
    meter_id: UUID
    time_zone: str = Field(description="The meter's, for local days.")
    start: datetime
    end: datetime


class IntervalColumns(_Answer):
    """The columnar layout."""

    layout: Literal["columns"]
    series: list[GridSeries]
    periods: list[PeriodSeries]


class IntervalRow(AnswerModel):
    """One reading."""

    start: datetime
    end: datetime
    value: str = Field(description="The quantity as an exact decimal.", examples=["0.25"])
    unit: str
    direction: str
    measure: str
    quality: int | None
    channel_id: UUID


class IntervalRows(_Answer):
    """The row layout, in order of time."""

    layout: Literal["rows"]
    readings: list[IntervalRow]


class IntervalsAnswer(
    RootModel[Annotated[IntervalColumns | IntervalRows, Field(discriminator="layout")]]
):
    """Readings in the layout asked for."""
