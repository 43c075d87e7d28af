"""Exports hold what is stored, reading by reading, for whoever may have it and nobody else."""

from __future__ import annotations

import csv
import io
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from dcarbon.db.base import new_id
from dcarbon.domain.errors import InvalidInput, NotFound, TooManyRequests
from dcarbon.services import exports, exports_plan
from dcarbon.services.actors import SYSTEM
from dcarbon.services.exports import Format
from dcarbon.services.exports_plan import Wish
from dcarbon.services.runtime import Runtime
from tests.integration.services.conftest import MovableClock, Resident, Settle, entries
from tests.integration.services.exporting import (
    DAY,
    SPRING,
    Rows,
    Site,
    difficult,
    made,
    rows_of,
    stored,
)

pytestmark = pytest.mark.database
ZONE = ZoneInfo("America/Los_Angeles")
FORMATS = pytest.mark.parametrize("kind", list(Format))


@pytest.fixture
def ann(settle: Settle) -> Resident:
    return settle("ann")


@pytest.fixture
def site(runtime: Runtime, ann: Resident) -> Site:
    return Site(runtime, ann.facility.id)


def everything(site: Site, **named: object) -> Wish:
    return Wish("2025-01-01", "2026-03-01", site.facility_id, **named)  # type: ignore[arg-type]


def exported(
    site: Site,
    who: Resident,
    wish: Wish,
    kind: Format = Format.CSV,
) -> Rows:
    return rows_of(made(site.runtime, wish, kind, who.actor), kind)


@FORMATS
def test_every_reading_is_exported_as_it_is_stored(
    site: Site,
    ann: Resident,
    kind: Format,
) -> None:
    difficult(site)

    rows = exported(site, ann, everything(site), kind)

    expected = stored(site)
    assert len(expected) == 2 * (2 * (3 * 96 - 3) + 96) + 4
    assert [{name: row[name] for name in expected[0]} for row in rows] == expected


@FORMATS
def test_readings_the_utility_changed_are_marked(
    site: Site,
    ann: Resident,
    kind: Format,
) -> None:
    difficult(site)

    rows = exported(site, ann, everything(site), kind)

    first = SPRING + timedelta(days=1, hours=2)
    changed = {first + n * timedelta(minutes=15) for n in range(4)}
    assert {row["utc_start"] for row in rows if row["restated"]} == changed
    assert sum(row["restated"] for row in rows) == 8


@FORMATS
def test_a_local_day_has_the_hours_its_clock_had(
    site: Site,
    ann: Resident,
    kind: Format,
) -> None:
    difficult(site)

    rows = exported(site, ann, everything(site), kind)

    mine = [row for row in rows if row["direction"] == "received"]
    days = Counter(row["local_start"].date() for row in mine)
    assert days[date(2025, 3, 9)] == 92 - 2  # two are missing there
    assert days[date(2025, 11, 2)] == 100 - 2
    hour = [row for row in mine if row["local_start"] == datetime(2025, 11, 2, 1, 30)]  # noqa: DTZ001 — a clock on a wall
    assert [row["utc_offset"] for row in hour] == ["-07:00", "-08:00"]
    for row in rows:
        offset = row["local_start"] - row["utc_start"].replace(tzinfo=None)
        assert offset == row["utc_start"].astimezone(ZONE).utcoffset()


@FORMATS
def test_what_was_reported_on_a_date_leaves_out_what_came_later(
    site: Site,
    ann: Resident,
    kind: Format,
) -> None:
    difficult(site)
    moment = SPRING + timedelta(days=1, hours=2)

    before = exported(site, ann, everything(site, reported_on="2026-01-31"), kind)
    after = exported(site, ann, everything(site, reported_on="2026-02-01"), kind)

    assert not any(row["restated"] for row in before)
    assert after == exported(site, ann, everything(site), kind)
    at = {
        name: next(
            r["value"] for r in rows if r["utc_start"] == moment and r["direction"] == "delivered"
        )
        for name, rows in (("before", before), ("after", after))
    }
    # The reading number 4 * (24 + 2) of the first statement, in thousandths.
    assert at == {"before": Decimal("130.001"), "after": Decimal("0.1")}


def test_nothing_was_known_before_the_first_statement(site: Site, ann: Resident) -> None:
    difficult(site)

    assert exported(site, ann, everything(site, reported_on="2025-12-30")) == []


@FORMATS
def test_the_same_question_gives_the_same_bytes(
    site: Site,
    ann: Resident,
    clock: MovableClock,
    kind: Format,
) -> None:
    difficult(site)

    before = made(site.runtime, everything(site), kind, ann.actor)
    clock.advance(timedelta(days=3))

    assert made(site.runtime, everything(site), kind, ann.actor) == before


@FORMATS
def test_an_empty_range_is_an_empty_file_with_its_columns(
    site: Site,
    ann: Resident,
    kind: Format,
) -> None:
    difficult(site)
    wish = Wish("2025-06-01", "2025-07-01", site.facility_id)

    assert exported(site, ann, wish, kind) == []


