"""What we hold of registries is dated and sourced, and says where nobody knows."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from dcarbon.domain import registries
from dcarbon.domain.errors import InvalidInput
from dcarbon.domain.registries import RegistryProfile, Standing, windows_for

ALL = list(registries.profiles().values())


@pytest.mark.parametrize("profile", ALL, ids=lambda one: one.key)
def test_every_profile_is_dated_and_names_its_sources(profile: RegistryProfile) -> None:
    windows = (*profile.reporting, *profile.adjustments)
    sources = [
        profile.file.source,
        profile.feasibility_source,
        *(window.source for window in windows),
        *(step.source for step in profile.cycle),
    ]

    assert profile.edition <= date(2026, 6, 10)
    assert all(source.title and source.where for source in sources)
    assert profile.open_questions


def test_the_format_of_wregis_is_unconfirmed_and_that_of_m_rets() -> None:
    wregis, mrets = registries.of("wregis"), registries.of("mrets")

    assert wregis.standing is Standing.UNCONFIRMED
    assert mrets.is_confirmed
    assert wregis.file.columns == mrets.file.columns
    assert wregis.file.id_prefixes == ("W",)


def test_the_cycle_of_wregis_is_that_of_its_training_deck() -> None:
    cycle = registries.of("wregis").cycle

    assert [(step.first_day, step.last_day) for step in cycle] == [
        (1, 75),
        (76, 82),
        (83, 89),
        (90, 90),
        (90, 730),
    ]
    assert {step.source.dated for step in cycle} == {date(2015, 2, 1)}


@pytest.mark.parametrize(
    ("kw", "days"), [("150", [730, 365]), ("150.001", [730, 62])], ids=["small", "large"]
)
def test_both_published_windows_are_held_with_the_sizes_they_are_for(
    kw: str, days: list[int]
) -> None:
    windows = windows_for(registries.of("mrets").adjustments, Decimal(kw))

    assert [window.days for window in windows] == days


def test_a_registry_nobody_knows_is_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        registries.of("atlantis")

    assert refused.value.code == "registry_unknown"
