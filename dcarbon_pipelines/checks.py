"""The checks beside the collecting assets: what they are called, and how findings become events.

They run in the collecting step itself. A check of its own would be skipped: Dagster skips a step
whose asset logged its partitions one by one (docs/decisions/0002).
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self
from uuid import UUID

import dagster as dg

# The one thing of Dagster we need that it does not export: an evaluation's target.
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData as Target,
)

from dcarbon.services import landed
from dcarbon.services.collection import CollectionOutcome
from dcarbon.services.runtime import Runtime
from dcarbon_pipelines import expectations, metadata
from dcarbon_pipelines.expectations import Problem

COLLECTED = "every_authorization_was_collected"
HEARD = "every_active_channel_was_heard_from"
SOUND = "every_meter_day_is_sound"

_DESCRIPTIONS = {
    COLLECTED: "No utility, customer or administrator stood in the way of any authorization. What "
    "failed is tried again by itself, or says who has to act.",
    HEARD: f"Each active channel has a reading of the last {landed.LATE_AFTER.days} days.",
    SOUND: "Each meter day holds as many readings as the local day has (23, 24 or 25 hours), none "
    "negative where only delivery or export is counted, none overlapping, each of a known quality.",
}

CheckEvent = dg.AssetCheckResult | dg.AssetCheckEvaluation


@dataclass(frozen=True, slots=True)
class Scope:
    """What one partition is checked over: whose meters, ``[start, end)``."""

    key: str
    authorization_ids: Collection[UUID]
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found for one partition."""

    passed: bool
    description: str
    metadata: Mapping[str, dg.MetadataValue] = field(default_factory=dict)


def specs(asset: str, partitions_def: dg.PartitionsDefinition) -> list[dg.AssetCheckSpec]:
    """Return the checks of an asset, one result per partition."""
    with warnings.catch_warnings():
        # Per-partition checks are a preview; without them one customer's result hides another's.
        warnings.simplefilter("ignore", category=dg.PreviewWarning)
        return [
            dg.AssetCheckSpec(name, asset=asset, description=words, partitions_def=partitions_def)
            for name, words in _DESCRIPTIONS.items()
        ]


def evaluate(
    context: dg.AssetExecutionContext,
    runtime: Runtime,
    *,
    asset: str,
    scopes: Sequence[Scope],
    outcomes: Mapping[str, Sequence[CollectionOutcome]],
) -> Iterator[CheckEvent]:
    """Yield the results of the selected checks; without outcomes nothing was collected."""
    selected = {key.name for key in context.selected_asset_check_keys}
    if not selected:
        return
    verdicts = _Verdicts.of(context, asset, [scope.key for scope in scopes])
    if COLLECTED in selected:
        url = runtime.settings.public_url
        found = {key: _collected(of_one, url) for key, of_one in outcomes.items()}
        yield from verdicts.events(COLLECTED, found)
    if HEARD in selected:
        found = {scope.key: _heard(runtime, scope) for scope in scopes}
        yield from verdicts.events(HEARD, found)
    if SOUND in selected:
        yield from verdicts.events(SOUND, _sound(runtime, scopes))


@dataclass(frozen=True, slots=True)
class _Verdicts:
    """Makes events of findings. A result cannot name its partition, and stands for the one of its
    run; in a run over several only the event itself can, and must say what it judged, or Dagster
    takes it for a verdict on an older materialization.
    """

    asset: dg.AssetKey
    targets: Mapping[str, Target | None] | None
    """The newest materialization of each partition; ``None`` in a run of one partition."""

    @classmethod
    def of(cls, context: dg.AssetExecutionContext, asset: str, keys: Sequence[str]) -> Self:
        asset_key = dg.AssetKey(asset)
        if context.has_partition_key:
            return cls(asset_key, None)
        return cls(asset_key, {key: _newest(context.instance, asset_key, key) for key in keys})

    def events(self, name: str, findings: Mapping[str, Finding]) -> Iterator[CheckEvent]:
        for key, finding in findings.items():
            if self.targets is None:
                yield dg.AssetCheckResult(
                    asset_key=self.asset,
                    check_name=name,
                    passed=finding.passed,
                    metadata=finding.metadata,
                    severity=dg.AssetCheckSeverity.WARN,
                    description=finding.description,
                )
            else:
                yield dg.AssetCheckEvaluation(
                    asset_key=self.asset,
                    check_name=name,
                    passed=finding.passed,
                    metadata=finding.metadata,
                    severity=dg.AssetCheckSeverity.WARN,
                    description=finding.description,
                    partition=key,
                    target_materialization_data=self.targets.get(key),
                )


