"""What changed is derived again: days first, then the months they belong to."""

import dagster as dg

from dcarbon.services import derived_energy, monthly_generation
from dcarbon.services.runtime import Runtime
from dcarbon_pipelines import derivations
from dcarbon_pipelines.derivations import OVERDUE, derive_days, derive_months
from dcarbon_pipelines.order_runs import UNFINISHED
from dcarbon_pipelines.partitions import daily, monthly

DERIVING = {derive_days.name, derive_months.name}


@dg.sensor(
    jobs=[derive_days, derive_months],
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Sees readings, claims and channels that changed and starts one run that derives "
    "their days, then one for their months. While a sync is under way it waits for its end, at "
    "most an hour.",
)
def changed_readings(
    context: dg.SensorEvaluationContext, runtime: dg.ResourceParam[Runtime]
) -> dg.RunRequest | dg.SkipReason:
    """Ask for one run while something waits and none such is under way."""
    with runtime.sessions() as session:
        days = derived_energy.waiting(session)
        months = monthly_generation.waiting(session)
    if not days.marks and not months.marks:
        return dg.SkipReason("Everything derived is up to date.")
    unfinished = context.instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
    if any(run.job_name in DERIVING for run in unfinished):
        return dg.SkipReason("A run that derives is under way.")
    is_overdue = days.waited is not None and days.waited > OVERDUE
    if days.marks and (is_overdue or not any(map(derivations.brings_readings, unfinished))):
        keys = daily.get_partition_keys(dynamic_partitions_store=context.instance)
        return derivations.days_request(days, keys)
    if months.marks:
        keys = monthly.get_partition_keys(dynamic_partitions_store=context.instance)
        return derivations.months_request(months, keys)
    return dg.SkipReason("Readings are being collected; what changed is derived after that.")
