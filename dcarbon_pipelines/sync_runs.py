"""Runs of scheduled syncs: what their tags say, and which are to be carried on by another run.

A run that could not reach everybody is tagged as one with a rest. The rest is asked for again until
nothing is left or a later sync of the shard was asked for, which begins at the last readings and so
covers it. Nothing is remembered elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import dagster as dg

from dcarbon.db.authorizations import SHARDS
from dcarbon.services.syncing import DAILY, WEEKLY
from dcarbon_pipelines.appearance import TITLE
from dcarbon_pipelines.jobs import daily_sync, weekly_sync
from dcarbon_pipelines.order_runs import PARTITION, RANGE_END, RANGE_START
from dcarbon_pipelines.partitions import DATE, SHARD, day_and_shard_key

SYNC = "dcarbon/sync"
"""``daily``, ``weekly``, or the name of what an administrator asked for."""
REST = "dcarbon/rest"
"""Whether somebody was left: ``waits``, ``carried on`` or ``left to a later sync``."""
LEFT = "dcarbon/left"
"""How many were left."""
AGAIN_AT = "dcarbon/again_at"
CARRIES_ON = "dcarbon/carries_on"
"""The run before of the same sync."""

WAITS, CARRIED_ON, COVERED = "waits", "carried on", "left to a later sync"
SHARD_OF_RUN = f"{PARTITION}/{SHARD}"
DAY_OF_RUN = f"{PARTITION}/{DATE}"
BEHIND_OTHERS = {"dagster/priority": "-1"}
"""A customer who has just come is collected before the next part of a sync."""


def name_of(run: dg.DagsterRun) -> str:
    """Return which sync a run belongs to; one that no schedule asked for is a sync of its own."""
    return run.tags.get(SYNC) or f"pull-{(run.root_run_id or run.run_id)[:8]}"


def tags_of_rest(run: dg.DagsterRun, *, left: int, again_at: datetime) -> dict[str, str]:
    """Return the tags of a run that left somebody."""
    return {
        SYNC: name_of(run),
        REST: WAITS,
        LEFT: str(left),
        AGAIN_AT: again_at.isoformat(timespec="seconds"),
    }


def of_all_shards(kind: str, day: date) -> list[dg.RunRequest]:
    """Return the runs of one scheduled sync, one per shard."""
    return [_of_shard(kind, day, shard) for shard in range(SHARDS)]


def _of_shard(kind: str, day: date, shard: int) -> dg.RunRequest:
    key = day_and_shard_key(day, shard)
    title = f"{kind.capitalize()} sync of {day.isoformat()}, part {shard + 1} of {SHARDS}"
    return dg.RunRequest(
        run_key=str(key), partition_key=key, tags={TITLE: title, SYNC: kind, **BEHIND_OTHERS}
    )


@dataclass(frozen=True, slots=True)
class Rests:
    """What to do about runs with a rest: tags to write, and runs to ask for."""

    verdicts: Sequence[tuple[str, str]]
    """Run id, and the word for :data:`REST`."""
    requests: Sequence[dg.RunRequest]


def busy_shards(unfinished: Iterable[dg.DagsterRun]) -> set[str]:
    """Return the shards of unfinished runs; ``""`` stands for a run over several."""
    of_syncs = [run for run in unfinished if SYNC in run.tags or SHARD_OF_RUN in run.tags]
    return {run.tags.get(SHARD_OF_RUN, "") for run in of_syncs}


def rests(
    waiting: Iterable[dg.DagsterRun],
    *,
    carried_on: Collection[str],
    scheduled: Iterable[dg.DagsterRun],
    busy: Collection[str],
    now: datetime,
) -> Rests:
    """Decide for each run whose rest waits. ``busy`` are shards with an unfinished run.

    ``carried_on`` are runs that have a follower, ``scheduled`` the runs of schedules. A shard has
    one run at a time, and its daily rest goes before its weekly one.
    """
    asked = {(run.tags[SHARD_OF_RUN], run.tags[SYNC], run.tags[DAY_OF_RUN]) for run in scheduled
             if SHARD_OF_RUN in run.tags and DAY_OF_RUN in run.tags}  # fmt: skip
    verdicts: list[tuple[str, str]] = []
    requests: list[dg.RunRequest] = []
    taken = set(busy)
    for run in sorted(waiting, key=lambda run: run.tags[SYNC]):
        shard = run.tags.get(SHARD_OF_RUN, "")
        if run.run_id in carried_on:
            verdicts.append((run.run_id, CARRIED_ON))
        elif any(_covers(run, *one) for one in asked):
            verdicts.append((run.run_id, COVERED))
        elif datetime.fromisoformat(run.tags[AGAIN_AT]) <= now and _is_free(shard, taken):
            taken.add(shard)
            requests.append(_follower(run))
    return Rests(verdicts, requests)


def _is_free(shard: str, taken: Collection[str]) -> bool:
    """A run over a range of partitions has no shard: it waits until all are free."""
    return shard not in taken and "" not in taken and not (taken and not shard)


def _covers(run: dg.DagsterRun, shard: str, kind: str, day: str) -> bool:
    """Return whether the sync of ``kind`` and ``day`` asks for all that this run left."""
    if run.tags.get(SHARD_OF_RUN) != shard:
        return False
    if run.tags[SYNC] == DAILY:
        return day > run.tags[DAY_OF_RUN] or (day == run.tags[DAY_OF_RUN] and kind == WEEKLY)
    return run.tags[SYNC] == kind == WEEKLY and day > run.tags[DAY_OF_RUN]


def _follower(run: dg.DagsterRun) -> dg.RunRequest:
    ranged = {name: run.tags[name] for name in (RANGE_START, RANGE_END) if name in run.tags}
    title = run.tags.get(TITLE) or "What an administrator asked for"
    weekly = run.tags[SYNC] == WEEKLY
    return dg.RunRequest(
        job_name=weekly_sync.name if weekly else daily_sync.name,
        run_key=f"after:{run.run_id}",
        partition_key=None if ranged else run.tags[PARTITION],
        tags={
            TITLE: title if title.endswith("carried on") else f"{title}, carried on",
            SYNC: run.tags[SYNC],
            CARRIES_ON: run.run_id,
            **BEHIND_OTHERS,
            **ranged,
        },
    )