def _newest(instance: dg.DagsterInstance, asset: dg.AssetKey, key: str) -> Target | None:
    wanted = dg.AssetRecordsFilter(asset_key=asset, asset_partitions=[key])
    records = instance.fetch_materializations(wanted, limit=1).records
    if not records:
        return None
    newest = records[0]
    return Target(storage_id=newest.storage_id, run_id=newest.run_id, timestamp=newest.timestamp)


def _collected(outcomes: Sequence[CollectionOutcome], public_url: str) -> Finding:
    failed = [outcome for outcome in outcomes if outcome.error is not None or outcome.unreadable]
    if not failed:
        return Finding(passed=True, description=f"{len(outcomes)} collected or on the way.")
    return Finding(
        passed=False,
        description=f"{len(failed)} of {len(outcomes)}: {metadata.outcome_words(failed[0])}",
        metadata={
            "failed": dg.MetadataValue.int(len(failed)),
            "authorizations": dg.MetadataValue.md(metadata.outcome_table(failed, public_url)),
        },
    )


def _heard(runtime: Runtime, scope: Scope) -> Finding:
    with runtime.sessions() as session:
        silent = landed.silent_channels(session, scope.authorization_ids, at=scope.end)
    if not silent:
        return Finding(passed=True, description="No channel is silent.")
    rows = [(s.meter_id, s.direction or "none", _said_last(s.last_end)) for s in silent]
    return Finding(
        passed=False,
        description=f"{len(silent)} channels are silent.",
        metadata={
            "silent": dg.MetadataValue.int(len(silent)),
            "channels": dg.MetadataValue.md(
                metadata.table(("Meter", "Direction", "Last reading ended"), rows)
            ),
        },
    )


def _said_last(last_end: datetime | None) -> str:
    return last_end.isoformat(timespec="minutes") if last_end else "never"


def _sound(runtime: Runtime, scopes: Sequence[Scope]) -> dict[str, Finding]:
    """Check all partitions in one validation: its set-up costs more than its rows."""
    days: list[landed.MeterDay] = []
    owner: list[str] = []
    with runtime.sessions() as session:
        for scope in scopes:
            found = landed.meter_days(session, scope.authorization_ids, scope.start, scope.end)
            days += found
            owner += [scope.key] * len(found)
    by_key: dict[str, list[Problem]] = {scope.key: [] for scope in scopes}
    for problem in expectations.problems(days):
        by_key[owner[problem.place]].append(problem)
    checked = Counter(owner)
    return {key: _soundness(problems, checked[key]) for key, problems in by_key.items()}


def _soundness(found: Sequence[Problem], checked: int) -> Finding:
    numbers = {
        "meter_days": dg.MetadataValue.int(checked),
        "problems": dg.MetadataValue.int(len(found)),
    }
    if not found:
        return Finding(passed=True, description=f"{checked} meter days.", metadata=numbers)
    rows = [(p.day.meter_id, p.day.direction, p.day.meter_day, p.what) for p in found]
    listing = metadata.table(("Meter", "Direction", "Day", "What"), rows)
    return Finding(
        passed=False,
        description=f"{len(found)} problems in {checked} meter days.",
        metadata={**numbers, "meter_days_with_problems": dg.MetadataValue.md(listing)},
    )
