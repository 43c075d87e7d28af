"""Meters and their readings, as the people of a facility see them and nobody else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from dcarbon.db.base import new_id
from dcarbon.domain.errors import InvalidInput, NotFound
from dcarbon.services import imports, intervals, meters
from dcarbon.services.intervals import MeterIntervals
from dcarbon.services.meters import MeterView
from dcarbon.services.runtime import Runtime
from tests.integration.services.conftest import Resident, Settle

pytestmark = pytest.mark.database


@pytest.fixture
def ann(runtime: Runtime, settle: Settle, samples: Path) -> Resident:
    """Somebody whose facility has a day of hourly readings, 2019-10-03 in California."""
    ann = settle("ann")
    imports.import_file(
        runtime, ann.facility, samples / "pge-electric-hourly-1day.xml", actor=ann.actor
    )
    return ann


def listed(runtime: Runtime, who: Resident, **chosen: UUID) -> Sequence[MeterView]:
    with runtime.sessions() as session:
        return meters.listing(session, actor=who.actor, **chosen)


def asked(runtime: Runtime, who: Resident, meter_id: UUID, start: str, end: str) -> MeterIntervals:
    with runtime.sessions() as session:
        return intervals.for_meter(
            session, meter_id, start_text=start, end_text=end, actor=who.actor, now=runtime.now()
        )


def test_a_facilitys_meters_are_listed_with_their_channels(runtime: Runtime, ann: Resident) -> None:
    (meter,) = listed(runtime, ann, facility_id=ann.facility.id)

    assert (meter.external_id, meter.commodity) == ("5391320451", "electricity")
    assert meter.authorization_id is None
    (channel,) = meter.channels
    assert (channel.direction, channel.unit, channel.interval_s) == ("delivered", "Wh", (3600,))
    assert channel.first_start is not None
    assert channel.last_end is not None
    assert channel.last_end - channel.first_start == timedelta(hours=24)


def test_a_listing_needs_to_know_whose(runtime: Runtime, ann: Resident) -> None:
    with pytest.raises(InvalidInput):
        listed(runtime, ann)


def test_what_is_not_theirs_does_not_exist(runtime: Runtime, settle: Settle, ann: Resident) -> None:
    ben = settle("ben")
    (meter,) = listed(runtime, ann, facility_id=ann.facility.id)

    with pytest.raises(NotFound):
        listed(runtime, ben, facility_id=ann.facility.id)
    with pytest.raises(NotFound):
        asked(runtime, ben, meter.id, "2019-10-03", "2019-10-04")
    for chosen in ("facility_id", "authorization_id"):
        with pytest.raises(NotFound):
            listed(runtime, ann, **{chosen: new_id()})
    with pytest.raises(NotFound):
        asked(runtime, ann, new_id(), "2019-10-03", "2019-10-04")
    assert not listed(runtime, ben, facility_id=ben.facility.id)


def test_dates_are_local_days_at_the_meter(runtime: Runtime, ann: Resident) -> None:
    (meter,) = listed(runtime, ann, facility_id=ann.facility.id)

    found = asked(runtime, ann, meter.id, "2019-10-03", "2019-10-04")

    (series,) = found.series
    assert series.start.size == 24
    assert int(series.start[0]) == int(found.start.timestamp())
    assert int(series.value.sum()) * 10 ** (series.exponent + 3) == 50_663_298


def test_a_range_without_readings_has_no_series(runtime: Runtime, ann: Resident) -> None:
    (meter,) = listed(runtime, ann, facility_id=ann.facility.id)

    assert asked(runtime, ann, meter.id, "2019-10-04", "2019-10-05").series == ()


@pytest.mark.parametrize(
    ("start", "end", "code"),
    [
        ("soon", "2019-10-04", "time_unreadable"),
        ("2019-10-03", "", "time_unreadable"),
        ("2019-10-03T00:00:00", "2019-10-04", "time_naive"),
        ("2019-10-04", "2019-10-03", "range_reversed"),
        ("2019-10-03", "2019-10-03", "range_reversed"),
        ("1969-10-03", "1969-10-04", "range_absurd"),
        ("2019-10-03", "2519-10-03", "range_absurd"),
        ("2016-01-01", "2026-01-01", "range_too_long"),
    ],
)
def test_a_range_that_makes_no_sense_is_refused(
    runtime: Runtime, ann: Resident, start: str, end: str, code: str
) -> None:
    (meter,) = listed(runtime, ann, facility_id=ann.facility.id)

    with pytest.raises(InvalidInput) as caught:
        asked(runtime, ann, meter.id, start, end)

    assert caught.value.code == code
