"""Tidying up: runs of Dagster nobody looks at any more, rows that have served, months of readings.

Deleting a run deletes what it said of its partitions. A run that holds the newest word on an
authorization or on a derived day or month is therefore kept whatever its age; days of the sync
older than the setting turn grey, and what each authorization has of them is in its coverage.
"""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import dagster as dg

from dcarbon.services import reading_months, tidying
from dcarbon.services.runtime import Runtime
from dcarbon_pipelines.appearance import JOB_TAGS, TITLE

BATCH = 200
LASTING = (
    *("meters", "authorization_intervals"),
    *("daily_energy", "hourly_export", "monthly_generation"),
)
"""Assets whose partitions are not done again every day."""
LASTING_JOBS = frozenset({"collect_authorizations", "derive_days", "derive_months"})
"""Jobs that make them, where a run does not say of which assets it is."""
KEPT_JOBS = frozenset({"replay_payloads"})
"""Jobs whose runs are what people did to readings: never deleted."""


@dg.op(description="Delete old runs: successful ones first, failed ones after twice the time.")
def delete_old_runs(context: dg.OpExecutionContext, runtime: dg.ResourceParam[Runtime]) -> None:
    """Delete runs older than the setting ``run_history_days``, in batches; safe to repeat."""
    before = runtime.now() - timedelta(days=runtime.settings.run_history_days)
    failed_before = before - timedelta(days=runtime.settings.run_history_days)
    well = _delete(context, [dg.DagsterRunStatus.SUCCESS], before)
    failed = _delete(
        context, [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED], failed_before
    )
    context.add_output_metadata({"deleted_successful": well, "deleted_failed": failed})


@dg.op(description="Delete rows that have served: old events, links and sessions.")
def prune_rows(context: dg.OpExecutionContext, runtime: dg.ResourceParam[Runtime]) -> None:
    """Call everything that prunes, each in a transaction of its own."""
    context.add_output_metadata(dict(tidying.prune(runtime)))


@dg.op(description="Make months ahead for readings, and sort those into months that are in none.")
def keep_months(context: dg.OpExecutionContext, runtime: dg.ResourceParam[Runtime]) -> None:
    """Keep interval days by month once they are many; goes on where an earlier night left off."""

    def copied(done: int, of: int) -> None:
        context.log.info("%s of %s MB of readings sorted into months", done >> 20, of >> 20)

    kept = reading_months.keep(runtime.sessions, today=runtime.now().date(), progress=copied)
    context.add_output_metadata(asdict(kept))


def _delete(
    context: dg.OpExecutionContext, statuses: list[dg.DagsterRunStatus], before: datetime
) -> int:
    instance = context.instance
    wanted = dg.RunsFilter(statuses=statuses, created_before=before)
    needed = _Needed(instance)
    deleted, cursor = 0, None
    while runs := instance.get_runs(wanted, cursor=cursor, limit=BATCH):
        for run in runs:
            if run.job_name in KEPT_JOBS or run.run_id in needed.beside(run):
                # What was deleted is no longer listed: the next page begins behind what was kept.
                cursor = run.run_id
            else:
                instance.delete_run(run.run_id)
                deleted += 1
        context.log.info("%s runs deleted so far", deleted)
    return deleted


@dataclass(slots=True)
class _Needed:
    """The runs that hold the newest materialization of a partition of a lasting asset."""

    instance: dg.DagsterInstance
    _found: set[str] | None = None

    def beside(self, run: dg.DagsterRun) -> Collection[str]:
        """Return them, looked for only once a run could be one of them."""
        if not _speaks_of_lasting(run):
            return ()
        if self._found is None:
            self._found = _newest_words(self.instance)
        return self._found


def _speaks_of_lasting(run: dg.DagsterRun) -> bool:
    if not run.asset_selection:
        return run.job_name in LASTING_JOBS
    return any(key.to_user_string() in LASTING for key in run.asset_selection)


def _newest_words(instance: dg.DagsterInstance) -> set[str]:
    found: set[str] = set()
    for name in LASTING:
        key = dg.AssetKey(name)
        newest = instance.get_latest_storage_id_by_partition(
            key, dg.DagsterEventType.ASSET_MATERIALIZATION
        )
        ids = list(newest.values())
        for begin in range(0, len(ids), 1_000):
            some = ids[begin : begin + 1_000]
            wanted = dg.AssetRecordsFilter(asset_key=key, storage_ids=some)
            records = instance.fetch_materializations(wanted, limit=len(some)).records
            found.update(record.run_id for record in records)
    return found


@dg.job(
    executor_def=dg.in_process_executor,
    description="Delete old runs and rows that have served, and keep readings by month. What "
    "readings, payloads and the audit log say is never touched.",
    tags=JOB_TAGS,
    run_tags={TITLE: "Housekeeping"},
)
def housekeeping() -> None:
    delete_old_runs()
    prune_rows()
    keep_months()
