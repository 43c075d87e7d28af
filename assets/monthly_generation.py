"""Generation of each month and generating unit, from the days its meters may claim."""

from collections.abc import Iterator, Mapping
from datetime import date

import dagster as dg

from dcarbon.services import energy_checks, monthly_generation
from dcarbon.services.energy_checks import GenerationOfMonth
from dcarbon.services.monthly_generation import DerivedMonths
from dcarbon.services.runtime import Runtime
from dcarbon_pipelines import derivations
from dcarbon_pipelines.appearance import DERIVED
from dcarbon_pipelines.derivations import DAILY, EXPORT, MONTHLY, Derivation
from dcarbon_pipelines.metadata import Metadata
from dcarbon_pipelines.partitions import monthly

EQUAL_MONTHS = "months_equal_their_days"

Event = dg.AssetMaterialization | dg.AssetCheckResult


@dg.multi_asset(
    name=MONTHLY,
    specs=[
        dg.AssetSpec(
            MONTHLY,
            deps=[DAILY, EXPORT],
            description="What each generating unit made in a month, from the days its claims "
            "cover and the channels chosen for them; estimates never count. Added up again by "
            "itself when a day, a claim or a choice changes. What a report says is added up the "
            "same way.",
            skippable=True,
            **DERIVED,
        )
    ],
    check_specs=[
        dg.AssetCheckSpec(
            EQUAL_MONTHS,
            asset=MONTHLY,
            description="Every month of the run, added up from readings, equals the sum of the "
            "stored days its unit claims, to the last unit.",
        )
    ],
    partitions_def=monthly,
    can_subset=True,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def generation(
    context: dg.AssetExecutionContext, config: Derivation, runtime: dg.ResourceParam[Runtime]
) -> Iterator[Event]:
    """Derive what changed, or every month of the run; say of each what it is now."""
    now = runtime.now()
    keys = monthly.get_partition_keys(now, dynamic_partitions_store=context.instance)
    months = [derivations.key_to_date(key) for key in keys]  # when only checks run
    if context.selected_asset_keys:
        asked = [derivations.key_to_date(key) for key in context.partition_keys]
        if config.only_changed:
            done = monthly_generation.derive_changed(runtime.sessions, now=now)
        else:
            done = monthly_generation.derive_months(runtime.sessions, asked, now=now)
        months = list(done.derived)
        numbers = _numbers(done, energy_checks.of_months(runtime.sessions, months))
        yield from derivations.materializations(MONTHLY, numbers, keys)
    if context.selected_asset_check_keys:
        found = energy_checks.months(runtime.sessions, months)
        yield derivations.verdict(MONTHLY, EQUAL_MONTHS, found)


def _numbers(done: DerivedMonths, found: Mapping[date, GenerationOfMonth]) -> dict[date, Metadata]:
    """Return by month what its partition says."""
    shown: dict[date, Metadata] = {}
    for month, units in done.derived.items():
        shown[month] = {
            "units_derived": dg.MetadataValue.int(units),
            "units_stored_anew": dg.MetadataValue.int(done.written.get(month, 0)),
        }
        if one := found.get(month):
            shown[month] |= {
                "units": dg.MetadataValue.int(one.units),
                "units_complete": dg.MetadataValue.int(one.complete),
                "days_complete_percent": derivations.percent(one.days_complete, one.days_expected),
                "kwh_generated": derivations.kwh(one.generation_wh),
            }
    return shown
