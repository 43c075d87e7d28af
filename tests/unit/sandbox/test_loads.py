"""Sandbox loads: the same for ever, plausible, and right on the days that are not 24 hours long."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcarbon_sandbox.customers import CUSTOMERS, SandboxMeter, make_meter
from dcarbon_sandbox.loads import Loads, Restatement, data_until, readings
from dcarbon_sandbox.localtime import local_day_starts, utc_offsets

PACIFIC = ZoneInfo("America/Los_Angeles")
LONG_AFTER = datetime(2026, 6, 1, tzinfo=UTC)
SOLAR = make_meter(4_410_009_001, "solar", tariff="NEM")
HOME = make_meter(4_410_009_002, "household", tariff="E-1")
SHOP = make_meter(4_410_009_003, "commercial", tariff="B-10")
GAS = make_meter(4_410_009_004, "gas", tariff="G-1")
HOURLY = make_meter(4_410_009_005, "solar", tariff="NEM", step_s=3600)
GAPPY = make_meter(4_410_009_006, "solar", tariff="NEM", quirks=frozenset({"holes", "late"}))


def local_days(meter: SandboxMeter, first: date, days: int = 1) -> Loads:
    start = datetime(first.year, first.month, first.day, tzinfo=PACIFIC)
    after = first + timedelta(days=days)
    end = datetime(after.year, after.month, after.day, tzinfo=PACIFIC)
    return readings(meter, start, end, as_of=LONG_AFTER)


@pytest.mark.parametrize("meter", [SOLAR, HOME, SHOP, HOURLY, GAPPY], ids=lambda meter: meter.kind)
@given(
    start=st.integers(0, 30 * 86400),
    length=st.integers(1, 5 * 86400),
    ahead=st.integers(-3 * 86400, 10 * 86400),
)
@settings(max_examples=25, deadline=None)
def test_a_reading_does_not_depend_on_the_range_it_is_asked_in(
    meter: SandboxMeter, start: int, length: int, ahead: int
) -> None:
    origin = datetime(2025, 10, 20, tzinfo=UTC)
    first = origin + timedelta(seconds=start)
    last = first + timedelta(seconds=length)
    as_of = last + timedelta(seconds=ahead)

    narrow = readings(meter, first, last, as_of=as_of)
    wide = readings(meter, origin - timedelta(days=40), last + timedelta(days=9), as_of=as_of)

    inside = np.isin(wide.start, narrow.start)
    assert inside.sum() == len(narrow)
    for name in ("end", "delivered_mwh", "received_mwh", "quality", "present"):
        assert np.array_equal(getattr(wide, name)[inside], getattr(narrow, name))


def test_two_meters_do_not_measure_the_same() -> None:
    other = make_meter(4_410_009_099, "household", tariff="E-1")

    mine, theirs = (local_days(meter, date(2025, 7, 1)) for meter in (HOME, other))

    assert not np.array_equal(mine.delivered_mwh, theirs.delivered_mwh)


@pytest.mark.parametrize(
    ("day", "hours"),
    [(date(2025, 3, 9), 23), (date(2025, 3, 10), 24), (date(2025, 11, 2), 25)],
    ids=["spring_forward", "ordinary", "fall_back"],
)
def test_a_local_day_has_its_own_number_of_slots(day: date, hours: int) -> None:
    assert len(local_days(SOLAR, day)) == 4 * hours
    assert len(local_days(HOURLY, day)) == hours


@pytest.mark.parametrize("meter", [SOLAR, HOURLY])
def test_slots_lie_on_the_utc_grid_without_gap(meter: SandboxMeter) -> None:
    week = local_days(meter, date(2025, 10, 30), 7)

    assert (week.start % meter.step_s == 0).all()
    assert np.array_equal(week.start[1:], week.end[:-1])


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2025, 3, 9), 23), (date(2025, 7, 1), 24), (date(2025, 11, 2), 25)]
)
def test_a_gas_reading_is_one_local_day(day: date, hours: int) -> None:
    gas = local_days(GAS, day)

    midnight = datetime(day.year, day.month, day.day, tzinfo=PACIFIC).timestamp()
    assert gas.start.tolist() == [int(midnight)]
    assert (gas.end - gas.start).tolist() == [hours * 3600]


def test_the_days_shape_follows_the_local_clock_across_the_switch() -> None:
    before, after = local_days(SHOP, date(2025, 10, 20), 5), local_days(SHOP, date(2025, 11, 3), 5)

    opening = [
        np.diff(loads.delivered_mwh.reshape(5, 96).mean(axis=0)[24:40]).argmax()
        for loads in (before, after)
    ]

    assert abs(int(opening[0]) - int(opening[1])) <= 1


def test_the_sun_gives_nothing_at_night_and_most_around_solar_noon() -> None:
    days = local_days(SOLAR, date(2025, 6, 1), 30)

    by_slot = days.received_mwh.reshape(30, 96).mean(axis=0)

    assert by_slot[:20].max() == by_slot[84:].max() == 0
    assert 11 * 4 <= by_slot.argmax() <= 14.5 * 4


def test_more_is_exported_in_june_than_in_december() -> None:
    june, december = (local_days(SOLAR, date(2025, month, 1), 30) for month in (6, 12))

    assert june.received_mwh.sum() > 1.5 * december.received_mwh.sum()


def test_energy_never_flows_much_both_ways_in_one_slot() -> None:
    year = local_days(SOLAR, date(2025, 1, 1), 365)

    both = np.minimum(year.delivered_mwh, year.received_mwh)

    assert both.max() <= 50_000
    assert (both > 0).any()


def test_a_business_uses_more_on_weekdays_and_a_home_in_the_evening() -> None:
    shop = local_days(SHOP, date(2025, 4, 7), 7).delivered_mwh.reshape(7, 96).sum(axis=1)
    home = local_days(HOME, date(2025, 4, 7), 28).delivered_mwh.reshape(28, 96).mean(axis=0)

    assert shop[:5].min() > shop[5:].max()
    assert home[76:84].mean() > 2 * home[8:20].mean()


def test_gas_heats_in_winter() -> None:
    january, july = (local_days(GAS, date(2025, month, 1), 28) for month in (1, 7))

    assert january.delivered_mwh.sum() > 3 * july.delivered_mwh.sum()
    assert not january.received_mwh.any()


@pytest.mark.parametrize(
    ("meter", "least", "most"), [(HOME, 3_000, 15_000), (SHOP, 50_000, 400_000)]
)
def test_a_year_of_use_in_kwh_is_plausible(meter: SandboxMeter, least: int, most: int) -> None:
    year = local_days(meter, date(2025, 1, 1), 365)

    assert least < year.delivered_mwh.sum() / 1e6 < most


def test_meters_count_whole_watt_hours() -> None:
    month = local_days(SOLAR, date(2025, 5, 1), 31)

    assert not (month.delivered_mwh % 1000).any()
    assert not (month.received_mwh % 1000).any()


def test_nothing_exists_after_the_last_complete_local_day() -> None:
    as_of = datetime(2025, 11, 3, 7, 59, tzinfo=UTC)  # one minute before local midnight

    loads = readings(HOME, as_of - timedelta(days=2), as_of + timedelta(days=2), as_of=as_of)

    assert loads.end[-1] == datetime(2025, 11, 2, tzinfo=PACIFIC).timestamp()
    assert data_until(HOME.zone, as_of).timestamp() == loads.end[-1]


def test_estimates_are_restated_after_three_days() -> None:
    as_of = datetime(2025, 9, 4, 12, tzinfo=UTC)
    span = (as_of - timedelta(days=5), as_of)
    meters = [make_meter(4_420_000_000 + n, "solar", tariff="NEM") for n in range(40)]

    first = [readings(meter, *span, as_of=as_of) for meter in meters]
    later = [
        readings(meter, *span, as_of=as_of + timedelta(days=4)).until(first[0].end[-1])
        for meter in meters
    ]

    share = float(np.mean([(loads.quality == 8).mean() for loads in first]))
    assert 0.005 < share < 0.06
    for old, new in zip(first, later, strict=True):
        changed = (old.delivered_mwh != new.delivered_mwh) | (old.received_mwh != new.received_mwh)
        assert (new.quality == 17).all()
        assert not (changed & (old.quality == 17)).any()
    assert any(
        (o.delivered_mwh != n.delivered_mwh).any() for o, n in zip(first, later, strict=True)
    )


def test_some_missing_readings_never_come_and_some_come_days_later() -> None:
    as_of = datetime(2025, 9, 4, 12, tzinfo=UTC)
    span = (as_of - timedelta(days=60), as_of)
    meters = [
        make_meter(4_430_000_000 + n, "solar", tariff="NEM", quirks=GAPPY.quirks) for n in range(20)
    ]

    early = [readings(meter, *span, as_of=as_of) for meter in meters]
    later = [
        readings(meter, *span, as_of=as_of + timedelta(days=9)).until(early[0].end[-1])
        for meter in meters
    ]

    for before, after in zip(early, later, strict=True):
        assert not after.present.all()
        assert (after.present | ~before.present).all()
        assert not before.delivered_mwh[~before.present].any()
    assert any(
        after.present.sum() > before.present.sum()
        for before, after in zip(early, later, strict=True)
    )


def test_an_ordered_restatement_applies_from_its_time_on_and_to_its_range_only() -> None:
    day = datetime(2025, 8, 1, tzinfo=PACIFIC)
    at = datetime(2025, 8, 20, tzinfo=UTC)
    order = Restatement(SOLAR.id, day + timedelta(hours=6), day + timedelta(hours=12), 2.0, at)
    span = (day, day + timedelta(days=1))

    plain = readings(SOLAR, *span, as_of=at)
    before = readings(SOLAR, *span, as_of=at - timedelta(seconds=1), restatements=[order])
    after = readings(SOLAR, *span, as_of=at, restatements=[order])
    other = readings(HOME, *span, as_of=at, restatements=[order])

    assert np.array_equal(before.delivered_mwh, plain.delivered_mwh)
    assert np.array_equal(after.received_mwh[24:48], 2 * plain.received_mwh[24:48])
    assert np.array_equal(after.received_mwh[48:], plain.received_mwh[48:])
    assert np.array_equal(other.delivered_mwh, readings(HOME, *span, as_of=at).delivered_mwh)


def test_naive_times_are_refused() -> None:
    naive = datetime(2025, 8, 1)  # noqa: DTZ001 — what is tested

    with pytest.raises(ValueError, match="aware"):
        readings(HOME, naive, LONG_AFTER, as_of=LONG_AFTER)


@pytest.mark.parametrize("meter", [HOME, GAS])
def test_a_reversed_or_future_range_is_empty(meter: SandboxMeter) -> None:
    later = LONG_AFTER + timedelta(days=9)

    assert len(readings(meter, LONG_AFTER, LONG_AFTER - timedelta(days=9), as_of=LONG_AFTER)) == 0
    assert len(readings(meter, later, later + timedelta(days=1), as_of=LONG_AFTER)) == 0


@pytest.mark.parametrize(
    "zone", ["America/Los_Angeles", "America/New_York", "Europe/Berlin", "UTC"]
)
def test_offsets_agree_with_the_zones_rules(zone: str) -> None:
    instants = np.arange(1_700_000_000, 1_800_000_000, 86_413 * 5, dtype=np.int64)

    offsets = utc_offsets(zone, instants)

    rules = ZoneInfo(zone)
    expected = [datetime.fromtimestamp(int(i), rules).utcoffset() for i in instants]
    assert offsets.tolist() == [delta.total_seconds() for delta in expected if delta is not None]


def test_local_day_starts_are_local_midnights() -> None:
    starts = local_day_starts("America/Los_Angeles", 1_700_000_000, 1_740_000_000)

    clocks = {datetime.fromtimestamp(int(start), PACIFIC).time().isoformat() for start in starts}
    assert clocks == {"00:00:00"}
    assert starts[0] <= 1_700_000_000 < starts[1]
    assert starts[-2] <= 1_740_000_000 < starts[-1]


def test_every_customers_meter_has_readings_today() -> None:
    today = datetime(2025, 12, 1, 20, tzinfo=UTC)

    for customer in CUSTOMERS:
        for meter in customer.meters:
            loads = readings(meter, today - timedelta(days=8), today, as_of=today)
            assert loads.present.mean() > 0.7
            assert loads.delivered_mwh.sum() > 0
            assert bool(loads.received_mwh.any()) == meter.has_export
