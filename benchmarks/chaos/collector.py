"""Runs without Dagster: takes up due work orders and asked syncs, over and over, until it is ended.

What it does for an authorization is what a Dagster run does. It starts in a second, so that a few
rounds fit into ``make test``; the benchmark uses Dagster's daemon and its runs.
"""

from __future__ import annotations

import logging
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from uuid import UUID, uuid4

from sqlalchemy.exc import InterfaceError, OperationalError

from benchmarks.chaos import asks
from benchmarks.chaos.clock import SharedClock
from dcarbon import settings
from dcarbon.domain.errors import DCarbonError
from dcarbon.services import collection, syncing, work
from dcarbon.services.runtime import Runtime, open_runtime

PAUSE_S = 0.1
RUN_ID = f"collector-{uuid4()}"
"""Each process is a run of its own: what a killed one left open, the next one closes."""
_log = logging.getLogger(__name__)


def main() -> None:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    synced: set[str] = set()
    with open_runtime(settings.load(), clock=SharedClock.of_environment().now) as runtime:
        while True:
            try:
                _collect_what_is_due(runtime)
                synced.update(
                    key for key in asks.asked() if key not in synced and _sync(runtime, key)
                )
            except (InterfaceError, OperationalError) as error:
                # The database is away: a run of Dagster fails then, and another one follows.
                _log.warning("database: %s", type(error).__name__)
            time.sleep(PAUSE_S)


def _collect_what_is_due(runtime: Runtime) -> None:
    due = work.due(runtime.sessions, now=runtime.now())
    one_each = dict.fromkeys(authorization_id for _, authorization_id, _ in due)
    with ThreadPoolExecutor(runtime.settings.provider_concurrency) as pool:
        for done in [pool.submit(_collect, runtime, identity) for identity in one_each]:
            done.result()


def _sync(runtime: Runtime, key: str) -> bool:
    """Sync a shard up to a day; say whether everybody was reached."""
    day, shard = key.split("|")
    number = int(shard.removeprefix("shard-"))
    outcome = syncing.sync_shard(runtime, day=date.fromisoformat(day), shard=number, run_id=RUN_ID)
    _log.info("%s: %d collected, %d left", key, len(outcome.collected), outcome.left)
    return not outcome.left


def _collect(runtime: Runtime, authorization_id: UUID) -> None:
    try:
        outcome = collection.collect(runtime, authorization_id, run_id=RUN_ID)
        _log.info("%s: %s readings, %r", authorization_id, outcome.readings, outcome.error)
    except DCarbonError as error:
        _log.exception("%s: %s", authorization_id, error.code)


if __name__ == "__main__":
    main()