@FORMATS
def test_a_facility_without_meters_is_an_empty_file(
    site: Site,
    ann: Resident,
    kind: Format,
) -> None:
    assert exported(site, ann, everything(site), kind) == []


def test_dates_are_midnight_at_each_meter(site: Site, ann: Resident) -> None:
    for number, zone in (("1", "America/Los_Angeles"), ("2", "America/New_York")):
        series = site.series(site.channel(site.meter(number, zone)), 3600)
        site.state(series, SPRING - timedelta(days=1), list(range(96)), interval_s=3600)

    rows = exported(site, ann, Wish("2025-03-08", "2025-03-09", site.facility_id))

    assert {row["local_start"].date() for row in rows} == {date(2025, 3, 8)}
    assert Counter(row["meter"] for row in rows) == {"1": 24, "2": 24}


def test_a_range_by_instants_cuts_within_days(site: Site, ann: Resident) -> None:
    series = site.series(site.channel(site.meter("1")), 900)
    site.state(series, SPRING, list(range(192)), interval_s=900)

    start, end = "2025-03-08T08:10:00+00:00", "2025-03-08T09:45:00+00:00"
    rows = exported(site, ann, Wish(start, end, site.facility_id))

    assert [row["value"] for row in rows] == [1, 2, 3, 4, 5, 6]


def test_a_time_told_by_several_lengths_is_told_once(site: Site, ann: Resident) -> None:
    """A bill gives way, an hour wins over quarters that do not fill it; ranges change nothing."""
    channel = site.channel(site.meter("1"))
    quarters, hours = site.series(channel, 900), site.series(channel, 3600)
    bills = site.series(channel, 0)
    site.state(quarters, SPRING, [1, 1, 1, 1, 2, None, 2, 2], interval_s=900)
    site.state(hours, SPRING, [40, 50, 60], interval_s=3600)
    site.state(bills, SPRING, [9_000], interval_s=0, durations_s=[30 * DAY])

    rows = exported(site, ann, everything(site))

    told = [(row["duration_s"], row["value"]) for row in rows]
    assert told == [(900, 1)] * 4 + [(3600, 50), (3600, 60)]
    half = [
        exported(site, ann, Wish(start, end, site.facility_id))
        for start, end in (
            ("2025-03-01", "2025-03-08T09:30:00+00:00"),
            ("2025-03-08T09:30:00+00:00", "2025-06-01"),
        )
    ]
    assert half[0] + half[1] == rows
    assert entries(site.runtime)[-1].details["readings"] == len(half[1])


def test_a_value_too_fine_and_too_large_for_a_float_stays_exact(site: Site, ann: Resident) -> None:
    series = site.series(site.channel(site.meter("1")), 3600)
    numbers = [9_007_199_254_740_993, -1, 0, 10]
    site.state(series, SPRING, numbers, interval_s=3600, exponent=-6)
    site.state(series, SPRING + timedelta(days=2), [5], interval_s=3600, exponent=9)
    expected = [Decimal(n).scaleb(-6) for n in numbers] + [Decimal(5_000_000_000)]

    for each in Format:
        rows = exported(site, ann, everything(site), each)
        assert [row["value"] for row in rows] == expected, each
    content = made(site.runtime, everything(site), Format.CSV, ann.actor).decode()
    values = [row["value"] for row in csv.DictReader(io.StringIO(content))]
    assert values == ["9007199254.740993", "-0.000001", "0", "0.00001", "5000000000"]


def test_one_meter_of_a_facility_can_be_chosen(site: Site, ann: Resident) -> None:
    solar, gas = difficult(site)

    of_facility = exported(site, ann, everything(site, meter_ids=(gas,)))
    alone = exported(site, ann, Wish("2025-01-01", "2026-03-01", meter_ids=(gas,)))

    assert of_facility == alone
    assert {row["meter_id"] for row in alone} == {str(gas)} != {str(solar)}
    assert [row["value"] for row in alone] == [Decimal("1.1"), 12, Decimal("1.3"), Decimal("1.4")]


def test_what_is_not_theirs_does_not_exist(site: Site, settle: Settle) -> None:
    solar, _ = difficult(site)
    ben = settle("ben")

    for wish in (
        everything(site),
        Wish("2025-01-01", "2026-01-01", meter_ids=(solar,)),
        Wish("2025-01-01", "2026-01-01", ben.facility.id, (solar,)),
        Wish("2025-01-01", "2026-01-01", new_id()),
    ):
        with pytest.raises(NotFound):
            exports.begin(site.runtime, wish, kind=Format.CSV, actor=ben.actor)
        with pytest.raises(NotFound):
            exports.preview(site.runtime, wish, actor=ben.actor)
    assert "data_exported" not in {entry.event for entry in entries(site.runtime)}


