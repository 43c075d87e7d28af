"""Daily intervals: a run brings one shard of authorizations up to a day. Rules live in services."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time, timedelta

import dagster as dg

from dcarbon.services import landed, syncing
from dcarbon.services.runtime import Runtime
from dcarbon.services.syncing import SyncOutcome
from dcarbon_pipelines import checks, metadata, partition_work, sync_runs
from dcarbon_pipelines.appearance import NIGHTLY, SHOWN
from dcarbon_pipelines.checks import CheckEvent, Scope
from dcarbon_pipelines.partitions import daily_by_shard, day_and_shard

INTERVALS = "intervals"
RUN_FOR = timedelta(minutes=50)
"""After this a run begins nobody more: Dagster would end it after an hour (dagster.yaml)."""
SAY_EVERY = 100

Event = dg.AssetMaterialization | dg.AssetObservation | CheckEvent


@dg.multi_asset(
    name=INTERVALS,
    specs=[
        dg.AssetSpec(
            INTERVALS,
            description="The sync: every authorization of a shard brought up to a day, with an "
            "overlap that catches late and restated readings. Green means the sync of this shard "
            "for this day reached everybody; what each authorization has is in its coverage. "
            "Materialized by hand, the day is fetched again for everybody.",
            skippable=True,
            freshness_policy=NIGHTLY,
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
    outcomes: dict[str, SyncOutcome] = {}
    broken: dict[str, BaseException] = {}
    keys = list(context.partition_keys) if context.selected_asset_keys else []
    until = runtime.now() + RUN_FOR
    # One day after the other: a day fetches its authorizations side by side already.
    for key in keys:
        try:
            outcomes[key] = _collect(context, runtime, key, until)
        except Exception as error:
            context.log.exception("%s broke", key)
            broken[key] = error
            continue
        broken |= _broken(context, key, outcomes[key])
        yield _recorded(key, outcomes[key], runtime.settings.public_url)
    _tag_the_rest(context, outcomes)
    reached = [
        key for key in context.partition_keys if key not in broken and _is_whole(outcomes, key)
    ]
    yield from checks.evaluate(
        context,
        runtime,
        asset=INTERVALS,
        scopes=[_scope(context, runtime, key) for key in reached],
        outcomes={
            key: [*of_key.collected, *of_key.still_failed] for key, of_key in outcomes.items()
        },
        by_partition=True,
    )
    partition_work.fail_if_broken(broken)


def _collect(
    context: dg.AssetExecutionContext, runtime: Runtime, key: str, until: datetime
) -> SyncOutcome:
    day, shard = day_and_shard(key)

    def say(done: int, due: int) -> None:
        if done % SAY_EVERY == 0 or done == due:
            context.log.info("%s: %d of %d authorizations", key, done, due)

    return syncing.sync_shard(
        runtime,
        day=day,
        shard=shard,
        kind=sync_runs.name_of(context.run),
        until=until,
        run_id=context.run.run_id,
        progress=say,
    )


def _broken(
    context: dg.AssetExecutionContext, key: str, outcome: SyncOutcome
) -> dict[str, BaseException]:
    for authorization, error in outcome.broken.items():
        context.log.error("%s: authorization %s broke", key, authorization, exc_info=error)
    return {key: next(iter(outcome.broken.values()))} if outcome.broken else {}


def _is_whole(outcomes: Mapping[str, SyncOutcome], key: str) -> bool:
    """Return whether everybody was reached; where only checks run, nobody was to be."""
    outcome = outcomes.get(key)
    return outcome is None or not (outcome.left or outcome.broken)


def _recorded(
    key: str, outcome: SyncOutcome, public_url: str
) -> dg.AssetMaterialization | dg.AssetObservation:
    """Say what became of one day: one that did not reach everybody is not materialized."""
    numbers = {
        **metadata.of_day(outcome.collected, public_url),
        "settled_before": dg.MetadataValue.int(outcome.settled_before),
        "left": dg.MetadataValue.int(outcome.left),
    }
    if not (outcome.left or outcome.broken):
        return dg.AssetMaterialization(INTERVALS, partition=key, metadata=numbers)
    everybody = outcome.left + outcome.settled_before + len(outcome.collected) + len(outcome.broken)
    words = f"{outcome.left} of {everybody} left for the next run"
    return dg.AssetObservation(INTERVALS, partition=key, description=words, metadata=numbers)


def _tag_the_rest(context: dg.AssetExecutionContext, outcomes: Mapping[str, SyncOutcome]) -> None:
    """Have the run say that somebody was left, and from when on to take them up."""
    rest = [outcome for outcome in outcomes.values() if outcome.left]
    again_at = [outcome.again_at for outcome in rest if outcome.again_at]
    if again_at:
        left = sum(outcome.left for outcome in rest)
        tags = sync_runs.tags_of_rest(context.run, left=left, again_at=min(again_at))
        context.instance.add_run_tags(context.run.run_id, tags)


def _scope(context: dg.AssetExecutionContext, runtime: Runtime, key: str) -> Scope:
    """Look at the local day, and at those asked for again: that is where readings change.

    A day ends at a midnight of the meter's; by noon UTC it has ended everywhere in the country,
    and the next one nowhere.
    """
    day, shard = day_and_shard(key)
    is_weekly = sync_runs.name_of(context.run) == syncing.WEEKLY
    settings = runtime.settings
    again = timedelta(days=settings.weekly_overlap_days if is_weekly else settings.overlap_days)
    with runtime.sessions() as session:
        identities = landed.authorizations_in_force(session, shard=shard)
    midnight, noon = (datetime.combine(day, at, UTC) for at in (time(), time(12)))
    return Scope(key, identities, midnight - again, noon + timedelta(days=1))
