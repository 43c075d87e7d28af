"""What a meter's channel may be used for when certificates are claimed, and by which rule.

Rules are data: words for people, and the texts they rest on. Net, consumption and estimates are
never claimed, whoever asks: a rule that lets them through would make certificates of nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType
from typing import NamedTuple

from dcarbon.domain.flows import Commodity, Direction, Measure, Unit
from dcarbon.domain.registries import Source


class Eligibility(StrEnum):
    PRODUCTION = "production"
    HOURLY_EXPORT = "hourly_export"
    NET = "net"
    CONSUMPTION = "consumption"
    ESTIMATED = "estimated"


CLAIMABLE = frozenset({Eligibility.PRODUCTION, Eligibility.HOURLY_EXPORT})
"""The two bases of a claim. The others never count."""

MOSTLY = Fraction(1, 2)
"""More estimates than this among the readings looked at, and the channel is no measurement."""
LOOKED_AT_DAYS = 90
"""Of how many meter days the readings are looked at for estimates."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one channel, and of what stands around it."""

    direction: Direction
    unit: Unit
    commodity: Commodity
    measure: Measure
    siblings: frozenset[Direction] = frozenset()
    """The directions of the other channels of energy at the same meter."""
    is_part: bool = False
    """One phase or price period of energy that another channel of the meter has in whole."""
    has_production_meter: bool = False
    """Another meter of the facility is stated to be a production meter."""
    estimated: Fraction | None = None
    """The share of estimates among its latest readings; ``None`` while there are none."""

    @property
    def is_mostly_estimated(self) -> bool:
        return self.estimated is not None and self.estimated > MOSTLY


@dataclass(frozen=True, slots=True)
class Rule:
    """Why a channel is what it is: a sentence or two for people, and the texts behind them."""

    key: str
    sentence: str
    sources: tuple[Source, ...]
    is_confirmed: bool
    """False where the registry's own present text could not be read."""


