"""Daily intervals: a run brings one shard of authorizations up to a day. Rules live in services."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from functools import partial

import dagster as dg

from dcarbon.services import collection, landed
from dcarbon.services.collection import CollectionOutcome
from dcarbon.services.runtime import Runtime
from dcarbon_pipelines import checks, metadata, partition_work
from dcarbon_pipelines.appearance import SHOWN
from dcarbon_pipelines.checks import CheckEvent, Scope
from dcarbon_pipelines.partitions import daily_by_shard, day_and_shard

INTERVALS = "intervals"

Event = dg.AssetMaterialization | CheckEvent


@dg.multi_asset(
    name=INTERVALS,
    specs=[
        dg.AssetSpec(
            INTERVALS,
            description="The daily sync: every authorization of a shard brought up to a day, with "
            "an overlap that catches late and restated readings. Green means the sync of this "
            "shard for this day ran; what each authorization has is in its coverage.",
            skippable=True,
            **SHOWN,
        )
    ],
    check_specs=checks.specs(INTERVALS, daily_by_shard),
    partitions_def=daily_by_shard,
    can_subset=True,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def intervals(
    context: dg.AssetExecutionContext, runtime: dg.ResourceParam[Runtime]
) -> Iterator[Event]:
    """Collect the shard's authorizations for each day of the run; one failure stops no other."""
    outcomes: dict[str, Sequence[CollectionOutcome]] = {}
    broken: dict[str, BaseException] = {}
    keys = list(context.partition_keys) if context.selected_asset_keys else []
    # One day after the other: a day fetches its authorizations side by side already.
    work = partial(_collect, runtime, context.run.run_id)
    for key, future in partition_work.each(keys, work, workers=1):
        if error := future.exception():
            context.log.error("%s broke", key, exc_info=error)
            broken[key] = error
        else:
            outcomes[key] = future.result()
            numbers = metadata.of_day(outcomes[key], runtime.settings.public_url)
            yield dg.AssetMaterialization(INTERVALS, partition=key, metadata=numbers)
    yield from checks.evaluate(
        context,
        runtime,
        asset=INTERVALS,
        scopes=[_scope(runtime, key) for key in context.partition_keys if key not in broken],
        outcomes=outcomes,
    )
    partition_work.fail_if_broken(broken)


def _collect(runtime: Runtime, run_id: str, key: str) -> Sequence[CollectionOutcome]:
    day, shard = day_and_shard(key)
    return collection.collect_day(runtime, day=day, shard=shard, run_id=run_id)


def _scope(runtime: Runtime, key: str) -> Scope:
    """Look at the days that were asked for again, too: that is where readings change."""
    day, shard = day_and_shard(key)
    end = datetime.combine(day, time(), UTC) + timedelta(days=1)
    with runtime.sessions() as session:
        identities = landed.authorizations_of_shard(session, shard)
    start = end - timedelta(days=1 + runtime.settings.overlap_days)
    return Scope(key, identities, start, end)
