"""Collecting authorizations that are no neighbours: those a sync failed for, or a utility woke.

A run over partitions covers all between the first and the last. This one is given its
authorizations by name, and materializes their partitions one by one.
"""

from collections.abc import Collection
from functools import partial
from typing import Any
from uuid import UUID

import dagster as dg

from dcarbon.services import collection
from dcarbon.services.collection import CollectionOutcome
from dcarbon.services.runtime import Runtime
from dcarbon_pipelines import metadata, partition_work
from dcarbon_pipelines.appearance import JOB_TAGS

OP = "collect_by_name"


class Named(dg.Config):
    """Whom to collect; each by the order that is due for it."""

    authorizations: list[str]


def run_config(authorizations: Collection[UUID]) -> dict[str, object]:
    """Return the configuration of a run for these."""
    return {"ops": {OP: {"config": {"authorizations": [str(each) for each in authorizations]}}}}


def named_in(run: dg.DagsterRun) -> list[str]:
    """Return the authorizations a run was given by name."""
    config: Any = run.run_config
    return list(config.get("ops", {}).get(OP, {}).get("config", {}).get("authorizations", ()))


@dg.op(name=OP, description="Collect each of the named authorizations, as its order asks.")
def collect_by_name(
    context: dg.OpExecutionContext, config: Named, runtime: dg.ResourceParam[Runtime]
) -> None:
    """Collect them side by side; one failure stops no other."""
    outcomes: list[CollectionOutcome] = []
    broken: dict[str, BaseException] = {}
    work = partial(_collect, runtime, context.run.run_id)
    workers = runtime.settings.provider_concurrency
    for key, future in partition_work.each(config.authorizations, work, workers=workers):
        if error := future.exception():
            context.log.error("authorization %s broke", key, exc_info=error)
            broken[key] = error
        else:
            outcomes.append(future.result())
            _tell(context, key, outcomes[-1], runtime.settings.public_url)
    table = metadata.outcome_table(outcomes, runtime.settings.public_url)
    context.add_output_metadata({"outcomes": dg.MetadataValue.md(table)})
    partition_work.fail_if_broken(broken)


def _collect(runtime: Runtime, run_id: str, key: str) -> CollectionOutcome:
    return collection.collect(runtime, UUID(key), run_id=run_id)


def _tell(
    context: dg.OpExecutionContext, key: str, outcome: CollectionOutcome, public_url: str
) -> None:
    """Show it where a run over partitions would: what is not there yet is not materialized."""
    numbers = metadata.of_outcome(outcome, public_url)
    if outcome.error is not None or outcome.waiting:
        words = metadata.outcome_words(outcome)
        context.log.warning("authorization %s: %s", key, words)
        observed = dg.AssetObservation(
            "authorization_intervals", partition=key, description=words, metadata=numbers
        )
        context.log_event(observed)
        return
    found = metadata.of_meters(outcome, public_url)
    context.log_event(dg.AssetMaterialization("meters", partition=key, metadata=found))
    context.log_event(
        dg.AssetMaterialization("authorization_intervals", partition=key, metadata=numbers)
    )


@dg.job(
    executor_def=dg.in_process_executor,
    description="Collect authorizations here and there among the others, many in one run.",
    tags=dict(JOB_TAGS),
)
def collect_scattered() -> None:
    collect_by_name()
