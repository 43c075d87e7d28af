"""From when on a collection asks, and which local days its totals and its checks are of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import dagster as dg
import pytest
from sqlalchemy import update

from dcarbon.db.tables import Meter, Series
from dcarbon.services import collection, collection_totals
from dcarbon.services.runtime import Runtime
from dcarbon_pipelines import checks
from tests.integration.pipelines.conftest import NOW, World
from tests.integration.pipelines.custodian import StandInCustodian
from tests.integration.pipelines.syncs import SHARD, run_sync, synced_at

pytestmark = pytest.mark.database

LAST_END = datetime(2026, 3, 15, 7, tzinfo=UTC)
MIDNIGHT = datetime(2026, 3, 10, 7, tzinfo=UTC)
"""Local midnight in California, three hours after the one in New York."""


def _ended(runtime: Runtime, series_id: UUID, at: datetime) -> None:
    with runtime.sessions.begin() as session:
        session.execute(update(Series).where(Series.id == series_id).values(last_end=at))


def test_without_a_window_a_collection_begins_where_a_sync_does(
    runtime: Runtime, world: World
) -> None:
    """Its hours have become quarters, an exchanged meter has ended, bills come once a month."""
    authorization = world.authorization()
    hourly = world.series(world.meter(authorization))
    _ended(runtime, hourly, LAST_END - timedelta(days=60))
    _ended(runtime, world.series_beside(hourly, interval_s=900), LAST_END)
    _ended(runtime, world.series_beside(hourly, interval_s=0), LAST_END - timedelta(days=30))
    _ended(runtime, world.series(world.meter(authorization)), LAST_END - timedelta(days=100))
    synced_at(runtime, authorization, LAST_END)

    outcome = collection.collect(runtime, authorization)

    assert outcome.window == (LAST_END - timedelta(days=7), NOW)


def test_totals_are_of_the_local_days_of_each_meter(runtime: Runtime, world: World) -> None:
    authorization = world.authorization()
    californian, new_yorker = world.meter(authorization), world.meter(authorization)
    with runtime.sessions.begin() as session:
        session.get_one(Meter, new_yorker).time_zone = "America/New_York"
    for meter in (californian, new_yorker):
        world.read(world.series(meter), MIDNIGHT - timedelta(days=2), [500] * 24 * 6)
    two_days = (MIDNIGHT, MIDNIGHT + timedelta(days=2))
    with runtime.sessions.begin() as session:
        meters = collection_totals.meters_of(session, authorization)
        around = (two_days[0] - timedelta(days=1), two_days[1] + timedelta(days=1))
        collection_totals.cover(session, meters, around, all_read=True, now=NOW)

    with runtime.sessions() as session:
        told = collection_totals.total(session, collection_totals.zones_of(meters), two_days)
        days = collection_totals.days_with_readings(session, meters, two_days)

    assert (told.meters, told.delivered_kwh, told.received_kwh) == (2, Decimal(2 * 24), Decimal(0))
    assert days == {californian: 2, new_yorker: 3}
    assert (told.covered_days, told.due_days) == (5, 5)


@pytest.mark.dagster
@pytest.mark.parametrize(("sync", "days"), [("daily", 8), ("weekly", 36)])
def test_checks_of_a_day_look_at_that_day_and_at_those_asked_for_again(
    instance: dg.DagsterInstance,
    definitions: dg.Definitions,
    world: World,
    custodian: StandInCustodian,
    *,
    sync: str,
    days: int,
) -> None:
    """A reading of the day itself is missing, and the utility does not answer: it stays so."""
    authorization = world.authorization(shard=SHARD)
    custodian.down.add(authorization.hex)
    series = world.series(world.meter(authorization))
    missing = datetime(2026, 3, 18, 20, tzinfo=UTC)
    world.read(series, missing - timedelta(days=50), [500] * 24 * 50)
    world.read(series, missing + timedelta(hours=1), [500] * 36)

    result = run_sync(instance, definitions, sync=sync)

    found = next(e for e in result.get_asset_check_evaluations() if e.check_name == checks.SOUND)
    assert found.metadata["meter_days"].value == days
    assert found.metadata["problems"].value == 1
    assert "2026-03-18" in str(found.metadata["meter_days_with_problems"].value)
