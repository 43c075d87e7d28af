"""Dagster's own asset pages with 10,000 authorizations and a year of days, and a sensor's tick.

Run as ``python -m benchmarks.dagster_pages``. A real webserver over a real PostgreSQL answers the
queries its pages send; the sensor is the product's own, over that many open work orders. Filling
takes some minutes; AUTHORIZATIONS and DAYS make it smaller.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import dagster as dg
import httpx2
from rich.table import Table
from sqlalchemy import insert, make_url, text

from benchmarks.harness import report, show
from dcarbon import settings
from dcarbon.cli.stack import PROJECT, free_port
from dcarbon.db import embedded, migrate
from dcarbon.db import engine as database
from dcarbon.db.authorizations import SHARDS, Authorization, shard_of
from dcarbon.db.base import new_id
from dcarbon.db.facilities import Facility
from dcarbon.db.work_orders import WorkOrder
from dcarbon.services.runtime import Runtime, open_runtime
from dcarbon_pipelines import checks
from dcarbon_pipelines.partitions import AUTHORIZATION, day_and_shard_key
from sensors.work_orders import open_work_orders

AUTHORIZATIONS = int(os.environ.get("AUTHORIZATIONS", "10000"))
DAYS = int(os.environ.get("DAYS", "365"))
ROUNDS = 5
WRITERS = 4
GOAL = "every page's queries and the sensor's tick in under 1 s"
LIMIT_S = 1.0
START_LIMIT_S = 120.0

# As the pages send them, less the fragments that only carry words.
HEALTH = """
query PartitionHealthQuery($assetKey: AssetKeyInput!) {
  assetNodeOrError(assetKey: $assetKey) { ... on AssetNode { id
    partitionKeysByDimension { name type partitionKeys }
    assetPartitionStatuses {
      ... on DefaultPartitionStatuses {
        materializedPartitions materializingPartitions failedPartitions }
      ... on MultiPartitionStatuses { primaryDimensionName
        ranges { primaryDimStartKey primaryDimEndKey primaryDimStartTime primaryDimEndTime
          secondaryDim { ... on DefaultPartitionStatuses {
            materializedPartitions materializingPartitions failedPartitions } } } } } } } }
"""
CHECK_HEALTH = """
query AssetCheckPartitionHealthQuery($assetKey: AssetKeyInput!, $checkName: String!) {
  assetNodeOrError(assetKey: $assetKey) { ... on AssetNode { id
    assetCheckOrError(checkName: $checkName) { ... on AssetCheck { name
      partitionKeysByDimension { name type partitionKeys }
      partitionStatuses {
        ... on AssetCheckDefaultPartitionStatuses { succeededPartitions failedPartitions
          inProgressPartitions skippedPartitions executionFailedPartitions }
        ... on AssetCheckMultiPartitionStatuses { primaryDimensionName
          ranges { primaryDimStartKey primaryDimEndKey primaryDimStartTime primaryDimEndTime
            secondaryDim { ... on AssetCheckDefaultPartitionStatuses {
              succeededPartitions failedPartitions } } } } } } } } } }
"""
LIVE = """
query AssetGraphLiveQuery($assetKeys: [AssetKeyInput!]!) {
  assetNodes(assetKeys: $assetKeys, loadMaterializations: true) { id opNames
    assetMaterializations(limit: 1) { timestamp runId }
    partitionStats { numMaterialized numMaterializing numPartitions numFailed }
    assetChecksOrError { ... on AssetChecks { checks { name
      executionForLatestMaterialization { id runId status } } } } }
  assetsLatestInfo(assetKeys: $assetKeys) { id unstartedRunIds inProgressRunIds
    latestMaterialization { timestamp runId } latestRun { id status } } }
"""
EVENTS = """
query RecentAssetEventsQuery($assetKey: AssetKeyInput!) {
  assetOrError(assetKey: $assetKey) { ... on Asset { id
    assetEventHistory(limit: 100, eventTypeSelectors: [MATERIALIZATION, OBSERVATION]) {
      cursor results { __typename ... on MaterializationEvent { timestamp runId partition
        metadataEntries { label ... on IntMetadataEntry { intValue } } } } } } } }
