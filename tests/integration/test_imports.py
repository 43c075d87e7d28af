"""Download My Data files: what is read is stored once and exactly; what is not leaves nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from dcarbon.db.audit import AuditEntry
from dcarbon.db.facilities import Facility
from dcarbon.db.interval_days import IntervalDay
from dcarbon.db.meters import Meter
from dcarbon.db.payloads import LandedPayload
from dcarbon.domain.errors import DCarbonError
from dcarbon.services import imports
from dcarbon.services.actors import SYSTEM
from dcarbon.services.runtime import Runtime

pytestmark = pytest.mark.database

FEED_HEAD = b'<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom">'
BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE feed [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    b"<feed>&b;</feed>"
)


@pytest.mark.parametrize(
    ("name", "totals"),
    [
        ("pge-electric-hourly-1day.xml", {("delivered", "Wh"): "50663.298"}),
        ("pge-gas-daily-1day.xml", {("delivered", "therm"): "0"}),
        ("sce-bulk-usage.xml", {("delivered", "Wh"): "24380"}),
        ("sdge-download-hourly-2019-10.xml", {("delivered", "Wh"): "351425"}),
        ("opower-pge-quarter-hourly-cost-2013.xml", {("unknown", "Wh"): "7494"}),
        ("ameren-quarter-hourly-four-usagepoints.xml", {("delivered", "Wh"): "57893"}),
        ("utilityapi-batch-reverse-flow.xml", {("received", "Wh"): "726240"}),
        ("puc-minimal-reverse-order.xml", {("delivered", "Wh"): "248530"}),
        ("gba-hourly-nine-days-cost.xml", {("delivered", "Wh"): "199563"}),
        ("gba-gas-monthly-cost.xml", {("delivered", "therm"): "1081.119"}),
        (
            "gba-forward-reverse-conflicting-links.xml",
            {("delivered", "Wh"): "17692", ("received", "Wh"): "21021", ("delivered", "W"): "8300"},
        ),
    ],
)
def test_a_real_file_is_stored_to_the_last_unit(
    runtime: Runtime, facility: Facility, samples: Path, name: str, totals: dict[object, str]
) -> None:
    imports.import_file(runtime, facility, samples / name, actor=SYSTEM)

    with runtime.sessions() as session:
        rows = session.execute(
            text("select direction, unit, sum(value) from intervals group by 1, 2")
        )
        stored = {(row[0], row[1]): row[2] for row in rows}
    assert stored == {key: Decimal(value) for key, value in totals.items()}


def test_the_same_file_again_writes_nothing(
    runtime: Runtime, facility: Facility, samples: Path
) -> None:
    path = samples / "pge-electric-hourly-1day.xml"
    imports.import_file(runtime, facility, path, actor=SYSTEM)
    before = _versions(runtime)

    again = imports.import_file(runtime, facility, path, actor=SYSTEM)

    assert again.stored is not None
    assert (again.stored.new, again.stored.restated) == (0, 0)
    assert _versions(runtime) == before
    with runtime.sessions() as session:
        assert session.scalar(select(func.count()).select_from(LandedPayload)) == 1


@pytest.mark.parametrize(
    ("clock", "first"),
    [
        ("auto", datetime(2019, 10, 1, 7, tzinfo=UTC)),
        ("local", datetime(2019, 10, 1, 7, tzinfo=UTC)),
        ("utc", datetime(2019, 10, 1, 0, tzinfo=UTC)),
    ],
)
def test_local_clock_times_become_true_instants(
    runtime: Runtime, facility: Facility, samples: Path, clock: imports.Clock, first: datetime
) -> None:
    path = samples / "sdge-download-hourly-2019-10.xml"

    imports.import_file(runtime, facility, path, actor=SYSTEM, clock=clock)

    with runtime.sessions() as session:
        assert session.scalar(text("select min(start_utc) from intervals")) == first


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (FEED_HEAD, "malformed_xml"),
        (FEED_HEAD + b"</feed>", "no_intervals"),
        (b"not xml at all", "not_espi"),
        (b"<html><body>Sign in</body></html>", "not_espi"),
        (BOMB, "xml_refused_dtd"),
        (b'<?xml version="1.0" encoding="utf-8"?><feed>\xff\xfe\xfa</feed>', "xml_encoding"),
    ],
    ids=["truncated", "no readings", "no xml", "a web page", "entities", "wrong encoding"],
)
def test_a_file_that_cannot_be_read_is_kept_and_leaves_nothing_else(
    runtime: Runtime, facility: Facility, tmp_path: Path, content: bytes, code: str
) -> None:
    path = tmp_path / "download.xml"
    path.write_bytes(content)

    result = imports.import_file(runtime, facility, path, actor=SYSTEM)

    assert result.error is not None
    assert result.error.code == code
    assert runtime.landing.get(result.sha256) == content
    with runtime.sessions() as session:
        payload = session.scalars(select(LandedPayload)).one()
        assert (payload.state, payload.error_code) == ("unreadable", code)
        assert session.scalar(select(func.count()).select_from(IntervalDay)) == 0
        assert session.scalar(select(func.count()).select_from(Meter)) == 0
        assert "payload_unreadable" in session.scalars(select(AuditEntry.event)).all()


def test_a_bad_file_loses_nothing_that_is_stored(
    runtime: Runtime, facility: Facility, samples: Path, tmp_path: Path
) -> None:
    imports.import_file(runtime, facility, samples / "gba-hourly-nine-days-cost.xml", actor=SYSTEM)
    before = _versions(runtime)
    whole = (samples / "gba-hourly-nine-days-cost.xml").read_bytes()
    cut = tmp_path / "cut.xml"
    cut.write_bytes(whole[: len(whole) // 2])

    result = imports.import_file(runtime, facility, cut, actor=SYSTEM)

    assert result.error is not None
    assert _versions(runtime) == before


def test_readings_without_usable_times_are_refused_with_that_reason(
    runtime: Runtime, facility: Facility, samples: Path
) -> None:
    path = samples / "national-grid-ma-gas-cost-odd.xml"

    result = imports.import_file(runtime, facility, path, actor=SYSTEM)

    assert result.error is not None
    assert result.error.code == "times_unusable"


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch], ids=["folder", "empty"])
def test_a_folder_or_empty_file_is_refused_before_anything_is_written(
    runtime: Runtime, facility: Facility, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    path = tmp_path / "nothing.xml"
    make(path)

    with pytest.raises(DCarbonError) as caught:
        imports.import_file(runtime, facility, path, actor=SYSTEM)

    assert caught.value.code == "file_empty"


def test_a_facility_is_found_by_name_or_id_or_not_at_all(
    runtime: Runtime, facility: Facility
) -> None:
    by_name = imports.find_facility(runtime, "House", actor=SYSTEM)
    by_id = imports.find_facility(runtime, str(facility.id), actor=SYSTEM)

    assert by_name.id == by_id.id == facility.id
    with pytest.raises(DCarbonError) as caught:
        imports.find_facility(runtime, "Castle", actor=SYSTEM)
    assert caught.value.code == "not_found"


def _versions(runtime: Runtime) -> list[str]:
    with runtime.sessions() as session:
        query = select(IntervalDay.series_id, IntervalDay.utc_day, text("xmin::text"))
        return sorted(map(str, session.execute(query)))
