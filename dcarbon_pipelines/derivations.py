"""Runs that derive energy: their configuration, the runs to ask for, and their numbers in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import dagster as dg
from pydantic import Field

from dcarbon.db.derived_energy_marks import Waiting
from dcarbon.services.derived_energy import DayCount, DerivedDays
from dcarbon.services.energy_checks import Compared, Summaries
from dcarbon_pipelines import metadata
from dcarbon_pipelines.appearance import JOB_TAGS, TITLE
from dcarbon_pipelines.jobs import collect_authorizations, daily_sync, weekly_sync
from dcarbon_pipelines.metadata import Metadata
from dcarbon_pipelines.order_runs import RANGE_END, RANGE_START
from dcarbon_pipelines.scattered import collect_scattered
from dcarbon_pipelines.sync_runs import SYNC

DAILY, EXPORT, MONTHLY = "daily_energy", "hourly_export", "monthly_generation"
COLLECTING = frozenset(
    job.name for job in (collect_authorizations, collect_scattered, daily_sync, weekly_sync)
)
READINGS = frozenset(map(dg.AssetKey, ("authorization_intervals", "intervals")))
OVERDUE = timedelta(hours=1)
"""Changes wait so long for the sync that brings them to end, and no longer."""
_DAYS_HEADER = ("Day", "Channel days added up", "Stored anew", "Export days stored anew")
_DIFFERENCES_HEADER = ("Of", "Day", "Stored", "By the readings")

derive_days = dg.define_asset_job(
    "derive_days",
    selection=dg.AssetSelection.assets(DAILY, EXPORT),
    description="Derive daily energy and hourly export of the days whose readings changed.",
    executor_def=dg.in_process_executor,
    tags=JOB_TAGS,
)
derive_months = dg.define_asset_job(
    "derive_months",
    selection=dg.AssetSelection.assets(MONTHLY),
    description="Derive the generation of the months whose days, claims or channels changed.",
    executor_def=dg.in_process_executor,
    tags=JOB_TAGS,
)


class Derivation(dg.Config):
    """What a run derives."""

    only_changed: bool = Field(
        default=False,
        description="Off: everything of the partitions chosen, changed or not. On: whatever "
        "changed since it was last derived, of whatever day. The sensor asks for the latter.",
    )


def brings_readings(run: dg.DagsterRun) -> bool:
    """Is this a run that collects, and so will change more? One started by hand has no job."""
    by_hand = run.asset_selection is not None and not READINGS.isdisjoint(run.asset_selection)
    return by_hand or SYNC in run.tags or run.job_name in COLLECTING


def days_request(waiting: Waiting, keys: Sequence[str]) -> dg.RunRequest:
    """Return the run that derives what changed. It shows as a range of the days that changed."""
    first, last = _within(keys, waiting.first, waiting.last)
    title = f"Energy of changed days, {first} to {last}"
    return _request(derive_days.name, DAILY, title, first, last)


def months_request(waiting: Waiting, keys: Sequence[str]) -> dg.RunRequest:
    """Return the run that derives the months that changed, shown as a range of them."""
    first, last = _within(keys, waiting.first, waiting.last)
    title = f"Generation of changed months, {first[:7]} to {last[:7]}"
    return _request(derive_months.name, MONTHLY, title, first, last)


def materializations(
    asset: str, numbers: Mapping[date, Metadata], keys: Iterable[str]
) -> list[dg.AssetMaterialization]:
    """Return one event for each day or month that has a partition; the newest come last."""
    known = set(keys)
    return [
        dg.AssetMaterialization(asset, partition=day.isoformat(), metadata=of_day)
        for day, of_day in sorted(numbers.items())
        if day.isoformat() in known
    ]


def of_energy(done: DerivedDays, found: Summaries) -> dict[date, Metadata]:
    """Return by local day what its partition of daily energy says."""
    shown: dict[date, Metadata] = {}
    for day, counted in done.by_day.items():
        numbers: Metadata = {
            "channel_days_derived": dg.MetadataValue.int(counted.derived),
            "channel_days_stored_anew": dg.MetadataValue.int(counted.written),
        }
        if one := found.energy.get(day):
            numbers |= {
                "channels": dg.MetadataValue.int(one.channels),
                "complete_percent": percent(one.complete, one.channels),
                "channels_with_estimates": dg.MetadataValue.int(one.estimated),
                "kwh_delivered": kwh(one.delivered_wh),
                "kwh_received": kwh(one.received_wh),
            }
        shown[day] = numbers
    return shown


def of_export(done: DerivedDays, found: Summaries) -> dict[date, Metadata]:
    """Return by local day what its partition of hourly export says; days without any are absent."""
    shown: dict[date, Metadata] = {}
    for day, one in found.exports.items():
        counted = done.by_day.get(day, DayCount())
        shown[day] = {
            "meter_days_stored_anew": dg.MetadataValue.int(counted.exports_written),
            "meters": dg.MetadataValue.int(one.meters),
            "kwh_exported_by_the_hour": kwh(one.export_wh),
            "kwh_on_the_register": kwh(one.register_wh),
            "missing_hours": dg.MetadataValue.int(one.missing_hours),
            "estimated_hours": dg.MetadataValue.int(one.estimated_hours),
        }
    return shown


def of_run(done: DerivedDays) -> Metadata:
    """Return what a run over days read and wrote, with the days it touched."""
    rows = [
        (day.isoformat(), one.derived, one.written, one.exports_written)
        for day, one in sorted(done.by_day.items(), reverse=True)
    ]
    return {
        "marks": dg.MetadataValue.int(done.marks),
        "days_touched": dg.MetadataValue.int(len(rows)),
        "series_days_read": dg.MetadataValue.int(done.days_read),
        "readings_read": dg.MetadataValue.int(done.readings_read),
        "rows_stored_anew": dg.MetadataValue.int(done.written + done.exports_written),
        "channel_days_too_large": dg.MetadataValue.int(done.too_large),
        "days": dg.MetadataValue.md(metadata.table(_DAYS_HEADER, rows)),
    }


def verdict(asset: str, name: str, found: Compared) -> dg.AssetCheckResult:
    """Return the result of comparing totals: one that differs is an error of ours."""
    numbers: Metadata = {"compared": dg.MetadataValue.int(found.compared)}
    if not found.differences:
        return dg.AssetCheckResult(
            asset_key=asset,
            check_name=name,
            passed=True,
            description=f"{found.compared} totals agree to the last unit.",
            metadata=numbers,
        )
    rows = [(d.owner, d.day, _told(d.stored), _told(d.told)) for d in found.differences]
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=name,
        passed=False,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{len(rows)} of {found.compared} totals differ.",
        metadata={
            **numbers,
            "differ": dg.MetadataValue.int(len(rows)),
            "differences": dg.MetadataValue.md(metadata.table(_DIFFERENCES_HEADER, rows)),
        },
    )


def kwh(energy_wh: Decimal) -> dg.MetadataValue:
    """Return energy as Dagster plots it over time: here, and only here, it is a float."""
    return dg.MetadataValue.float(float(energy_wh / 1000))


def percent(part: int, whole: int) -> dg.MetadataValue:
    return dg.MetadataValue.float(round(100 * part / whole, 2) if whole else 0.0)


def key_to_date(key: str) -> date:
    """Return the day of a daily or monthly partition."""
    return datetime.strptime(key, "%Y-%m-%d").replace(tzinfo=UTC).date()


def _request(job: str, asset: str, title: str, first: str, last: str) -> dg.RunRequest:
    return dg.RunRequest(
        job_name=job,
        tags={TITLE: title, RANGE_START: first, RANGE_END: last},
        run_config=dg.RunConfig(ops={asset: Derivation(only_changed=True)}),
    )


def _within(keys: Sequence[str], first: date | None, last: date | None) -> tuple[str, str]:
    """Return the partitions from ``first`` to ``last``; where there are none, the nearest one."""
    begin = first.isoformat() if first else keys[0]
    end = last.isoformat() if last else keys[-1]
    inside = [key for key in keys if begin <= key <= end]
    if inside:
        return inside[0], inside[-1]
    nearest = keys[0] if end < keys[0] else keys[-1]
    return nearest, nearest


def _told(quantity: Decimal | None) -> str:
    return "none" if quantity is None else f"{quantity:f}"
