"""Meters and interval history of each authorization, from one collection. Rules live in services.

Admins fetch a customer's window again here, never through ``intervals``, whose day it would turn
green for everybody.
"""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from uuid import UUID

import dagster as dg

from dcarbon.services import collection, landed
from dcarbon.services.collection import CollectionOutcome
from dcarbon.services.runtime import Runtime
from dcarbon_pipelines import checks, metadata, partition_work
from dcarbon_pipelines.appearance import SHOWN
from dcarbon_pipelines.checks import CheckEvent, Scope
from dcarbon_pipelines.partitions import BATCH, authorizations
from dcarbon_pipelines.pull_window import PullWindow

METERS = "meters"
INTERVALS = "authorization_intervals"

Event = dg.AssetMaterialization | dg.AssetObservation | CheckEvent


@dg.multi_asset(
    name=INTERVALS,
    description="Collect authorizations: fetch, keep the bytes, parse, store, check.",
    specs=[
        dg.AssetSpec(
            METERS,
            description="The meters of one authorization, with address, account and blocks as the "
            "utility states them.",
            skippable=True,
            **SHOWN,
        ),
        dg.AssetSpec(
            INTERVALS,
            deps=[METERS],
            description="The interval readings of one authorization: the first time its history, "
            "later what is new, or the window given as Config `start` and `end`.",
            skippable=True,
            **SHOWN,
        ),
    ],
    # One verdict per run: Dagster takes seconds to show 10,000 partitions of verdicts.
    check_specs=checks.specs(INTERVALS),
    partitions_def=authorizations,
    can_subset=True,
    backfill_policy=dg.BackfillPolicy.multi_run(BATCH),
)
def authorization_intervals(
    context: dg.AssetExecutionContext, config: PullWindow, runtime: dg.ResourceParam[Runtime]
) -> Iterator[Event]:
    """Collect every authorization of the run; one failure stops no other."""
    config.require_sensible(runtime.now())
    outcomes: dict[str, CollectionOutcome] = {}
    broken: dict[str, BaseException] = {}
    keys = list(context.partition_keys) if context.selected_asset_keys else []
    work = partial(_collect, runtime, config, context.run.run_id)
    workers = runtime.settings.provider_concurrency
    for key, future in partition_work.each(keys, work, workers=workers):
        if error := future.exception():
            context.log.error("authorization %s broke", key, exc_info=error)
            broken[key] = error
        else:
            outcomes[key] = future.result()
            yield from _recorded(context, key, outcomes[key], runtime.settings.public_url)
    if outcomes:
        listing = metadata.outcome_table(outcomes.values(), runtime.settings.public_url)
        yield dg.AssetObservation(INTERVALS, metadata={"run": dg.MetadataValue.md(listing)})
    yield from checks.evaluate(
        context,
        runtime,
        asset=INTERVALS,
        scopes=_scopes(context, runtime, outcomes),
        outcomes={key: [outcome] for key, outcome in outcomes.items()},
        by_partition=False,
    )
    partition_work.fail_if_broken(broken)


def _collect(runtime: Runtime, config: PullWindow, run_id: str, key: str) -> CollectionOutcome:
    asked, order_id = config.asked_for(runtime, UUID(key))
    return collection.collect(
        runtime,
        UUID(key),
        start=asked.start if asked else None,
        end=asked.end if asked else None,
        order_id=order_id,
        run_id=run_id,
    )


def _recorded(
    context: dg.AssetExecutionContext, key: str, outcome: CollectionOutcome, public_url: str
) -> Iterator[Event]:
    """Say what became of one authorization: what is not there yet is not materialized."""
    numbers = metadata.of_outcome(outcome, public_url)
    selected = {asset.to_user_string() for asset in context.selected_asset_keys}
    if outcome.error is not None or outcome.waiting:
        words = metadata.outcome_words(outcome)
        context.log.warning("authorization %s: %s", key, words)
        yield dg.AssetObservation(INTERVALS, partition=key, description=words, metadata=numbers)
        return
    if METERS in selected:
        found = metadata.of_meters(outcome, public_url)
        yield dg.AssetMaterialization(METERS, partition=key, metadata=found)
    if INTERVALS in selected:
        yield dg.AssetMaterialization(INTERVALS, partition=key, metadata=numbers)


def _scopes(
    context: dg.AssetExecutionContext, runtime: Runtime, outcomes: dict[str, CollectionOutcome]
) -> list[Scope]:
    """Check what was asked for. Where the utility is still preparing its answer there is nothing
    to check yet. When only checks run, everybody's days that a daily sync asks for are checked.
    """
    if context.selected_asset_keys:
        return [
            Scope(key, [UUID(key)], *outcome.window)
            for key, outcome in outcomes.items()
            if not outcome.waiting
        ]
    now = runtime.now()
    with runtime.sessions() as session:
        everybody = landed.authorizations_in_force(session)
    return [Scope("all", everybody, now - timedelta(days=runtime.settings.overlap_days + 1), now)]
