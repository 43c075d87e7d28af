"""What is asked about exports, and what one is said to hold."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from dcarbon.services.exports import Format
from dcarbon.services.exports_plan import Wish
from dcarbon_api.fields import AnswerModel, RequestModel

_Instant = Annotated[str, StringConstraints(max_length=64)]


_FORMATS = (
    "csv; zip (the same beside a text about it: smaller, and never half a file unnoticed); xlsx (a "
    "workbook, of at most three million readings); parquet."
)


class AboutQuery(RequestModel):
    """Which readings: of one meter or a whole facility, from when to when, as known when."""

    meter_id: UUID | None = None
    facility_id: UUID | None = None
    start: _Instant = Field(
        description="A time with an offset, or a date: local midnight at the meter.",
        examples=["2026-01-01", "2026-01-01T00:00:00-08:00"],
    )
    end: _Instant = Field(description="As start; not part of the range.", examples=["2027-01-01"])
    reported_on: _Instant = Field(
        default="",
        description="Readings as they were reported by then, rather than as known today: a time "
        "with an offset, or a date, which means the end of that local day.",
        examples=["2026-03-31"],
    )

    @model_validator(mode="after")
    def _one_at_least(self) -> Self:
        if self.meter_id is None and self.facility_id is None:
            msg = "needs meter_id or facility_id"
            raise ValueError(msg)
        return self

    def wish(self) -> Wish:
        meters = (self.meter_id,) if self.meter_id else ()
        return Wish(self.start, self.end, self.facility_id, meters, self.reported_on)


class ExportQuery(AboutQuery):
    """Which readings, and as what."""

    format: Format = Field(default=Format.CSV, description=_FORMATS)


class ExportedChannel(AnswerModel):
    """One channel and how many readings the export has of it."""

    id: UUID
    name: str
    direction: str
    unit: str
    measure: str = Field(description="Only usage may be summed over time.")
    readings: int


class ExportedMeter(AnswerModel):
    id: UUID
    name: str
    time_zone: str
    start: datetime
    end: datetime
    channels: list[ExportedChannel]


class ExportColumn(AnswerModel):
    name: str
    says: str


class AboutAnswer(AnswerModel):
    """What an export holds."""

    facility_id: UUID
    readings: int
    newest: datetime | None = Field(description="When the newest of it was recorded.")
    file_names: dict[str, str] = Field(description="By format.")
    meters: list[ExportedMeter]
    columns: list[ExportColumn] = Field(description="In the order of the file.")
