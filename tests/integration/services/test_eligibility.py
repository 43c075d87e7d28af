"""Eligibility of channels: proposed by rule, chosen by people, refused for everybody alike."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from dcarbon.db.base import new_id
from dcarbon.db.generating_units import ChannelEligibility
from dcarbon.domain.eligibility import Eligibility
from dcarbon.domain.errors import ClaimRefused, InvalidInput, NotFound
from dcarbon.services import eligibility, eligibility_history, facilities
from dcarbon.services.actors import SYSTEM, Actor
from dcarbon.services.eligibility import ChannelStanding
from dcarbon.services.runtime import Runtime
from tests.integration.conftest import NOW
from tests.integration.services import metering
from tests.integration.services.conftest import Resident, Settle, entries, events

pytestmark = pytest.mark.database
ADMIN = Actor(None, is_admin=True)


@pytest.fixture
def ann(settle: Settle) -> Resident:
    return settle("ann")


@pytest.fixture
def two_way(runtime: Runtime, ann: Resident) -> UUID:
    return metering.meter(runtime, ann.facility.id, "delivered", "received", "net")


def standing(runtime: Runtime, channel_id: UUID, who: Resident) -> ChannelStanding:
    with runtime.sessions() as session:
        return eligibility.of_channel(session, channel_id, actor=who.actor, now=runtime.now())[1]


def refused(runtime: Runtime, channel_id: UUID, wanted: str, who: Actor, **more: object) -> str:
    with pytest.raises(ClaimRefused) as caught:
        eligibility.choose(runtime, channel_id, wanted=wanted, actor=who, **more)  # type: ignore[arg-type]
    assert caught.value.display_message
    return caught.value.code


def test_each_channel_of_a_facility_is_proposed_something(
    runtime: Runtime, ann: Resident, two_way: UUID
) -> None:
    with runtime.sessions() as session:
        (meter,) = eligibility.of_facility(
            session, ann.facility.id, actor=ann.actor, now=runtime.now()
        )

    assert {one.channel.direction: one.proposed for one in meter.channels} == {
        "delivered": Eligibility.CONSUMPTION,
        "received": Eligibility.HOURLY_EXPORT,
        "net": Eligibility.NET,
    }
    assert all(one.chosen is None and one.counts_as is None for one in meter.channels)


def test_proposals_are_written_down_once(runtime: Runtime, ann: Resident, two_way: UUID) -> None:
    for _ in range(2):
        with runtime.sessions.begin() as session:
            facility = facilities.get(session, ann.facility.id, actor=ann.actor)
            eligibility.propose(session, facility, now=runtime.now())

    with runtime.sessions() as session:
        rows = session.scalars(select(ChannelEligibility)).all()
    assert {row.proposed for row in rows} == {"consumption", "hourly_export", "net"}
    assert {row.proposed_at for row in rows} == {NOW}


def test_a_choice_is_kept_with_rule_person_and_note(
    runtime: Runtime, ann: Resident, two_way: UUID
) -> None:
    received = metering.channel(runtime, two_way, "received")

    eligibility.choose(
        runtime, received, wanted="hourly_export", actor=ann.actor, note=" the\n roof \x00"
    )

    found = standing(runtime, received, ann)
    assert found.chosen is found.counts_as is Eligibility.HOURLY_EXPORT
    assert found.chosen_rule is not None
    assert found.chosen_rule.key == "export"
    assert (found.chosen_at, found.note) == (NOW, "the roof")
    assert found.chosen_by == "ann@example.test"
    assert events(runtime)[-1] == "channel_eligibility_chosen"


@pytest.mark.parametrize("direction", ["net", "delivered"])
@pytest.mark.parametrize("wanted", ["hourly_export", "production"])
@pytest.mark.parametrize("asker", ["owner", "admin", "system"])
def test_net_and_consumption_are_refused_to_everybody(
    runtime: Runtime, ann: Resident, two_way: UUID, *, direction: str, wanted: str, asker: str
) -> None:
    channel = metering.channel(runtime, two_way, direction)
    who = {"owner": ann.actor, "admin": ADMIN, "system": SYSTEM}[asker]

    code = refused(runtime, channel, wanted, who, is_production_meter=True, note="x")

    assert code in {
        "net_never_claimed",
        "consumption_never_claimed",
        "not_a_production_meter",
    }
    assert standing(runtime, channel, ann).chosen is None
    assert "channel_eligibility_chosen" not in events(runtime)


def test_production_needs_the_statement_and_a_note(runtime: Runtime, ann: Resident) -> None:
    meter = metering.meter(runtime, ann.facility.id, "delivered")
    channel = metering.channel(runtime, meter, "delivered")

    silent = refused(runtime, channel, "production", ann.actor, note="the inverter")
    bare = refused(runtime, channel, "production", ann.actor, is_production_meter=True)
    eligibility.choose(
        runtime,
        channel,
        wanted="production",
        actor=ann.actor,
        note="Generation meter of the roof",
        is_production_meter=True,
    )

    assert (silent, bare) == ("production_not_stated", "note_needed")
    assert standing(runtime, channel, ann).counts_as is Eligibility.PRODUCTION


def test_export_beside_a_production_meter_says_so(
    runtime: Runtime, ann: Resident, two_way: UUID
) -> None:
    meter = metering.meter(runtime, ann.facility.id, "received")
    eligibility.choose(
        runtime,
        metering.channel(runtime, meter, "received"),
        wanted="production",
        actor=ann.actor,
        note="Generation meter",
        is_production_meter=True,
    )

    found = standing(runtime, metering.channel(runtime, two_way, "received"), ann)

    assert found.proposed_rule.key == "export_beside_production"


def test_a_channel_of_mostly_estimates_does_not_count_while_it_is_so(
    runtime: Runtime, ann: Resident, two_way: UUID
) -> None:
    received = metering.channel(runtime, two_way, "received")
    eligibility.choose(runtime, received, wanted="hourly_export", actor=ann.actor)
    day = NOW.date() - timedelta(days=3)
    metering.count_days(runtime, received, day, present=96, estimated=60)

    found = standing(runtime, received, ann)

    assert found.proposed is Eligibility.ESTIMATED
    assert found.chosen is Eligibility.HOURLY_EXPORT
    assert found.counts_as is None
    assert found.doubt is not None
    assert found.doubt.code == "estimates_never_claimed"
    assert refused(runtime, received, "hourly_export", ADMIN) == "estimates_never_claimed"


def test_estimates_of_long_ago_do_not_matter(
    runtime: Runtime, ann: Resident, two_way: UUID
) -> None:
    received = metering.channel(runtime, two_way, "received")
    day = NOW.date() - timedelta(days=100)
    metering.count_days(runtime, received, day, present=96, estimated=96)

    assert standing(runtime, received, ann).proposed is Eligibility.HOURLY_EXPORT


def test_setting_a_channel_aside_is_taken_and_kept_in_the_history(
    runtime: Runtime, ann: Resident, two_way: UUID
) -> None:
    received = metering.channel(runtime, two_way, "received")
    for wanted in ("hourly_export", "consumption", "hourly_export"):
        eligibility.choose(runtime, received, wanted=wanted, actor=ann.actor, note="private")

    with runtime.sessions() as session:
        found = eligibility_history.of_channel(session, received, actor=ann.actor)

    assert [(one.before, one.after) for one in found] == [
        ("consumption", "hourly_export"),
        ("hourly_export", "consumption"),
        (None, "hourly_export"),
    ]
    assert {one.by for one in found} == {"ann@example.test"}
    assert [one.rule.key for one in found if one.rule] == ["export", "set_aside", "export"]
    assert "private" not in str([entry.details for entry in entries(runtime)])


def test_the_same_choice_again_changes_nothing(
    runtime: Runtime, ann: Resident, two_way: UUID
) -> None:
    received = metering.channel(runtime, two_way, "received")
    for _ in range(2):
        eligibility.choose(runtime, received, wanted="hourly_export", actor=ann.actor)

    assert events(runtime).count("channel_eligibility_chosen") == 1


def test_an_administrator_is_not_named_to_the_people_of_the_facility(
    runtime: Runtime, ann: Resident, two_way: UUID, settle: Settle
) -> None:
    boss = settle("boss").actor
    received = metering.channel(runtime, two_way, "received")
    by_boss = Actor(boss.person_id, is_admin=True)
    eligibility.choose(runtime, received, wanted="hourly_export", actor=by_boss)

    named = standing(runtime, received, ann).chosen_by

    assert named
    assert "boss" not in named


def test_others_channels_are_not_found(
    runtime: Runtime, ann: Resident, two_way: UUID, settle: Settle
) -> None:
    ben, received = settle("ben"), metering.channel(runtime, two_way, "received")

    for channel_id, who in ((received, ben.actor), (new_id(), ann.actor)):
        with pytest.raises(NotFound):
            eligibility.choose(runtime, channel_id, wanted="consumption", actor=who)
    with runtime.sessions() as session:
        with pytest.raises(NotFound):
            eligibility.of_channel(session, received, actor=ben.actor, now=runtime.now())
        with pytest.raises(NotFound):
            eligibility_history.of_channel(session, received, actor=ben.actor)


def test_an_unknown_word_is_refused(runtime: Runtime, ann: Resident, two_way: UUID) -> None:
    received = metering.channel(runtime, two_way, "received")

    with pytest.raises(InvalidInput):
        eligibility.choose(runtime, received, wanted="everything", actor=ann.actor)
