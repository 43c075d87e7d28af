"""Months of generating units: which days count, why others do not, and when they are made anew."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import delete, update

from dcarbon.db.tables import ChangedUnitMonths, ChannelEligibility, GeneratingUnit, MeterClaim
from dcarbon.domain import generation
from dcarbon.services import derived_energy, monthly_generation
from dcarbon.services.monthly_generation import MonthOfGeneration
from tests.integration.derived.conftest import NOW, Place, count, months_of

pytestmark = pytest.mark.database

MIDNIGHT = datetime(2026, 2, 1, 8, tzinfo=UTC)
"""Of 1 February in California."""
FEBRUARY, MARCH, APRIL = date(2026, 2, 1), date(2026, 3, 1), date(2026, 4, 1)
QUARTERS = 96 * 28 + 96 * 31 - 4
"""Of February and March, in which the clocks go forward."""


@dataclass(frozen=True)
class Site:
    """A meter that a unit claims from 10 February to 31 March, 10 Wh in each quarter hour."""

    place: Place
    unit: UUID
    meter: UUID
    channel: UUID
    series: UUID

    def month(self, month: date, *, as_known_at: datetime | None = None) -> MonthOfGeneration:
        with self.place.sessions() as session:
            return monthly_generation.of(session, self.unit, month, as_known_at=as_known_at)

    def derive(self, at: datetime = NOW) -> dict[date, int]:
        """Derive what changed; return of how many units each month was stored."""
        derived_energy.derive_changed(self.place.sessions, now=at)
        return monthly_generation.derive_changed(self.place.sessions, now=at).written

    def waiting(self) -> int:
        with self.place.sessions() as session:
            return monthly_generation.waiting(session).marks


@pytest.fixture
def site(place: Place) -> Site:
    meter = place.meter()
    channel = place.channel(meter, "received")
    series = place.series(channel)
    place.read(series, MIDNIGHT, [10] * QUARTERS)
    unit = place.unit()
    place.choose(channel, "production")
    place.claim(unit, meter, "production", date(2026, 2, 10), date(2026, 3, 31))
    return Site(place, unit, meter, channel, series)


def test_only_claimed_days_count(site: Site) -> None:
    february, march = site.month(FEBRUARY), site.month(MARCH)

    assert (february.days_expected, february.days_complete) == (19, 19)
    assert february.kwh == Decimal(19 * 960) / 1000
    assert (march.days_expected, march.is_complete, march.basis) == (31, True, "production")
    assert march.kwh == Decimal(31 * 960 - 40) / 1000
    assert [line.value for line in march.lines if line.day == date(2026, 3, 8)] == [920]
    assert site.month(APRIL).lines == ()
    assert site.month(APRIL).basis == "none"


def test_months_are_stored_once_and_again_only_when_they_change(site: Site) -> None:
    assert site.derive() == {FEBRUARY: 1, MARCH: 1}
    assert site.derive() == {}

    site.place.read(site.series, MIDNIGHT + timedelta(days=40), [11])

    assert site.derive(NOW + timedelta(hours=1)) == {MARCH: 1}
    with site.place.sessions() as session:
        stored = months_of(session, site.unit)
    march = stored[MARCH]
    assert (march.value * 10**march.exponent, march.computed_at) == (
        31 * 960 - 40 + 1,
        NOW + timedelta(hours=1),
    )
    assert stored[FEBRUARY].computed_at == NOW


def test_a_changed_day_outside_the_claim_marks_no_month(site: Site) -> None:
    site.derive()

    site.place.read(site.series, MIDNIGHT + timedelta(days=3), [11])
    derived_energy.derive_changed(site.place.sessions, now=NOW)

    assert site.waiting() == 0


def test_estimates_and_missing_readings_do_not_count_and_are_named(site: Site) -> None:
    site.place.read(site.series, MIDNIGHT + timedelta(days=30), [500] * 3, quality=8)
    site.place.read(site.series, MIDNIGHT + timedelta(days=59), [10] * 2)
    site.place.claim(site.unit, site.place.meter(), "production", date(2026, 3, 31), None)

    march = site.month(MARCH)

    by_day = {(line.meter_id, line.day.day): line for line in march.lines}
    estimated = by_day[site.meter, 3]
    assert (estimated.value, estimated.is_complete, estimated.estimated) == (93 * 10, False, 3)
    assert estimated.reason == "3 of 96 readings are the utility's estimates, which never count."
    (other,) = [line for line in march.lines if line.meter_id != site.meter]
    assert (other.value, other.reason) == (0, generation.NO_CHANNEL)
    assert (march.estimated_days, march.days_expected, march.is_complete) == (1, 32, False)
    assert march.kwh == Decimal(31 * 960 - 40 - 30) / 1000


def test_a_partial_day_says_how_much_is_missing(place: Place) -> None:
    meter = place.meter()
    channel = place.channel(meter, "received")
    place.read(place.series(channel), MIDNIGHT, [10] * 90)
    unit = place.unit()
    place.choose(channel, "production")
    place.claim(unit, meter, "production", FEBRUARY, date(2026, 2, 2))

    with place.sessions() as session:
        first, second = monthly_generation.of(session, unit, FEBRUARY).lines

    assert (first.value, first.reason) == (900, "6 of 96 readings are missing.")
    assert (second.value, second.reason) == (0, generation.NO_READINGS)


def test_what_was_known_before_a_restatement_can_be_asked_for(site: Site) -> None:
    site.place.read(
        site.series, MIDNIGHT + timedelta(days=30), [0] * 96, at=NOW + timedelta(days=5)
    )

    now = site.month(MARCH)
    then = site.month(MARCH, as_known_at=NOW + timedelta(days=1))

    assert then.kwh - now.kwh == Decimal(960) / 1000
    assert site.month(MARCH, as_known_at=NOW - timedelta(days=1)).kwh == 0
    assert (now.as_of, then.as_of) == (NOW + timedelta(days=5), NOW)


def test_hourly_export_is_claimed_by_its_own_rule(place: Place) -> None:
    meter = place.meter()
    received, delivered = place.channel(meter, "received"), place.channel(meter, "delivered")
    place.read(place.series(received), MIDNIGHT, [10, 0, 0, 0] * 24)
    place.read(place.series(delivered), MIDNIGHT, [0, 4, 0, 0] * 12 + [0, 40, 0, 0] * 12)
    unit = place.unit()
    place.claim(unit, meter, "hourly_export", FEBRUARY, FEBRUARY)

    with place.sessions() as session:
        refused = monthly_generation.of(session, unit, FEBRUARY)
    place.choose(received, "hourly_export")
    with place.sessions() as session:
        (line,) = monthly_generation.of(session, unit, FEBRUARY).lines

    assert refused.lines[0].reason == generation.NOT_SET_AS_EXPORT
    assert (refused.value, refused.is_complete) == (0, False)
    assert line.hours == (6,) * 12 + (0,) * 12
    assert (line.value, line.is_complete, line.register) == (72, True, (240, 0))


@pytest.mark.parametrize("chosen", ["net", "consumption", "estimated", "hourly_export"])
def test_a_channel_that_is_no_production_makes_its_months_nothing(site: Site, chosen: str) -> None:
    site.derive()

    site.place.choose(site.channel, chosen)

    assert site.derive(NOW + timedelta(hours=1)) == {FEBRUARY: 1, MARCH: 1}
    with site.place.sessions() as session:
        assert [row.value for row in months_of(session, site.unit).values()] == [0, 0]


def test_production_in_two_directions_is_not_added_up(site: Site) -> None:
    other = site.place.channel(site.meter, "delivered")
    site.place.read(site.place.series(other), MIDNIGHT, [10] * QUARTERS)
    site.place.choose(other, "production")

    march = site.month(MARCH)

    assert (march.value, march.lines[0].reason) == (0, generation.TWO_DIRECTIONS)


def test_a_claim_that_ends_earlier_or_goes_away_takes_its_months_along(site: Site) -> None:
    site.derive()
    with site.place.sessions.begin() as session:
        session.execute(update(MeterClaim).values(last_day=date(2026, 3, 10)))

    assert site.derive() == {MARCH: 1}
    with site.place.sessions.begin() as session:
        assert months_of(session, site.unit)[MARCH].days_expected == 10
        session.execute(delete(MeterClaim))

    assert site.derive() == {FEBRUARY: 1, MARCH: 1}
    with site.place.sessions() as session:
        assert months_of(session, site.unit) == {}


def test_a_claim_without_an_end_is_derived_up_to_the_month_of_today(site: Site) -> None:
    with site.place.sessions.begin() as session:
        session.execute(update(MeterClaim).values(last_day=None))

    assert sorted(site.derive(datetime(2026, 4, 20, tzinfo=UTC))) == [FEBRUARY, MARCH, APRIL]


def test_a_unit_goes_with_all_that_was_derived_of_it(site: Site) -> None:
    site.derive()
    with site.place.sessions.begin() as session:
        session.execute(delete(MeterClaim))
        session.execute(delete(GeneratingUnit))

    with site.place.sessions() as session:
        assert months_of(session, site.unit) == {}
        assert count(session, ChangedUnitMonths) == 0


def test_a_choice_taken_back_marks_the_months(site: Site) -> None:
    site.derive()
    with site.place.sessions.begin() as session:
        session.execute(delete(ChannelEligibility))

    assert site.derive() == {FEBRUARY: 1, MARCH: 1}


def test_months_asked_for_by_hand_are_derived_whether_changed_or_not(site: Site) -> None:
    site.derive()

    again = monthly_generation.derive_months(site.place.sessions, [MARCH, APRIL], now=NOW)

    assert (again.derived, again.written) == ({MARCH: 1}, {})


def test_days_of_several_exponents_add_up_exactly(site: Site) -> None:
    site.place.read(site.series, MIDNIGHT + timedelta(days=30), [10_001], exponent=-3)

    march = site.month(MARCH)

    assert march.kwh == Decimal(31 * 960 - 40) / 1000 + Decimal("0.000001")
    assert {line.exponent for line in march.lines} == {march.exponent}
    assert sum(line.value for line in march.lines) == march.value