@pytest.mark.parametrize(
    ("times", "code"),
    [
        (("soon", "2026-01-01", ""), "time_unreadable"),
        (("2026-01-02", "2026-01-01", ""), "range_reversed"),
        (("1899-01-01", "2026-01-01", ""), "range_absurd"),
        (("2026-01-01", "2026-01-02", "yesterday"), "time_unreadable"),
        (("2026-01-01", "2026-01-02", "2026-01-01T00:00:00"), "time_naive"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(
    site: Site, ann: Resident, times: tuple[str, str, str], code: str
) -> None:
    difficult(site)
    start, end, reported_on = times
    wish = Wish(start, end, site.facility_id, reported_on=reported_on)

    with pytest.raises(InvalidInput) as caught:
        exports.preview(site.runtime, wish, actor=ann.actor)

    assert caught.value.code == code


@pytest.mark.parametrize("far", ["2026-12-31", "9999-12-31", "9999-12-31T23:59:59Z"])
def test_what_was_reported_by_a_day_to_come_is_what_is_known_today(
    site: Site, ann: Resident, far: str
) -> None:
    difficult(site)

    assert exported(site, ann, everything(site, reported_on=far)) == exported(
        site, ann, everything(site)
    )


def test_meters_of_two_facilities_are_two_exports(
    site: Site, runtime: Runtime, settle: Settle
) -> None:
    other = Site(runtime, settle("ben").facility.id)
    wish = Wish("2025-01-01", "2026-01-01", None, (site.meter("1"), other.meter("2")))

    with pytest.raises(InvalidInput):
        exports.preview(runtime, wish, actor=SYSTEM)


def test_each_export_is_audited_with_what_it_holds(site: Site, ann: Resident) -> None:
    solar, gas = difficult(site)

    rows = exported(site, ann, everything(site), Format.PARQUET)

    entry = entries(site.runtime)[-1]
    assert (entry.event, entry.facility_id) == ("data_exported", site.facility_id)
    assert entry.actor_id == ann.actor.person_id
    assert entry.details["format"] == "parquet"
    assert entry.details["readings"] == len(rows)
    assert set(entry.details["meters"]) == {str(solar), str(gas)}
    assert datetime.fromisoformat(str(entry.details["start"])) == datetime(
        2025, 1, 1, 8, tzinfo=UTC
    )


def test_exports_of_a_person_are_counted_for_an_hour(
    site: Site, ann: Resident, clock: MovableClock, settle: Settle
) -> None:
    difficult(site)
    wish = everything(site)
    for _ in range(site.runtime.settings.exports_per_person):
        exports.begin(site.runtime, wish, kind=Format.CSV, actor=ann.actor)

    with pytest.raises(TooManyRequests) as caught:
        exports.begin(site.runtime, wish, kind=Format.CSV, actor=ann.actor)

    assert caught.value.code == "export_quota"
    ben = settle("ben")
    own = Wish("2025-01-01", "2026-01-01", ben.facility.id)
    exports.begin(site.runtime, own, kind=Format.CSV, actor=ben.actor)
    clock.advance(timedelta(hours=1, seconds=1))
    exports.begin(site.runtime, wish, kind=Format.CSV, actor=ann.actor)


def test_a_read_that_is_left_holds_no_connection(site: Site, ann: Resident) -> None:
    difficult(site)
    found = exports.begin(site.runtime, everything(site), kind=Format.CSV, actor=ann.actor)
    next(found.chunks)
    assert next(found.chunks)

    assert site.runtime.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_readings_that_come_in_meanwhile_do_not_change_an_export(
    site: Site, ann: Resident, clock: MovableClock
) -> None:
    solar, _ = difficult(site)
    expected = made(site.runtime, everything(site), Format.CSV, ann.actor)
    found = exports.begin(site.runtime, everything(site), kind=Format.CSV, actor=ann.actor)
    begun = next(found.chunks)

    with site.runtime.sessions() as session:
        plan = exports_plan.of(session, everything(site), actor=SYSTEM, now=site.runtime.now())
    series = [
        one.id
        for meter in plan.meters
        if meter.id == solar
        for channel in meter.channels
        for one in channel.line.series
    ]
    for each in series:
        site.state(
            each, SPRING, [1] * 288, interval_s=900, at=site.runtime.now() + timedelta(seconds=1)
        )

    assert begun + b"".join(found.chunks) == expected


def test_the_file_is_named_after_what_it_holds(site: Site, ann: Resident) -> None:
    solar, _ = difficult(site)

    whole = exports.preview(site.runtime, everything(site), actor=ann.actor)
    one = exports.preview(site.runtime, everything(site, meter_ids=(solar,)), actor=ann.actor)

    assert exports.file_name(whole, "csv") == "house-of-ann-2025-01-01-to-2026-02-28.csv"
    assert exports.file_name(one, "xlsx") == "house-of-ann-1001-2025-01-01-to-2026-02-28.xlsx"
