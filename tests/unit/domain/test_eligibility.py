"""What channels may be used for: net, consumption and estimates never, whatever anybody states."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction
from itertools import chain, combinations, product

import pytest

from dcarbon.domain import eligibility as rules
from dcarbon.domain.eligibility import CLAIMABLE, Eligibility, Facts, Judgement, Refusal
from dcarbon.domain.flows import Commodity, Direction, Measure, Unit

RECEIVED = Facts(Direction.RECEIVED, Unit.WH, Commodity.ELECTRICITY, Measure.USAGE)
DELIVERED = replace(RECEIVED, direction=Direction.DELIVERED)
NET = replace(RECEIVED, direction=Direction.NET)
ONE_WAY = {Direction.DELIVERED, Direction.RECEIVED, Direction.UNKNOWN}
SHARES = (None, Fraction(0), Fraction(1, 2), Fraction(51, 100), Fraction(1))
SIBLINGS = [
    frozenset(some)
    for some in chain.from_iterable(combinations(sorted(Direction), size) for size in range(3))
]
EVERY = [
    Facts(direction, unit, commodity, measure, siblings, is_part, other, share)
    for direction, unit, commodity, measure, siblings, is_part, other, share in product(
        Direction,
        (Unit.WH, Unit.W, Unit.VARH, Unit.THERM, Unit.UNKNOWN),
        (Commodity.ELECTRICITY, Commodity.GAS, Commodity.UNKNOWN),
        Measure,
        SIBLINGS,
        (False, True),
        (False, True),
        SHARES,
    )
]
"""Every combination of what can be known of a channel, up to two other directions at its meter."""


def is_whole_energy(facts: Facts) -> bool:
    """Is this the electric energy of each interval, in whole, as the meter measured it?"""
    return (
        facts.commodity is Commodity.ELECTRICITY
        and facts.unit is Unit.WH
        and facts.measure is Measure.USAGE
        and not facts.is_part
        and (facts.estimated is None or facts.estimated <= Fraction(1, 2))
    )


def as_chosen(facts: Facts, wanted: Eligibility, *, stated: bool) -> Judgement | Refusal:
    return rules.chosen(facts, wanted, is_stated_production=stated)


@pytest.mark.parametrize(
    ("facts", "expected", "rule"),
    [
        (RECEIVED, "hourly_export", "export"),
        (
            replace(RECEIVED, has_production_meter=True),
            "hourly_export",
            "export_beside_production",
        ),
        (
            replace(RECEIVED, siblings=frozenset({Direction.DELIVERED, Direction.NET})),
            "hourly_export",
            "export",
        ),
        (replace(RECEIVED, estimated=Fraction(1, 2)), "hourly_export", "export"),
        (replace(RECEIVED, estimated=Fraction(50_001, 100_000)), "estimated", "mostly_estimated"),
        (DELIVERED, "consumption", "delivered"),
        (NET, "net", "net"),
        (replace(NET, measure=Measure.REGISTER), "net", "net"),
        (replace(RECEIVED, measure=Measure.REGISTER), "consumption", "running_total"),
        (replace(RECEIVED, is_part=True), "consumption", "part"),
        (replace(RECEIVED, direction=Direction.TOTAL), "consumption", "both_added"),
        (replace(RECEIVED, direction=Direction.UNKNOWN), "consumption", "direction_unknown"),
        (replace(RECEIVED, unit=Unit.W, measure=Measure.DEMAND), "consumption", "not_energy"),
        (replace(RECEIVED, unit=Unit.VARH), "consumption", "not_energy"),
        (replace(RECEIVED, commodity=Commodity.GAS), "consumption", "not_electricity"),
        (replace(RECEIVED, commodity=Commodity.UNKNOWN), "consumption", "not_electricity"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_channel_is_proposed_by_its_rule(facts: Facts, expected: str, rule: str) -> None:
    found = rules.proposed(facts)

    assert (found.eligibility, found.rule.key) == (expected, rule)


def test_of_all_combinations_only_whole_received_energy_is_proposed_to_count() -> None:
    assert len(EVERY) > 100_000
    for facts in EVERY:
        counts = is_whole_energy(facts) and facts.direction is Direction.RECEIVED
        assert (rules.proposed(facts).eligibility is Eligibility.HOURLY_EXPORT) is counts, facts
        assert rules.proposed(facts).eligibility is not Eligibility.PRODUCTION


def test_of_all_combinations_export_can_be_chosen_only_where_it_is_proposed() -> None:
    for facts in EVERY:
        found = as_chosen(facts, Eligibility.HOURLY_EXPORT, stated=True)
        is_taken = isinstance(found, Judgement)
        assert is_taken is (rules.proposed(facts).eligibility is Eligibility.HOURLY_EXPORT), facts


def test_of_all_combinations_production_needs_the_statement_and_a_one_way_meter() -> None:
    for facts in EVERY:
        ways = {facts.direction, *facts.siblings}
        is_two_way = Direction.NET in ways or {Direction.DELIVERED, Direction.RECEIVED} <= ways
        can = is_whole_energy(facts) and facts.direction in ONE_WAY and not is_two_way

        stated = as_chosen(facts, Eligibility.PRODUCTION, stated=True)
        silent = as_chosen(facts, Eligibility.PRODUCTION, stated=False)

        assert isinstance(stated, Judgement) is can, facts
        assert isinstance(silent, Refusal), facts
        if can:
            assert silent.code == "production_not_stated"


@pytest.mark.parametrize("wanted", sorted(CLAIMABLE))
@pytest.mark.parametrize("stated", [False, True])
def test_net_is_refused_with_its_reason_whatever_is_stated(
    wanted: Eligibility, *, stated: bool
) -> None:
    found = as_chosen(NET, wanted, stated=stated)

    assert isinstance(found, Refusal)
    assert found.code == "net_never_claimed"
    assert "never claimed" in found.sentence


@pytest.mark.parametrize(
    ("facts", "wanted", "code"),
    [
        (DELIVERED, "hourly_export", "consumption_never_claimed"),
        (replace(RECEIVED, estimated=Fraction(1)), "hourly_export", "estimates_never_claimed"),
        (replace(RECEIVED, estimated=Fraction(1)), "production", "estimates_never_claimed"),
        (
            replace(DELIVERED, siblings=frozenset({Direction.RECEIVED})),
            "production",
            "not_a_production_meter",
        ),
        (
            replace(RECEIVED, siblings=frozenset({Direction.NET})),
            "production",
            "not_a_production_meter",
        ),
        (replace(DELIVERED, measure=Measure.REGISTER), "production", "consumption_never_claimed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_refusal_has_a_code_and_says_what_to_do(facts: Facts, wanted: str, code: str) -> None:
    found = as_chosen(facts, Eligibility(wanted), stated=True)

    assert isinstance(found, Refusal)
    assert found.code == code
    assert found.sentence.endswith(".")
    assert len(found.sentence) > len(found.rule.sentence)


@pytest.mark.parametrize("direction", sorted(ONE_WAY))
def test_the_channel_of_a_stated_production_meter_is_production(direction: Direction) -> None:
    found = as_chosen(replace(RECEIVED, direction=direction), Eligibility.PRODUCTION, stated=True)

    assert found == Judgement(Eligibility.PRODUCTION, rules.RULES["stated_production"])


def test_a_production_meter_is_one_only_by_statement() -> None:
    found = rules.chosen(RECEIVED, Eligibility.PRODUCTION)

    assert isinstance(found, Refusal)
    assert found.code == "production_not_stated"


@pytest.mark.parametrize("wanted", sorted(set(Eligibility) - CLAIMABLE))
def test_claiming_less_than_is_proposed_is_always_taken(wanted: Eligibility) -> None:
    for facts in EVERY[:: len(EVERY) // 997]:
        found = as_chosen(facts, wanted, stated=False)
        assert isinstance(found, Judgement)
        assert found.eligibility is wanted

    assert as_chosen(RECEIVED, wanted, stated=False) == Judgement(wanted, rules.RULES["set_aside"])


def test_refusals_name_exactly_what_cannot_be_chosen() -> None:
    two_way = replace(RECEIVED, siblings=frozenset({Direction.DELIVERED}))

    assert rules.refusals(RECEIVED) == {}
    assert set(rules.refusals(two_way)) == {Eligibility.PRODUCTION}
    assert set(rules.refusals(DELIVERED)) == {Eligibility.HOURLY_EXPORT}
    assert set(rules.refusals(NET)) == CLAIMABLE


def test_every_rule_is_a_sentence_that_rests_on_a_text() -> None:
    for key, rule in rules.RULES.items():
        assert rule.key == key
        assert rule.sentence.endswith(".")
        assert rule.sources
        assert all(source.title and source.where for source in rule.sources)
    assert {key for key, rule in rules.RULES.items() if not rule.is_confirmed} == {"two_way_meter"}


def test_a_text_bears_its_own_date_or_none() -> None:
    texts = {one.where: one.dated for rule in rules.RULES.values() for one in rule.sources}

    assert texts == {
        "github.com/mrets/Operating-Procedures, section 4.3": date(2026, 6, 10),
        "github.com/mrets/Operating-Procedures, section 4.4.4": date(2026, 6, 10),
        "github.com/mrets/Help, generation_upload_format": date(2025, 7, 28),
        "pennaeps.com, FAQ": None,
        "docs/decisions/0011": None,
    }


def test_of_the_last_90_days_is_said_where_estimates_are_too_many() -> None:
    assert rules.LOOKED_AT_DAYS == 90
    assert "of the last 90 days" in rules.RULES["mostly_estimated"].sentence
