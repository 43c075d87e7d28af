"""Energy of local days, kept equal to the readings: by channel, and hour by hour of export."""

from collections.abc import Iterator
from datetime import date, timedelta

import dagster as dg

from dcarbon.services import derived_energy, energy_checks
from dcarbon.services.derived_energy import DerivedDays
from dcarbon.services.runtime import Runtime
from dcarbon_pipelines import derivations
from dcarbon_pipelines.appearance import DERIVED
from dcarbon_pipelines.derivations import DAILY, EXPORT, Derivation
from dcarbon_pipelines.partitions import daily

EQUAL_DAYS = "daily_totals_equal_their_readings"
EQUAL_EXPORT = "hourly_export_equals_its_readings"
RUN_FOR = timedelta(minutes=50)
"""After this a run begins no further portion: Dagster would end it after an hour (dagster.yaml)."""

Event = dg.AssetMaterialization | dg.AssetObservation | dg.AssetCheckResult


@dg.multi_asset(
    name=DAILY,
    description="Derive days: what flowed through each channel, and what was exported by the hour.",
    specs=[
        dg.AssetSpec(
            DAILY,
            deps=["intervals"],
            description="What flowed through each channel on each local day at its meter, "
            "exactly, of every commodity in its own unit. Green means the day was added up from "
            "the readings known then; it is added up again by itself when readings of it come "
            "late or change.",
            skippable=True,
            **DERIVED,
        ),
        dg.AssetSpec(
            EXPORT,
            deps=["intervals"],
            description="What each meter gave to the grid by the registries' rule: of each local "
            "hour what it received less what it delivered, never below zero, and only of hours "
            "that were measured in full.",
            skippable=True,
            **DERIVED,
        ),
    ],
    check_specs=[
        dg.AssetCheckSpec(
            EQUAL_DAYS,
            asset=DAILY,
            description=f"Daily totals equal the sums of their readings to the last unit: up to "
            f"{energy_checks.MOST_TOTALS} of the newest {energy_checks.MOST_DAYS} days of the run, "
            "added up by the database apart from what derived them; and none is left out. Days "
            "with readings of several lengths are not compared.",
        ),
        dg.AssetCheckSpec(
            EQUAL_EXPORT,
            asset=EXPORT,
            description="Hourly export equals what its readings give hour by hour, to the last "
            f"unit: up to {energy_checks.MOST_TOTALS} of the newest {energy_checks.MOST_DAYS} days "
            "of the run, netted by the database apart from what derived them.",
        ),
    ],
    partitions_def=daily,
    can_subset=True,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def daily_energy(
    context: dg.AssetExecutionContext, config: Derivation, runtime: dg.ResourceParam[Runtime]
) -> Iterator[Event]:
    """Derive what changed, or every day of the run; say of each day touched what it is now."""
    if context.selected_asset_keys:
        asked = [derivations.key_to_date(key) for key in context.partition_keys]
        done = _derive(config, runtime, asked)
        yield from _recorded(context, runtime, done)
        days = list(done.by_day)
    else:  # only checks run: they have no partition
        today = runtime.now().date()
        days = [today - timedelta(days=n) for n in range(energy_checks.MOST_DAYS)]
    selected = {key.name for key in context.selected_asset_check_keys}
    if EQUAL_DAYS in selected:
        found = energy_checks.days(runtime.sessions, days)
        yield derivations.verdict(DAILY, EQUAL_DAYS, found)
    if EQUAL_EXPORT in selected:
        found = energy_checks.exports(runtime.sessions, days)
        yield derivations.verdict(EXPORT, EQUAL_EXPORT, found)


def _derive(config: Derivation, runtime: Runtime, days: list[date]) -> DerivedDays:
    now = runtime.now()
    if not config.only_changed:
        return derived_energy.derive_days(runtime.sessions, days, now=now)
    return derived_energy.derive_changed(
        runtime.sessions, now=now, is_time_up=lambda: runtime.now() > now + RUN_FOR
    )


def _recorded(
    context: dg.AssetExecutionContext, runtime: Runtime, done: DerivedDays
) -> Iterator[Event]:
    found = energy_checks.of_days(runtime.sessions, list(done.by_day))
    selected = {key.to_user_string() for key in context.selected_asset_keys}
    keys = daily.get_partition_keys(dynamic_partitions_store=context.instance)
    for asset, numbers in (
        (DAILY, derivations.of_energy(done, found)),
        (EXPORT, derivations.of_export(done, found)),
    ):
        if asset in selected:
            yield from derivations.materializations(asset, numbers, keys)
    if done.left:
        context.log.warning("the time was up: what is left stays marked for the next run")
    yield dg.AssetObservation(DAILY, metadata=derivations.of_run(done))
