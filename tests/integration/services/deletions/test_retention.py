"""Retention: what access brought goes some time after it ended, save what reports rest on."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select, text

from dcarbon.cli import dcarbon
from dcarbon.db.audit import AuditEntry
from dcarbon.db.authorizations import Authorization
from dcarbon.db.base import new_id
from dcarbon.db.derived_energy import DailyEnergy, MonthlyGeneration
from dcarbon.db.generation_reports import GenerationReport
from dcarbon.db.interval_days import IntervalDay
from dcarbon.db.meters import CoverageDay, Meter, MeterChannel, Series
from dcarbon.domain.errors import PayloadMissing
from dcarbon.services import (
    energy_checks,
    generation_adjustments,
    generation_downloads,
    leaving_payloads,
    replaying,
    retention,
)
from dcarbon.services.replaying import Asked
from dcarbon.services.runtime import Runtime
from tests.integration.services import metering
from tests.integration.services.conftest import MovableClock
from tests.integration.services.deletions.conftest import FEBRUARY, ended, payloads
from tests.support import solar_month
from tests.support.solar_month import Roof

pytestmark = pytest.mark.database
KEPT_FOR = timedelta(days=2557)


def enforce(runtime: Runtime) -> list[retention.Enforced]:
    with runtime.sessions() as session:
        found = retention.due(session, runtime.settings, at=runtime.now())
    done = [each for one in found if (each := retention.enforce(runtime, one))]
    leaving_payloads.settle(runtime)
    return done


def evidence(roof: Roof, report: UUID) -> bytes:
    _, file = generation_downloads.evidence(roof.runtime, report, actor=roof.actor)
    with file:
        return file.read()


def days_stored(runtime: Runtime) -> set[date]:
    with runtime.sessions() as session:
        return set(session.scalars(select(IntervalDay.utc_day)))


def test_nothing_is_due_before_its_time_nor_while_a_consent_stands(
    roof: Roof, consent: UUID, clock: MovableClock
) -> None:
    runtime = roof.runtime
    in_force = retention.preview(runtime, at=runtime.now() + 2 * KEPT_FOR)
    ended(runtime, consent)
    clock.advance(KEPT_FOR)
    on_the_day = retention.preview(runtime)
    another = metering.authorization(runtime, roof.facility.id)
    clock.advance(timedelta(days=1))
    renewed = retention.preview(runtime)
    ended(runtime, another)
    later = retention.preview(runtime, at=runtime.now() + KEPT_FOR + timedelta(days=1))

    assert (in_force, on_the_day, renewed) == ([], [], [])
    assert [one.due.authorization_ids for one in later] == [(consent, another)]
    assert later[0].erased.readings.readings == (45 * 24 - 1) * 2
    with runtime.sessions() as session:
        following = retention.next_end(session, runtime.settings, at=runtime.now())
    assert following == (runtime.now() + KEPT_FOR).date()


def test_what_is_due_is_erased_as_previewed_and_audited(
    roof: Roof, consent: UUID, clock: MovableClock
) -> None:
    runtime = roof.runtime
    ended(runtime, consent)
    clock.advance(KEPT_FOR + timedelta(days=1))
    (previewed,) = retention.preview(runtime)
    hashes = [row.sha256 for row in payloads(runtime, roof.facility.id)]
    (done,) = enforce(runtime)
    solar_month.derive(runtime)

    assert done.erased == previewed.erased
    assert done.erased.payloads.hashes == tuple(sorted(hashes))
    assert days_stored(runtime) == set()
    with runtime.sessions() as session:
        for model in (DailyEnergy, CoverageDay):
            assert session.scalar(select(func.count()).select_from(model)) == 0
        meter = session.scalars(select(Meter)).one()
        assert (meter.service_address, meter.account_id) == (None, None)
        assert set(session.scalars(select(Series.last_end))) == {None}
        (entry,) = session.scalars(select(AuditEntry).where(AuditEntry.event == "data_erased"))
        assert entry.details["counts"]["readings"] == done.erased.readings.readings
        assert (entry.authorization_id, entry.details["counts"]["payloads"]) == (consent, 3)
    with pytest.raises(PayloadMissing):
        runtime.landing.get(hashes[0])
    assert enforce(runtime) == []


def test_what_a_final_report_rests_on_is_kept_and_said(
    roof: Roof, consent: UUID, report: UUID, clock: MovableClock
) -> None:
    runtime = roof.runtime
    before = evidence(roof, report)
    with runtime.sessions() as session:
        month = session.get_one(MonthlyGeneration, (roof.unit_id, FEBRUARY)).value
    ended(runtime, consent)
    clock.advance(KEPT_FOR + timedelta(days=1))
    (done,) = enforce(runtime)
    solar_month.derive(runtime)

    assert [one.report_id for one in done.erased.held.reports] == [report]
    assert (len(done.erased.payloads.hashes), len(done.erased.held_payloads.hashes)) == (1, 2)
    days = days_stored(runtime)
    assert (min(days), max(days)) == (date(2026, 1, 29), date(2026, 3, 1))
    assert evidence(roof, report) == before
    around = [date(2026, 1, 28) + timedelta(days=n) for n in range(34)]
    assert energy_checks.days(runtime.sessions, around).differences == []
    assert energy_checks.months(runtime.sessions, [FEBRUARY]).differences == []
    assert generation_adjustments.look(runtime).opened == 0
    with runtime.sessions() as session:
        assert session.get_one(MonthlyGeneration, (roof.unit_id, FEBRUARY)).value == month
        assert session.scalars(select(GenerationReport)).one().state == "final"


def test_payloads_can_go_before_readings_and_are_not_replayed_then(
    roof: Roof, consent: UUID, report: UUID, clock: MovableClock
) -> None:
    settings = roof.runtime.settings.model_copy(
        update={"payload_retention_days": 30, "reading_retention_days": None}
    )
    runtime = _with(roof.runtime, settings)
    ended(runtime, consent)
    clock.advance(timedelta(days=31))
    days = days_stored(runtime)
    (done,) = enforce(runtime)
    replayed = replaying.replay(runtime, Asked(), apply=True)

    assert (done.due.payloads, done.due.readings) == (True, False)
    assert days_stored(runtime) == days
    assert replayed.counts["payloads"] == 0
    assert [row.erased_at is None for row in payloads(runtime, roof.facility.id)] == [
        *(True, True, False)
    ]
    with runtime.sessions() as session:
        assert session.get_one(Authorization, consent).readings_erased_at is None
    assert enforce(runtime) == []


def test_bytes_that_land_again_are_there_again(
    roof: Roof, consent: UUID, clock: MovableClock
) -> None:
    """A new consent may bring the very answers that were erased with the old one."""
    runtime = roof.runtime
    ended(runtime, consent)
    clock.advance(KEPT_FOR + timedelta(days=1))
    enforce(runtime)
    clock.advance(timedelta(hours=2))
    leaving_payloads.settle(runtime)
    march = solar_month.feed(date(2026, 3, 6), date(2026, 3, 10))
    roof.take_in(march)

    again = [row for row in payloads(runtime, roof.facility.id) if row.erased_at is None]
    assert [(row.state, runtime.landing.get(row.sha256)) for row in again] == [("parsed", march)]
    assert date(2026, 3, 8) in days_stored(runtime)


def test_an_answer_that_came_by_another_consent_too_stays_until_that_is_over(
    roof: Roof, consent: UUID, clock: MovableClock
) -> None:
    runtime, other = roof.runtime, _another_provider(roof)
    ended(runtime, consent)
    clock.advance(KEPT_FOR + timedelta(days=1))
    (previewed,) = retention.preview(runtime)
    (done,) = enforce(runtime)

    assert done.erased == previewed.erased
    kept = [row.erased_at is None for row in payloads(runtime, roof.facility.id)]
    assert kept == [True, False, False]
    assert days_stored(runtime) == {date(2026, 1, 25)}
    ended(runtime, other)
    clock.advance(KEPT_FOR + timedelta(days=1))
    enforce(runtime)
    assert days_stored(runtime) == set()
    assert all(row.erased_at for row in payloads(runtime, roof.facility.id))


def _another_provider(roof: Roof) -> UUID:
    """Let a meter of another utility of the facility rest on the answer of January, too."""
    runtime, facility_id = roof.runtime, roof.facility.id
    identity = metering.authorization(runtime, facility_id)
    meter = metering.meter(
        runtime, facility_id, "delivered", provider="sce", authorization_id=identity
    )
    with runtime.sessions.begin() as session:
        session.get_one(Authorization, identity).provider = "sce"
        channel = session.scalars(select(MeterChannel).where(MeterChannel.meter_id == meter)).one()
        series = Series(id=new_id(), channel_id=channel.id, interval_s=3600)
        session.add(series)
        session.flush()
        copied = text("""insert into interval_days (series_id, utc_day, readings, wide_readings,
                exponent, quality, qualities, content_hash, payload_id, other_payload_ids,
                recorded_at)
            select :series, utc_day, readings, wide_readings, exponent, quality, qualities,
                   content_hash, payload_id, other_payload_ids, recorded_at
            from interval_days where utc_day = '2026-01-25' limit 1""")
        session.execute(copied, {"series": series.id})
    return identity


def test_the_command_shows_before_it_erases(
    roof: Roof, consent: UUID, monkeypatch: pytest.MonkeyPatch, clock: MovableClock
) -> None:
    runtime = roof.runtime
    ended(runtime, consent)
    url = runtime.settings.database_url
    assert url is not None
    monkeypatch.setenv("DCARBON_DIRECTORY", str(runtime.settings.directory))
    monkeypatch.setenv("DCARBON_DATABASE_URL", url.get_secret_value())
    monkeypatch.setenv("DCARBON_SEAL_KEYS_FILE", str(runtime.settings.seal_keys_file))
    then = (datetime.now(UTC) + 2 * KEPT_FOR).date()

    now = CliRunner().invoke(dcarbon, ["retention"])
    ahead = CliRunner().invoke(dcarbon, ["retention", "--on", then.isoformat()])

    assert now.exit_code == ahead.exit_code == 0, now.output + ahead.output
    assert "kept for 2557 days" in now.output
    assert "the next is on" in now.output
    assert "2,158" in ahead.output
    assert "Nothing was erased" in ahead.output
    assert len(days_stored(runtime)) > 40


def _with(runtime: Runtime, settings: object) -> Runtime:
    from dataclasses import replace  # noqa: PLC0415

    return replace(runtime, settings=settings)  # type: ignore[arg-type]
