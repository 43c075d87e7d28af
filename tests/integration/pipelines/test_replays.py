"""Payloads are read again by the parser of today; what it reads differently is said, then stored.

An earlier parser's mistake is laid out as it would have left things: wrong readings, a wrong mark.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import dagster as dg
import numpy as np
import pytest
from sqlalchemy import select, text

from dcarbon.db import interval_days_writing
from dcarbon.db.authorizations import Authorization
from dcarbon.db.interval_days_writing import SeriesReadings
from dcarbon.db.tables import AuditEntry, Facility, IntervalDay, LandedPayload, Replay, Series
from dcarbon.providers.green_button import espi
from dcarbon.services import imports, ingestion, replaying
from dcarbon.services.actors import SYSTEM
from dcarbon.services.ingestion import Arrival, Ingested
from dcarbon.services.readings_storing import Origin
from dcarbon.services.replay_reports import Report
from dcarbon.services.replaying import Asked
from tests.integration.pipelines.conftest import NOW, World
from tests.integration.pipelines.custodian import feed_of

pytestmark = [pytest.mark.database, pytest.mark.dagster]

FIRST = datetime(2026, 3, 10, tzinfo=UTC)
HOURS = 48


@dataclass(frozen=True)
class Customer:
    """One customer whose payloads arrive when a test says so."""

    world: World
    authorization: UUID

    def receive(self, wh: int, *, at: datetime, first: datetime = FIRST) -> Ingested:
        return self.land(feed(self.authorization.hex, first, wh), at=at)

    def land(self, content: bytes, *, at: datetime) -> Ingested:
        runtime = self.world.runtime
        return ingestion.ingest(
            runtime.sessions,
            runtime.landing,
            Arrival(content, "application/atom+xml", "https://sdge.invalid/feed", at),
            self.origin(),
            parser="espi",
            parse=espi.parse,
            now=at,
        )

    def origin(self) -> Origin:
        with self.world.runtime.sessions() as session:
            row = session.get_one(Authorization, self.authorization)
        zone = self.world.runtime.providers.profile(row.provider).time_zone
        return Origin(row.facility_id, row.id, row.provider, row.utility, zone)

    def replay(self, *, apply: bool, day: datetime | None = None) -> Report:
        asked = Asked(self.authorization)
        if day is not None:
            asked = Asked(self.authorization, day, day + timedelta(days=1))
        return replaying.replay(self.world.runtime, asked, apply=apply)

    def readings(self) -> list[int]:
        with self.world.runtime.sessions() as session:
            rows = session.scalars(select(IntervalDay).order_by(IntervalDay.utc_day))
            return [value for row in rows for value in row.readings if value is not None]

    def misread(self, wh: int, payload: Ingested, *, hours: int) -> None:
        """Leave things as a parser would have that read the first hours as something else."""
        with self.world.runtime.sessions.begin() as session:
            wrong = SeriesReadings(
                series_id=session.scalars(select(Series.id)).one(),
                interval_s=3600,
                start=int(FIRST.timestamp()) + 3600 * np.arange(hours, dtype=np.int64),
                value=np.full(hours, wh, np.int64),
                exponent=0,
                quality=np.full(hours, -1, np.int16),
                payload_id=payload.payload_id,
            )
            interval_days_writing.write(session, [wrong], recorded_at=NOW)


def feed(subscription: str, first: datetime, wh: int) -> bytes:
    begin = int(first.timestamp())
    return feed_of(subscription, range(begin, begin + HOURS * 3600, 3600), wh).encode()


@pytest.fixture
def customer(world: World) -> Customer:
    return Customer(world, world.authorization())


def test_a_report_says_what_applying_does_and_changes_nothing(customer: Customer) -> None:
    payload = customer.receive(500, at=NOW)
    customer.misread(7, payload, hours=3)

    report = customer.replay(apply=False)

    assert (report.counts["payloads"], report.counts["changed"], report.counts["new"]) == (1, 3, 0)
    day = report.days[0]
    assert (day.direction, day.utc_day, day.changed) == ("delivered", FIRST.date(), 3)
    assert (day.before, day.after) == (Decimal(21 * 500 + 3 * 7), Decimal(24 * 500))
    assert customer.readings()[:4] == [7, 7, 7, 500]


def test_applying_puts_it_right_once_and_keeps_what_was_stored_before(customer: Customer) -> None:
    payload = customer.receive(500, at=NOW)
    customer.misread(7, payload, hours=3)

    done, again = customer.replay(apply=True), customer.replay(apply=True)

    assert (done.counts["changed"], again.counts["changed"], again.counts["new"]) == (3, 0, 0)
    assert again.days == []
    assert customer.readings() == [500] * HOURS
    with customer.world.runtime.sessions() as session:
        history = session.execute(text("select readings[1] from interval_days_history")).scalars()
        assert 7 in set(history)
        entries = session.scalars(select(AuditEntry).filter_by(event="payloads_replayed")).all()
    assert [entry.details["changed"] for entry in entries] == [3]


def test_an_older_payload_never_restates_what_a_newer_one_says(customer: Customer) -> None:
    customer.receive(500, at=NOW)
    customer.receive(600, at=NOW + timedelta(days=2), first=FIRST + timedelta(days=1))

    done = customer.replay(apply=True, day=NOW.replace(hour=0))

    assert (done.counts["payloads"], done.counts["changed"]) == (1, 0)
    assert customer.readings() == [500] * 24 + [600] * 48


def test_only_what_a_newer_payload_does_not_say_is_put_right(customer: Customer) -> None:
    older = customer.receive(500, at=NOW)
    customer.receive(600, at=NOW + timedelta(days=2), first=FIRST + timedelta(days=1))
    customer.misread(7, older, hours=30)

    done = customer.replay(apply=True, day=NOW.replace(hour=0))

    assert done.counts["changed"] == 24
    assert customer.readings() == [500] * 24 + [7] * 6 + [600] * 42


def test_a_provider_may_return_to_what_it_said_first(customer: Customer) -> None:
    """The same bytes are one record: when they last changed a reading is what counts."""
    for wh, days in ((500, 0), (600, 1), (500, 2)):
        customer.receive(wh, at=NOW + timedelta(days=days))

    done = customer.replay(apply=True)

    assert (done.counts["payloads"], done.counts["changed"]) == (2, 0)
    assert customer.readings() == [500] * HOURS


def test_a_payload_that_can_be_read_today_is_stored_and_marked(customer: Customer) -> None:
    content = feed(customer.authorization.hex, FIRST, 500)
    payload = customer.land(content, at=NOW)
    with customer.world.runtime.sessions.begin() as session:
        row = session.get_one(LandedPayload, payload.payload_id)
        row.state, row.error_code, row.readings = "unreadable", "malformed", 0
        session.execute(text("delete from interval_days"))

    report, done = customer.replay(apply=False), customer.replay(apply=True)

    assert report.counts == done.counts
    assert (done.counts["unreadable_before"], done.counts["readable_again"]) == (1, 1)
    assert (done.counts["unreadable_now"], done.counts["new"]) == (0, HOURS)
    with customer.world.runtime.sessions() as session:
        row = session.get_one(LandedPayload, payload.payload_id)
    assert (row.state, row.error_code, row.readings) == ("parsed", None, HOURS)


def test_what_cannot_be_read_any_more_leaves_its_facility_as_it_is(customer: Customer) -> None:
    """What it states is then not known, so nothing older may be written over it."""
    older = customer.receive(500, at=NOW)
    customer.misread(7, older, hours=3)
    newer = customer.land(b"<feed", at=NOW + timedelta(days=1))
    with customer.world.runtime.sessions.begin() as session:
        row = session.get_one(LandedPayload, newer.payload_id)
        row.state, row.readings = "parsed", 48

    done = customer.replay(apply=True)

    assert (done.counts["facilities_left"], done.counts["changed"]) == (1, 0)
    assert [trouble.payload_id for trouble in done.troubles] == [newer.payload_id]
    assert customer.readings()[:4] == [7, 7, 7, 500]


def test_a_payload_without_bytes_is_reported_and_breaks_nothing(customer: Customer) -> None:
    customer.receive(500, at=NOW)
    landing = customer.world.runtime.settings.directory / "landing"
    for stored in landing.rglob("*.zst"):
        stored.unlink()

    report = customer.replay(apply=False)

    assert (report.counts["lost"], report.troubles[0].code) == (1, "payload_missing")


def test_an_imported_file_is_read_with_the_clock_it_was_imported_with(
    world: World, tmp_path: Path
) -> None:
    """Read again as if its starts were UTC, every reading would move by hours."""
    runtime = world.runtime
    with runtime.sessions.begin() as session:
        facility = Facility(name="Sunny Hall", account_kind="commercial")
        session.add(facility)
    path = tmp_path / "download.xml"
    path.write_bytes(feed("f1e", FIRST, 500))
    imports.import_file(runtime, facility, path, actor=SYSTEM, clock="local")

    report = replaying.replay(runtime, Asked(), apply=False)

    assert (report.counts["payloads"], report.counts["new"], report.counts["changed"]) == (1, 0, 0)


def test_the_job_shows_the_report_and_keeps_it(
    instance: dg.DagsterInstance, definitions: dg.Definitions, customer: Customer
) -> None:
    payload = customer.receive(500, at=NOW)
    customer.misread(7, payload, hours=3)
    config = {"authorization": str(customer.authorization), "received_from": "2026-03-20"}

    result = definitions.resolve_job_def("replay_payloads").execute_in_process(
        instance=instance, run_config={"ops": {"read_again": {"config": config}}}
    )

    outputs = instance.all_logs(result.run_id, of_type=dg.DagsterEventType.STEP_OUTPUT)
    metadata = outputs[0].get_dagster_event().step_output_data.metadata
    assert metadata["changed"].value == 3
    assert "would change 3 readings" in str(metadata["summary"].value)
    assert "delivered" in str(metadata["days"].value)
    with customer.world.runtime.sessions() as session:
        kept = session.scalars(select(Replay)).one()
    assert (kept.run_id, kept.report["changed"], kept.applied_at) == (result.run_id, 3, None)


def test_the_job_says_what_was_typed_wrong(
    instance: dg.DagsterInstance, definitions: dg.Definitions
) -> None:
    result = definitions.resolve_job_def("replay_payloads").execute_in_process(
        instance=instance,
        run_config={"ops": {"read_again": {"config": {"received_from": "yesterday"}}}},
        raise_on_error=False,
    )

    failure = result.failure_data_for_node("read_again")
    assert failure is not None
    assert failure.user_failure_data is not None
    assert "Nothing was read" in str(failure.user_failure_data.description)
