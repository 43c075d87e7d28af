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
from itertools import chain
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
PLAUSIBLE = "exported_energy_suits_the_system_size"

_DESCRIPTIONS = {
    COLLECTED: "No utility, customer or administrator stood in the way of any authorization. What "
    "failed is tried again by itself, or says who has to act.",
    HEARD: f"Each active channel has a reading of the last {landed.LATE_AFTER.days} days.",
    SOUND: "Each meter day holds as many readings as the local day has (23, 24 or 25 hours), none "
    "negative where only delivery or export is counted, none overlapping, each of a known quality.",
    PLAUSIBLE: "No interval gives more energy to the grid than the facility's system can make at "
    f"its rated power, with {landed.SIZE_MARGIN - 1:.0%} to spare. A facility whose system size is "
    "not known passes.",
}

_RUN = ""
"""Stands for all of a run's partitions together."""

CheckEvent = dg.AssetCheckResult | dg.AssetCheckEvaluation


@dataclass(frozen=True, slots=True)
class Scope:
    """What is checked of one partition: whose meters, ``[start, end)``."""

    key: str
    authorization_ids: Collection[UUID]
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found: for one partition, or for the whole run."""

    passed: bool
    description: str
    metadata: Mapping[str, dg.MetadataValue] = field(default_factory=dict)


def specs(
    asset: str, partitions_def: dg.PartitionsDefinition | None = None
) -> list[dg.AssetCheckSpec]:
    """Return the checks of an asset: one result per partition, or without ``partitions_def`` one
    per run.
    """
    with warnings.catch_warnings():
        # Per-partition checks are a preview; without them one day's result hides another's.
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
    by_partition: bool,
) -> Iterator[CheckEvent]:
    """Yield the results of the selected checks; without outcomes nothing was collected.

    ``by_partition`` says which :func:`specs` the asset has.
    """
    selected = {key.name for key in context.selected_asset_check_keys}
    if not selected:
        return
    groups = {scope.key: [scope] for scope in scopes} if by_partition else {_RUN: scopes}
    if not by_partition and outcomes:
        outcomes = {_RUN: list(chain.from_iterable(outcomes.values()))}
    verdicts = _Verdicts.of(context, asset, list(groups))
    if COLLECTED in selected:
        url = runtime.settings.public_url
        found = {key: _collected(of_one, url) for key, of_one in outcomes.items()}
        yield from verdicts.events(COLLECTED, found)
    if HEARD in selected:
        found = {key: _heard(runtime, group) for key, group in groups.items()}
        yield from verdicts.events(HEARD, found)
    if selected & {SOUND, PLAUSIBLE}:
        for name, found in _of_meter_days(runtime, groups).items():
            if name in selected:
                yield from verdicts.events(name, found)


@dataclass(frozen=True, slots=True)
class _Verdicts:
    """Makes events of findings. A result cannot name its partition, and stands for the one of its
    run, or for the whole of it; in a run over several only the event itself can, and must say what
    it judged, or Dagster takes it for a verdict on an older materialization.
    """

    asset: dg.AssetKey
    targets: Mapping[str, Target | None] | None
    """The newest materialization of each partition; ``None`` where a run has one verdict."""

    @classmethod
    def of(cls, context: dg.AssetExecutionContext, asset: str, keys: Sequence[str]) -> Self:
        asset_key = dg.AssetKey(asset)
        if context.has_partition_key or list(keys) == [_RUN]:
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


def _heard(runtime: Runtime, scopes: Sequence[Scope]) -> Finding:
    with runtime.sessions() as session:
        silent = [
            channel
            for scope in scopes
            for channel in landed.silent_channels(session, scope.authorization_ids, at=scope.end)
        ]
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


def _of_meter_days(
    runtime: Runtime, groups: Mapping[str, Sequence[Scope]]
) -> dict[str, dict[str, Finding]]:
    """Check everything in one validation: its set-up costs more than its rows."""
    days: list[landed.MeterDay] = []
    owner: list[str] = []
    with runtime.sessions() as session:
        for key, scope in ((key, scope) for key, group in groups.items() for scope in group):
            found = landed.meter_days(session, scope.authorization_ids, scope.start, scope.end)
            days += found
            owner += [key] * len(found)
    sound: dict[str, list[Problem]] = {key: [] for key in groups}
    plausible: dict[str, list[Problem]] = {key: [] for key in groups}
    for problem in expectations.problems(days):
        of_kind = plausible if problem.about == expectations.TOO_LARGE else sound
        of_kind[owner[problem.place]].append(problem)
    checked = Counter(owner)
    sized = Counter(key for key, day in zip(owner, days, strict=True) if day.is_size_known)
    return {
        SOUND: {key: _soundness(problems, checked[key]) for key, problems in sound.items()},
        PLAUSIBLE: {
            key: _soundness(problems, sized[key])
            if sized[key]
            else Finding(passed=True, description="No system size is known to compare with.")
            for key, problems in plausible.items()
        },
    }


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
