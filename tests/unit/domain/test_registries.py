"""What we hold of registries is dated and sourced, and says where nobody knows."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from dcarbon.domain import registries
from dcarbon.domain.errors import InvalidInput
from dcarbon.domain.registries import RegistryProfile, Source, Standing, windows_for

ALL = list(registries.profiles().values())


def sources_of(profile: RegistryProfile) -> list[Source]:
    windows = (*profile.reporting, *profile.adjustments)
    return [
        profile.file.source,
        profile.feasibility_source,
        *(window.source for window in windows),
        *(step.source for step in profile.cycle),
    ]


@pytest.mark.parametrize("profile", ALL, ids=lambda one: one.key)
def test_every_profile_is_dated_and_names_its_sources(profile: RegistryProfile) -> None:
    sources = sources_of(profile)

    assert profile.edition >= date(2026, 6, 10)
    assert all(source.title and source.where for source in sources)
    assert profile.open_questions


@pytest.mark.parametrize(
    ("where", "dated"),
    [
        ("github.com/mrets/Help, generation_upload_format", date(2025, 7, 28)),
        ("github.com/mrets/Help, generation_adjustments", date(2025, 7, 28)),
        ("github.com/mrets/Operating-Procedures, section 4.4", date(2026, 6, 10)),
        ("a slide deck of February 2015, found on sambuz.com", date(2015, 2, 1)),
        ("ncrets.zendesk.com, article 360008979253", None),
        ("mirecs.zendesk.com, article 360009502793", None),
    ],
)
def test_a_text_bears_its_own_date_or_none(where: str, dated: date | None) -> None:
    sources = [source for profile in ALL for source in sources_of(profile)]

    assert {source.dated for source in sources if source.where == where} == {dated}


@pytest.mark.parametrize(
    ("key", "reporting", "adjustments"),
    [
        ("wregis", [75], [730]),
        ("mrets", [62, 365], [730, 62, 365]),
        ("ncrets", [], []),
        ("mirecs", [], []),
    ],
)
def test_windows_are_those_the_texts_name(
    key: str, reporting: list[int], adjustments: list[int]
) -> None:
    profile = registries.of(key)

    assert profile.edition == date(2026, 6, 10)
    assert [window.days for window in profile.reporting] == reporting
    assert [window.days for window in profile.adjustments] == adjustments


@pytest.mark.parametrize("profile", ALL, ids=lambda one: one.key)
def test_no_unit_can_generate_more_than_its_nameplate_at_every_hour(
    profile: RegistryProfile,
) -> None:
    assert 0 < profile.feasibility_factor <= 1


@pytest.mark.parametrize("key", ["wregis", "mrets", "ncrets", "mirecs"])
def test_where_no_factor_is_published_it_is_the_whole(key: str) -> None:
    assert registries.of(key).feasibility_factor == Decimal(1)


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
    ("kw", "days"),
    [
        ("0.001", [730, 365]),
        ("150", [730, 365]),
        ("150.001", [730, 62]),
        ("150000", [730, 62]),
    ],
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
