"""What a chart of readings asks for and is answered."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from dcarbon.domain.reading_ranges import Asked, Preset, Step
from dcarbon_api.fields import AnswerModel, RequestModel

MOST_POINTS = 200_000

_Instant = Annotated[str, StringConstraints(max_length=64)]


class ChartQuery(RequestModel):
    """Which readings, and in how many points."""

    meter: UUID | None = Field(
        default=None, description="A meter's id; else the first that has readings."
    )
    start: _Instant = Field(
        default="",
        description="A date (local midnight at the meter), a time on the meter's clock, or an ISO "
        "8601 instant with an offset. Needs end, too.",
        examples=["2026-01-01T00:00"],
    )
    end: _Instant = Field(default="", description="As start; not part of the range.")
    preset: Preset | None = Field(
        default=None,
        description="Without start and end: this long, up to the last day that has readings.",
    )
    step: Step | None = Field(default=None, description="Without it, what suits the range.")
    points: int = Field(
        default=2400,
        ge=4,
        le=MOST_POINTS,
        description="About how many points of a line at most; peaks, troughs and gaps stay.",
    )

    @property
    def asked(self) -> Asked:
        return Asked(self.start, self.end, self.preset)


class ClockSpan(AnswerModel):
    """From `start` on, the meter's clock shows UTC + `offset_s`."""

    start: datetime
    offset_s: int
    name: str = Field(examples=["PDT"])


class ChartLine(AnswerModel):
    """One channel. Value n is of step n."""

    channel_id: UUID
    direction: str = Field(examples=["delivered", "received", "net"])
    label: str = Field(description="Tells apart channels that are otherwise the same.")
    name: str = Field(examples=["From the grid"])
    is_below: bool = Field(description="Drawn below the axis.")
    exponent: int = Field(description="A quantity is value * 10 ** exponent, exactly.")
    values: list[int | None] = Field(description="null where a reading is missing, never zero.")
    partial: list[int] = Field(description="Places of steps of which some readings are missing.")
    estimated: list[int] = Field(description="Places of steps with estimated readings.")


class ChartPanel(AnswerModel):
    """Lines of one unit over the same steps."""

    unit: str = Field(examples=["kWh"])
    commodity: str
    measure: str
    step: Literal["readings", "hour", "day"]
    is_bills: bool = Field(description="Its readings are longer than a day.")
    is_thinned: bool = Field(description="Some steps are left out.")
    starts: list[int] = Field(
        description="Where the steps start, seconds since 1970 UTC; a gap of all lines is one."
    )
    end: int = Field(description="Where the last step ends.")
    lines: list[ChartLine]


class ChartAnswer(AnswerModel):
    """Readings of one meter, as a chart draws them."""

    meter_id: UUID
    time_zone: str
    start: datetime
    end: datetime
    step: Literal["readings", "hour", "day"] = Field(description="Asked for, or what suits.")
    clock: list[ClockSpan]
    panels: list[ChartPanel]
