"""Daily totals of many meters: exact, and scoped to what is asked."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from dcarbon.db import migrate
from dcarbon.services import derived_energy, energy_totals
from tests.integration.derived.conftest import NOW, Place, daily_of

pytestmark = pytest.mark.database

MIDNIGHT = datetime(2026, 2, 1, 8, tzinfo=UTC)
FIRST, LAST = date(2026, 2, 1), date(2026, 2, 28)


def channel(place: Place, meter: UUID, direction: str, value: int, *, label: str = "",
            exponent: int = 0) -> UUID:  # fmt: skip
    channel = place.channel(meter, direction, label=label)
    place.read(place.series(channel), MIDNIGHT, [value] * 96 * 3, exponent=exponent)
    return channel


def test_totals_come_by_channel_with_their_days(place: Place) -> None:
    meter, other = place.meter(), place.meter()
    delivered = channel(place, meter, "delivered", 15, exponent=-1)
    received = channel(place, meter, "received", 2)
    channel(place, other, "delivered", 1)
    derived_energy.derive_changed(place.sessions, now=NOW)

    with place.sessions() as session:
        found = energy_totals.daily_totals(session, [meter], FIRST, date(2026, 2, 2))

    assert [one.channel.id for one in found] == [delivered, received]
    assert found[0].day.tolist() == [date(2026, 2, 1), date(2026, 2, 2)]
    assert [one.total for one in found] == [Decimal(288), Decimal(384)]
    assert found[0].is_complete.all()
    assert found[0].readings.tolist() == found[0].expected.tolist() == [96, 96]


def test_days_of_several_exponents_are_told_at_one(place: Place) -> None:
    meter = place.meter()
    one = channel(place, meter, "delivered", 10)
    with place.sessions() as session:
        series = session.scalar(
            text("select id from series where channel_id = :c").bindparams(c=one)
        )
    place.read(series, MIDNIGHT + timedelta(days=1), [10_001], exponent=-3)
    derived_energy.derive_changed(place.sessions, now=NOW)

    with place.sessions() as session:
        (found,) = energy_totals.daily_totals(session, [meter], FIRST, LAST)

    assert found.exponent == -3
    assert found.value.tolist() == [960_000, 960_001, 960_000]


def test_nothing_asked_and_nothing_stored_is_nothing(place: Place) -> None:
    with place.sessions() as session:
        assert energy_totals.daily_totals(session, [], FIRST, LAST) == []
        assert energy_totals.daily_totals(session, [place.meter()], FIRST, LAST) == []


def test_readings_stored_before_this_version_are_derived_after_the_migration(
    place: Place, engine: Engine
) -> None:
    one = channel(place, place.meter(), "delivered", 5)
    migrate.downgrade(engine, "0004")

    migrate.upgrade(engine)
    done = derived_energy.derive_changed(place.sessions, now=NOW)

    with place.sessions() as session:
        assert [row.value for row in daily_of(session, one).values()] == [480] * 3
    assert done.marks == 1