class Judgement(NamedTuple):
    """What a channel is, and by which rule."""

    eligibility: Eligibility
    rule: Rule


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a person wished a channel to be and it is not: a stable code, words, and the rule."""

    code: str
    sentence: str
    rule: Rule


_PROCEDURES = "M-RETS operating procedures"
_CUSTOMER_SITED = Source(
    f"{_PROCEDURES}, 4.3: customer-sited generation",
    "github.com/mrets/Operating-Procedures, section 4.3",
    date(2026, 6, 10),
)
_STATION_SERVICE = Source(
    f"{_PROCEDURES}, 4.4.4: station service and load on site",
    "github.com/mrets/Operating-Procedures, section 4.4.4",
    date(2026, 6, 10),
)
_MEASURED_ONLY = Source(
    "M-RETS help: generation upload format",
    "github.com/mrets/Help, generation_upload_format",
    date(2025, 7, 28),
)
_BIDIRECTIONAL = Source(
    "Pennsylvania AEPS: questions and answers on metering", "pennaeps.com, FAQ", None
)
_OURS = Source("DCarbon: what a channel may be used for", "docs/decisions/0011", None)


def _rule(key: str, sentence: str, *sources: Source, is_confirmed: bool = True) -> Rule:
    return Rule(key, sentence, sources, is_confirmed=is_confirmed)


_NOT_ELECTRICITY = _rule(
    "not_electricity",
    "This channel does not measure electricity, so it has no part in certificates.",
    _OURS,
)
_NOT_ENERGY = _rule(
    "not_energy",
    "This channel measures demand or another quantity, not the energy of each interval, so "
    "nothing can be counted from it.",
    _MEASURED_ONLY,
)
_NET = _rule(
    "net",
    "Net is what the site took less what it gave. What was generated cannot be told from it, so "
    "it is never claimed.",
    _CUSTOMER_SITED,
    _STATION_SERVICE,
)
_RUNNING_TOTAL = _rule(
    "running_total",
    "This channel is a running total. What flowed in each hour cannot be told from it, so it is "
    "never claimed.",
    _CUSTOMER_SITED,
    _MEASURED_ONLY,
)
_PART = _rule(
    "part",
    "This channel is one phase or price period of energy that another channel of the meter counts "
    "in whole. Counted beside it, it would count twice.",
    _OURS,
)
_DELIVERED = _rule(
    "delivered",
    "This is energy the site takes from the grid: consumption, which is never claimed.",
    _CUSTOMER_SITED,
    _STATION_SERVICE,
)
_BOTH_ADDED = _rule(
    "both_added",
    "This channel adds up both directions. Energy taken from the grid cannot be told apart in it, "
    "so it is never claimed.",
    _STATION_SERVICE,
)
_DIRECTION_UNKNOWN = _rule(
    "direction_unknown",
    "The utility does not say which way this energy flows, and a direction is never guessed. It "
    "counts as consumption until somebody states that the meter is a production meter.",
    _OURS,
)
_MOSTLY_ESTIMATED = _rule(
    "mostly_estimated",
    f"More than half of its readings of the last {LOOKED_AT_DAYS} days are the utility's "
    "estimates. Estimates are never claimed.",
    _MEASURED_ONLY,
)
_EXPORT = _rule(
    "export",
    "Energy given to the grid counts where no production meter exists: of each hour, what was "
    "given beyond what was taken.",
    _CUSTOMER_SITED,
)
_EXPORT_BESIDE_PRODUCTION = _rule(
    "export_beside_production",
    "Energy given to the grid counts only where no production meter exists, and another meter "
    "here is stated to be one. For one generating unit, claim the one or the other.",
    _CUSTOMER_SITED,
)
_STATED_PRODUCTION = _rule(
    "stated_production",
    "A person stated that this meter measures what the inverter or the generator gives out (AC). "
    "All of it counts.",
    _CUSTOMER_SITED,
)
_NOT_STATED = _rule(
    "production_not_stated",
    "Only what a production meter measures counts as production, and nobody has stated that this "
    "meter is one.",
    _CUSTOMER_SITED,
)
_TWO_WAY_METER = _rule(
    "two_way_meter",
    "This meter counts energy in both directions, as the meter at the grid does, so it cannot be "
    "a production meter.",
    _BIDIRECTIONAL,
    _OURS,
    is_confirmed=False,
)
_SET_ASIDE = _rule("set_aside", "A person set this channel aside, so it is not claimed.", _OURS)

RULES: Mapping[str, Rule] = MappingProxyType(
    {
        rule.key: rule
        for rule in (
            *(_NOT_ELECTRICITY, _NOT_ENERGY, _NET, _RUNNING_TOTAL, _DELIVERED, _BOTH_ADDED),
            *(_DIRECTION_UNKNOWN, _MOSTLY_ESTIMATED, _EXPORT, _EXPORT_BESIDE_PRODUCTION),
            *(_STATED_PRODUCTION, _NOT_STATED, _TWO_WAY_METER, _PART, _SET_ASIDE),
        )
    }
)
"""Every rule, by the key that is stored."""

_NEVER: Mapping[Eligibility, str] = MappingProxyType(
    {
        Eligibility.NET: "net_never_claimed",
        Eligibility.CONSUMPTION: "consumption_never_claimed",
        Eligibility.ESTIMATED: "estimates_never_claimed",
    }
)
_WHAT_TO_DO: Mapping[str, str] = MappingProxyType(
    {
        "net_never_claimed": "Use the meter's channel to the grid, or a production meter.",
        "consumption_never_claimed": "Use the meter's channel to the grid, or a production meter.",
        "estimates_never_claimed": "Wait for measured readings, or use another meter.",
        "not_a_production_meter": "Use its channel to the grid by the hour, or the inverter's own "
        "meter.",
        "production_not_stated": "If it is, tick the statement.",
    }
)
REFUSALS = frozenset(_WHAT_TO_DO)
"""Every code a refusal can have."""


def proposed(facts: Facts) -> Judgement:
    """Return what a channel is by itself, when nobody has said more about its meter."""
    if never := _never_energy(facts):
        return never
    if facts.direction is Direction.DELIVERED:
        return Judgement(Eligibility.CONSUMPTION, _DELIVERED)
    if facts.direction is Direction.RECEIVED:
        if facts.is_mostly_estimated:
            return Judgement(Eligibility.ESTIMATED, _MOSTLY_ESTIMATED)
        rule = _EXPORT_BESIDE_PRODUCTION if facts.has_production_meter else _EXPORT
        return Judgement(Eligibility.HOURLY_EXPORT, rule)
    return Judgement(Eligibility.CONSUMPTION, _DIRECTION_UNKNOWN)


def chosen(
    facts: Facts, wanted: Eligibility, *, is_stated_production: bool = False
) -> Judgement | Refusal:
    """Return what a channel is by a person's choice, or why it cannot be that.

    ``is_stated_production``: the person states that the meter measures the AC output of the
    inverter or generator. A choice that claims less than we propose is always taken.
    """
    ours = proposed(facts)
    if wanted not in CLAIMABLE:
        return ours if wanted is ours.eligibility else Judgement(wanted, _SET_ASIDE)
    if wanted is Eligibility.PRODUCTION:
        return _production(facts, is_stated=is_stated_production)
    if ours.eligibility is wanted:
        return ours
    return _refused(_NEVER[ours.eligibility], ours.rule)


def refusals(facts: Facts) -> dict[Eligibility, Refusal]:
    """Return why a channel cannot be claimed, by basis; what a statement could allow is absent."""
    judged = {one: chosen(facts, one, is_stated_production=True) for one in sorted(CLAIMABLE)}
    return {one: found for one, found in judged.items() if isinstance(found, Refusal)}


def _never_energy(facts: Facts) -> Judgement | None:
    """Return what a channel is that no statement about its meter can make claimable."""
    if facts.commodity is not Commodity.ELECTRICITY:
        return Judgement(Eligibility.CONSUMPTION, _NOT_ELECTRICITY)
    if facts.unit is not Unit.WH or facts.measure in {Measure.DEMAND, Measure.OTHER}:
        return Judgement(Eligibility.CONSUMPTION, _NOT_ENERGY)
    if facts.direction is Direction.NET:
        return Judgement(Eligibility.NET, _NET)
    if facts.measure is Measure.REGISTER:
        return Judgement(Eligibility.CONSUMPTION, _RUNNING_TOTAL)
    if facts.direction in {Direction.TOTAL, Direction.OTHER}:
        return Judgement(Eligibility.CONSUMPTION, _BOTH_ADDED)
    return Judgement(Eligibility.CONSUMPTION, _PART) if facts.is_part else None


def _production(facts: Facts, *, is_stated: bool) -> Judgement | Refusal:
    if never := _never_energy(facts):
        return _refused(_NEVER[never.eligibility], never.rule)
    ways = {facts.direction, *facts.siblings}
    if Direction.NET in ways or ways >= {Direction.DELIVERED, Direction.RECEIVED}:
        return _refused("not_a_production_meter", _TWO_WAY_METER)
    if facts.is_mostly_estimated:
        return _refused(_NEVER[Eligibility.ESTIMATED], _MOSTLY_ESTIMATED)
    if not is_stated:
        return _refused("production_not_stated", _NOT_STATED)
    return Judgement(Eligibility.PRODUCTION, _STATED_PRODUCTION)


def _refused(code: str, rule: Rule) -> Refusal:
    return Refusal(code, f"{rule.sentence} {_WHAT_TO_DO[code]}", rule)
