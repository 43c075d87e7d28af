"""Days are derived again where readings changed and nowhere else; what counts of an hour."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update

from dcarbon.db.tables import ChangedSeriesDays, DailyEnergy, Meter
from dcarbon.services import derived_energy
from dcarbon.services.derived_energy import DerivedDays
from tests.integration.derived.conftest import NOW, Place, count, daily_of, exports_of

pytestmark = pytest.mark.database

FIRST = datetime(2026, 2, 1, 8, tzinfo=UTC)
"""Local midnight in California."""
MARCH = date(2026, 3, 1)


def derive(place: Place, at: datetime = NOW) -> DerivedDays:
    return derived_energy.derive_changed(place.sessions, now=at)


@pytest.fixture
def meter(place: Place) -> UUID:
    return place.meter()


def filled(place: Place, meter: UUID, direction: str, *, days: int = 70, value: int = 100) -> UUID:
    """A series of quarter hours from 1 February on, all of the same value."""
    series = place.series(place.channel(meter, direction))
    place.read(series, FIRST, [value] * (96 * days))
    return series


def test_one_restated_month_touches_only_its_days(place: Place, meter: UUID) -> None:
    series = filled(place, meter, "delivered")
    derive(place)

    place.read(series, datetime(2026, 3, 1, 8, tzinfo=UTC), [101] * (31 * 96 - 4))
    done = derive(place, NOW + timedelta(hours=1))

    written = {day for day, counted in done.by_day.items() if counted.written}
    assert written == {MARCH + timedelta(days=n) for n in range(31)}
    assert done.days_read <= 31 + 4
    with place.sessions() as session:
        at = {row.meter_day for row in session.scalars(select(DailyEnergy))
              if row.computed_at > NOW}  # fmt: skip
    assert at == written


def test_nothing_changed_reads_and_writes_nothing(place: Place, meter: UUID) -> None:
    series = filled(place, meter, "delivered", days=3)
    derive(place)
    place.read(series, FIRST, [100] * 96 * 3)

    done = derive(place)

    assert (done.marks, done.days_read, done.written) == (0, 0, 0)


def test_a_run_that_breaks_leaves_its_marks(place: Place, meter: UUID) -> None:
    filled(place, meter, "delivered", days=3)
    with place.sessions.begin() as session:
        session.execute(update(Meter).values(time_zone="Nowhere/Never"))

    with pytest.raises(Exception, match="Nowhere"):
        derive(place)

    with place.sessions.begin() as session:
        assert count(session, ChangedSeriesDays) > 0
        session.execute(update(Meter).values(time_zone="America/Los_Angeles"))
    assert derive(place).written == 3


def test_marks_that_a_run_has_no_time_for_stay(place: Place, meter: UUID) -> None:
    series = filled(place, meter, "delivered", days=1)
    place.read(series, FIRST + timedelta(days=1), [100] * 96)

    done = derived_energy.derive_changed(
        place.sessions, now=NOW, is_time_up=lambda: True, at_once=1
    )

    assert done.left
    with place.sessions() as session:
        assert derived_energy.waiting(session).marks >= 1
    assert not derive(place).left


def test_gas_has_daily_energy_in_its_own_unit_and_bills_have_none(
    place: Place, meter: UUID
) -> None:
    gas = place.channel(meter, "delivered", unit="therm", commodity="gas")
    bills = place.channel(place.meter(), "delivered", unit="therm", commodity="gas")
    days = [FIRST + timedelta(days=n) for n in range(3)]
    place.periods(place.series(gas, 0), [(day, 86_400, 15, 17) for day in days], exponent=-1)
    place.periods(place.series(bills, 0), [(FIRST, 30 * 86_400, 400, 17)])

    derive(place)

    with place.sessions() as session:
        found = daily_of(session, gas)
        assert [(r.value, r.exponent, r.readings, r.expected) for r in found.values()] == [
            (15, -1, 1, 1)
        ] * 3
        assert daily_of(session, bills) == {}
        assert exports_of(session, meter) == {}


def test_demand_and_registers_are_not_added_up(place: Place, meter: UUID) -> None:
    for measure in ("demand", "register", "other"):
        series = place.series(place.channel(meter, "received", measure=measure))
        place.read(series, FIRST, [5] * 96)

    assert derive(place).derived == 0


def test_export_is_netted_by_the_hour_not_by_the_quarter(place: Place, meter: UUID) -> None:
    """An hour that gives 40 and takes 30 exports 10, though a quarter of it gave 40 alone."""
    received = place.series(place.channel(meter, "received"))
    delivered = place.series(place.channel(meter, "delivered"))
    place.read(received, FIRST, [40, 0, 0, 0] * 23 + [0, 0, 0, 7])
    place.read(delivered, FIRST, [0, 30, 0, 0] * 23 + [0, 9, 0, 0])

    derive(place)

    with place.sessions() as session:
        (row,) = exports_of(session, meter).values()
    assert row.hours == [10] * 23 + [0]
    assert (row.value, row.register_value, row.exponent) == (230, 927, 0)
    assert (row.missing_hours, row.estimated_hours) == (0, 0)


def test_hours_that_are_estimated_or_not_complete_do_not_count(place: Place, meter: UUID) -> None:
    received = place.series(place.channel(meter, "received"))
    delivered = place.series(place.channel(meter, "delivered"))
    place.read(received, FIRST, [10] * 96, quality={2: 8})
    place.read(delivered, FIRST, [1] * 20 + [None] + [1] * 75)

    derive(place)

    with place.sessions() as session:
        (row,) = exports_of(session, meter).values()
    assert row.hours == [None, *[36] * 4, None, *[36] * 18]
    assert (row.value, row.register_value) == (22 * 36, 960)
    assert (row.missing_hours, row.estimated_hours) == (1, 1)


def test_a_meter_that_gets_a_delivered_channel_is_netted_from_then_on_and_before(
    place: Place, meter: UUID
) -> None:
    received = place.series(place.channel(meter, "received"))
    place.read(received, FIRST, [10] * 96)
    derive(place)
    with place.sessions() as session:
        assert exports_of(session, meter)[FIRST.date()].value == 960

    place.channel(meter, "delivered")
    derive(place)

    with place.sessions() as session:
        assert exports_of(session, meter)[FIRST.date()].missing_hours == 24


def test_a_part_gives_way_to_the_whole_and_parts_alone_export_nothing(
    place: Place, meter: UUID
) -> None:
    other = place.meter()
    for at, label in ((meter, ""), (meter, "phase=1"), (other, "phase=1"), (other, "phase=2")):
        series = place.series(place.channel(at, "received", label=label))
        place.read(series, FIRST, [10] * 96)

    derive(place)

    with place.sessions() as session:
        assert [row.value for row in exports_of(session, meter).values()] == [960]
        assert exports_of(session, other) == {}


def test_a_meter_in_another_zone_is_derived_again(place: Place, meter: UUID) -> None:
    channel = place.channel(meter, "delivered")
    place.read(place.series(channel), FIRST, [10] * 96)
    derive(place)
    with place.sessions.begin() as session:
        session.execute(update(Meter).values(time_zone="America/New_York"))

    derive(place)

    with place.sessions() as session:
        found = {day: row.value for day, row in daily_of(session, channel).items()}
    assert found == {date(2026, 2, 1): 21 * 40, date(2026, 2, 2): 3 * 40}


def test_a_value_too_large_leaves_its_day_out_and_no_other(place: Place, meter: UUID) -> None:
    channel = place.channel(meter, "delivered")
    series = place.series(channel)
    place.read(series, FIRST, [10] * 96 * 3)
    place.read(series, FIRST + timedelta(days=1, hours=12), [10**17])

    done = derive(place)

    with place.sessions() as session:
        assert sorted(daily_of(session, channel)) == [date(2026, 2, 1), date(2026, 2, 3)]
    assert done.too_large == 1
