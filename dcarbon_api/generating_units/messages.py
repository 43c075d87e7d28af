"""What is asked and answered about generating units, eligibilities and claims."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field, PlainSerializer

from dcarbon.domain.eligibility import CLAIMABLE, Eligibility, Rule
from dcarbon.domain.generating_unit_answers import FUELS
from dcarbon.domain.registries import profiles
from dcarbon.services.claim_checks import NewClaim
from dcarbon.services.eligibility import ChannelStanding, MeterStanding
from dcarbon.services.eligibility_history import Choice
from dcarbon.services.generating_units import UnitView
from dcarbon.services.meter_claims import ClaimView
from dcarbon.services.meters import MeterView
from dcarbon_api.fields import AnswerModel, Line, RequestModel, Word

_Exact = Annotated[Decimal, PlainSerializer(lambda value: f"{value.normalize():f}", str)]
_DAY = "A local day at the meter, included."


class NewUnit(RequestModel):
    """A generating unit, as typed. The registry's ids may follow later."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Roof",
                    "nameplate_kw": "49.5",
                    "commercial_operation_date": "2024-05-31",
                    "fuel": "solar",
                    "registry": "wregis",
                    "registry_id": "W805",
                }
            ]
        }
    )

    name: Line
    nameplate_kw: Line = Field(description="AC capacity in kilowatts.", examples=["49.5"])
    commercial_operation_date: Line = Field(
        description="Nothing before this day can be claimed.", examples=["2024-05-31"]
    )
    fuel: Line = Field(default="solar", examples=list(FUELS))
    registry: Line = Field(examples=list(profiles()))
    registry_id: Line | None = Field(
        default=None, description="The generator's id there.", examples=["W805"]
    )
    reporting_unit_id: Line | None = None

    def answers(self) -> dict[str, str]:
        return {name: value or "" for name, value in self.model_dump(exclude_unset=True).items()}