"""


def main() -> None:
    with ExitStack() as opened:
        home = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="dcarbon-pages-")))
        urls = opened.enter_context(embedded.server(home))
        runtime = opened.enter_context(_runtime(home, urls[embedded.PRODUCT_DATABASE]))
        environment = _environment(home, urls)
        os.environ.update(environment)
        instance = opened.enter_context(dg.DagsterInstance.from_config(str(home)))
        began = time.perf_counter()
        identities = _people(runtime)
        _materialize(instance, identities)
        print(f"filled in {time.perf_counter() - began:,.0f} s", flush=True)
        figures: dict[str, object] = {"authorizations": AUTHORIZATIONS, "days": DAYS}
        slowest = _ticks(runtime, instance, figures)
        with _webserver(environment, home) as ask:
            slowest = max(slowest, _pages(ask, figures))
            instance.add_dynamic_partitions(AUTHORIZATION, [str(new_id())])
            after = "partitions of authorization_intervals, a new authorization, s"
            variables = {"assetKey": {"path": ["authorization_intervals"]}}
            figures[after] = _timed(partial(ask, HEALTH, variables), rounds=1)
    report("dagster_pages", figures, GOAL, slowest < LIMIT_S)


@contextmanager
def _runtime(home: Path, url: str) -> Iterator[Runtime]:
    engine = database.create(url)
    migrate.upgrade(engine)
    engine.dispose()
    chosen = settings.load({}, directory=home, database_url=url, seal_keys_file=home / "seal.keys")
    with open_runtime(chosen) as runtime:
        yield runtime


def _environment(home: Path, urls: Mapping[str, str]) -> dict[str, str]:
    (home / "dagster.yaml").write_text((PROJECT / "dagster.yaml").read_text())
    dagster = make_url(urls[embedded.DAGSTER_DATABASE]).set(drivername="postgresql+psycopg2")
    return {
        "DAGSTER_HOME": str(home),
        "DAGSTER_PG_URL": dagster.render_as_string(hide_password=False),
        "DCARBON_DATABASE_URL": urls[embedded.PRODUCT_DATABASE],
        "DCARBON_DIRECTORY": str(home),
        "DCARBON_SEAL_KEYS_FILE": str(home / "seal.keys"),
    }


def _people(runtime: Runtime) -> list[UUID]:
    """Make authorizations, each with an order that is due."""
    identities = [new_id() for _ in range(AUTHORIZATIONS)]
    facilities = [new_id() for _ in identities]
    now = datetime.now(UTC)
    with runtime.sessions.begin() as session:
        session.execute(
            insert(Facility),
            [
                {"id": each, "name": f"House {place}", "account_kind": "residential"}
                for place, each in enumerate(facilities)
            ],
        )
        session.execute(
            insert(Authorization),
            [
                {
                    "id": identity,
                    "facility_id": facility,
                    "method": "green_button",
                    "provider": "pge",
                    "utility": "Pacific Gas and Electric",
                    "status": "authorized",
                    "shard": shard_of(identity),
                }
                for identity, facility in zip(identities, facilities, strict=True)
            ],
        )
        session.execute(
            insert(WorkOrder),
            [
                {
                    "id": new_id(),
                    "kind": "collect",
                    "authorization_id": identity,
                    "reason": "measured",
                    "opened_at": now - timedelta(hours=1),
                    "not_before": now - timedelta(hours=1),
                }
                for identity in identities
            ],
        )
        session.execute(text("analyze"))
    return identities


def _materialize(instance: dg.DagsterInstance, identities: Sequence[UUID]) -> None:
    """Materialize and check everything, as a year of nights does."""
    keys = [str(identity) for identity in identities]
    instance.add_dynamic_partitions(AUTHORIZATION, keys)
    today = datetime.now(UTC).date()
    days = [
        str(day_and_shard_key(day, shard))
        for day in (_day_before(today, back) for back in range(1, DAYS + 1))
        for shard in range(SHARDS)
    ]
    numbers = {"authorizations": 625, "readings": 60_000, "failed": 3}
    events: list[Callable[[], None]] = []
    for asset, partitions in (
        ("meters", keys),
        ("authorization_intervals", keys),
        ("intervals", days),
    ):
        for partition in partitions:
            made = dg.AssetMaterialization(asset, partition=partition, metadata=numbers)
            events.append(_reporting(instance, made))
            if asset != "meters":
                verdict = dg.AssetCheckEvaluation(
                    asset_key=dg.AssetKey(asset),
                    check_name=checks.SOUND,
                    passed=True,
                    partition=partition if asset == "intervals" else None,
                )
                events.append(_reporting(instance, verdict))
    with ThreadPoolExecutor(WRITERS) as pool:
        for done, _ in enumerate(pool.map(lambda write: write(), events), start=1):
            if done % 5_000 == 0:
                print(f"{done:,} of {len(events):,} events", flush=True)


def _reporting(
    instance: dg.DagsterInstance, event: dg.AssetMaterialization | dg.AssetCheckEvaluation
) -> Callable[[], None]:
    return lambda: instance.report_runless_asset_event(event)


def _day_before(day: date, back: int) -> date:
    return day - timedelta(days=back)


def _ticks(runtime: Runtime, instance: dg.DagsterInstance, figures: dict[str, object]) -> float:
    def tick() -> None:
        with dg.build_sensor_context(instance, resources={"runtime": runtime}) as context:
            asked = open_work_orders(context)
        if not isinstance(asked, list) or not asked:
            raise TypeError(f"no runs were asked for: {type(asked).__name__}")

    took = figures[f"tick of open_work_orders, {AUTHORIZATIONS:,} orders, s"] = _timed(tick)
    return took


def _pages(ask: Callable[[str, Mapping[str, object]], None], figures: dict[str, object]) -> float:
    slowest = 0.0
    table = Table("query", "asset", "first, s", "median, s", title="Asset pages")
    for asset in ("meters", "authorization_intervals", "intervals"):
        key = {"path": [asset]}
        asked: dict[str, tuple[str, Mapping[str, object]]] = {
            "partitions": (HEALTH, {"assetKey": key}),
            "live": (LIVE, {"assetKeys": [key]}),
            "events": (EVENTS, {"assetKey": key}),
        }
        if asset != "meters":
            asked["check"] = (CHECK_HEALTH, {"assetKey": key, "checkName": checks.SOUND})
        for name, (query, variables) in asked.items():
            first = _timed(partial(ask, query, variables), rounds=1)
            took = _timed(partial(ask, query, variables))
            slowest = max(slowest, took)
            table.add_row(name, asset, f"{first:.2f}", f"{took:.2f}")
            figures[f"{name} of {asset}, first, s"] = first
            figures[f"{name} of {asset}, s"] = took
    show(table)
    return slowest


@contextmanager
def _webserver(
    environment: Mapping[str, str], home: Path
) -> Iterator[Callable[[str, Mapping[str, object]], None]]:
    """Start Dagster's webserver; yield what asks it a query and fails on an error."""
    port = free_port(0)
    with (home / "webserver.log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "dagster_webserver", "-m", "dcarbon_pipelines.definitions"),
                *("-h", "127.0.0.1", "-p", str(port)),
            ],
            env={**os.environ, **environment},
            stdout=log,
            stderr=log,
        )
        try:
            with httpx2.Client(
                base_url=f"http://127.0.0.1:{port}", timeout=120, trust_env=False
            ) as http:
                _wait_for(http, process, home)
                yield lambda query, variables: _ask(http, query, variables)
        finally:
            process.terminate()
            process.wait()


def _wait_for(http: httpx2.Client, process: subprocess.Popen[bytes], home: Path) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if http.get("/server_info").is_success:
                return
        except httpx2.TransportError:
            time.sleep(0.2)
    raise SystemExit((home / "webserver.log").read_text()[-2_000:])


def _ask(http: httpx2.Client, query: str, variables: Mapping[str, object]) -> None:
    answer = http.post("/graphql", json={"query": query, "variables": variables})
    answer.raise_for_status()
    if errors := answer.json().get("errors"):
        raise SystemExit(str(errors)[:2_000])


def _timed(work: Callable[[], None], rounds: int = ROUNDS) -> float:
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


if __name__ == "__main__":
    main()