class UnitChange(RequestModel):
    """Details to change; what is not named stays, `null` clears it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"registry_id": "W805"}]})

    name: Line | None = None
    nameplate_kw: Line | None = Field(default=None, examples=["49.5"])
    commercial_operation_date: Line | None = Field(default=None, examples=["2024-05-31"])
    fuel: Line | None = Field(default=None, examples=list(FUELS))
    registry: Line | None = Field(default=None, examples=list(profiles()))
    registry_id: Line | None = None
    reporting_unit_id: Line | None = None

    def answers(self) -> dict[str, str]:
        """Return what was sent, as it would be typed."""
        return {name: value or "" for name, value in self.model_dump(exclude_unset=True).items()}


class MeterToClaim(RequestModel):
    """Which meter is to count for the unit, how, and on which days."""

    meter_id: UUID
    basis: Word = Field(examples=sorted(CLAIMABLE))
    first_day: date = Field(description=_DAY, examples=["2026-01-01"])
    last_day: date | None = Field(default=None, description=f"{_DAY} `null`: no end is set.")

    def claim(self) -> NewClaim:
        return NewClaim(self.meter_id, self.basis, self.first_day, self.last_day)


class ClaimEnd(RequestModel):
    """From when on the meter counts no more."""

    last_day: date = Field(description=_DAY, examples=["2026-03-31"])


class ChosenEligibility(RequestModel):
    """What a channel may be used for."""

    eligibility: Word = Field(examples=list(Eligibility))
    note: Line = Field(default="", description="What the choice rests on; needed for production.")
    is_production_meter: bool = Field(
        default=False,
        description="You state that the meter measures the AC output of the inverter or "
        "generator. Without it, `production` is refused.",
    )


class SourceAnswer(AnswerModel):
    """A published text a rule rests on."""

    title: str
    where: str
    dated: date | None


class RuleAnswer(AnswerModel):
    """Why a channel is what it is."""

    key: str = Field(examples=["export", "net", "delivered"])
    sentence: str = Field(description="For people.")
    sources: list[SourceAnswer]
    is_confirmed: bool = Field(description="False: the registry's own present text was not seen.")

    @classmethod
    def of(cls, rule: Rule) -> RuleAnswer:
        return cls.model_validate(rule)


class RefusedBasis(AnswerModel):
    """Why a channel cannot be claimed by a basis."""

    basis: str
    code: str = Field(examples=["net_never_claimed"])
    sentence: str


class ChannelEligibilityAnswer(AnswerModel):
    """What one channel may be used for."""

    channel_id: UUID
    meter_id: UUID
    direction: str = Field(examples=["delivered", "received", "net"])
    unit: str
    commodity: str
    measure: str
    proposed: str = Field(examples=list(Eligibility))
    proposed_rule: RuleAnswer
    chosen: str | None = Field(description="`null`: nobody has chosen yet.")
    chosen_rule: RuleAnswer | None
    chosen_by: str | None
    chosen_at: datetime | None
    note: str | None
    counts_as: str | None = Field(description="The basis of a claim it supports now, if any.")
    doubt: str | None = Field(description="Why what was chosen does not hold any more, if so.")
    refused: list[RefusedBasis] = Field(description="The bases that cannot be chosen, and why.")

    @classmethod
    def of(cls, meter: MeterView, standing: ChannelStanding) -> ChannelEligibilityAnswer:
        channel, chosen_rule = standing.channel, standing.chosen_rule
        return cls(
            channel_id=channel.id,
            meter_id=meter.id,
            direction=channel.direction,
            unit=channel.unit,
            commodity=channel.commodity,
            measure=channel.measure,
            proposed=standing.proposed,
            proposed_rule=RuleAnswer.of(standing.proposed_rule),
            chosen=standing.chosen,
            chosen_rule=RuleAnswer.of(chosen_rule) if chosen_rule else None,
            chosen_by=standing.chosen_by,
            chosen_at=standing.chosen_at,
            note=standing.note,
            counts_as=standing.counts_as,
            doubt=standing.doubt.sentence if standing.doubt else None,
            refused=[
                RefusedBasis(basis=basis, code=one.code, sentence=one.sentence)
                for basis, one in standing.refusals.items()
            ],
        )


class ChoiceAnswer(AnswerModel):
    """One choice in the history of a channel."""

    at: datetime
    by: str | None
    before: str | None
    after: str
    rule: RuleAnswer | None


class ChannelHistoryAnswer(AnswerModel):
    """One channel, and what was chosen for it before, newest first."""

    channel: ChannelEligibilityAnswer
    history: list[ChoiceAnswer]

    @classmethod
    def made(
        cls, channel: ChannelEligibilityAnswer, past: Sequence[Choice]
    ) -> ChannelHistoryAnswer:
        return cls(channel=channel, history=[ChoiceAnswer.model_validate(one) for one in past])


class ClaimAnswer(AnswerModel):
    """A meter counts for a unit on these local days."""

    id: UUID
    generating_unit_id: UUID
    meter_id: UUID
    basis: str = Field(examples=sorted(CLAIMABLE))
    first_day: date
    last_day: date | None = Field(description="`null` while the claim goes on.")
    created_by: str | None
    created_at: datetime
    ended_by: str | None
    ended_at: datetime | None
    doubt: str | None = Field(description="Why it does not count as it stands, if so.")

    @classmethod
    def of(cls, view: ClaimView) -> ClaimAnswer:
        known = {name: getattr(view, name) for name in view.__slots__ if name != "meter"}
        return cls(**known, meter_id=view.meter.id)


class UnitAnswer(AnswerModel):
    """A generating unit with its claims, newest first."""

    id: UUID
    facility_id: UUID
    name: str
    nameplate_kw: _Exact
    commercial_operation_date: date
    fuel: str
    registry: str
    registry_id: str | None
    reporting_unit_id: str | None
    created_at: datetime
    updated_at: datetime
    claims: list[ClaimAnswer]

    @classmethod
    def of(cls, view: UnitView, claims: Iterable[ClaimView]) -> UnitAnswer:
        known = {name: getattr(view, name) for name in view.__slots__}
        return cls(**known, claims=[ClaimAnswer.of(one) for one in claims])


class GenerationAnswer(AnswerModel):
    """A facility's generating units, and what each channel of its meters may be used for."""

    generating_units: list[UnitAnswer]
    channels: list[ChannelEligibilityAnswer]

    @classmethod
    def made(cls, units: list[UnitAnswer], meters: Sequence[MeterStanding]) -> GenerationAnswer:
        channels = [
            ChannelEligibilityAnswer.of(one.meter, channel)
            for one in meters
            for channel in one.channels
        ]
        return cls(generating_units=units, channels=channels)
