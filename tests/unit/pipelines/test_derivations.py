"""Runs that derive energy: shown under partitions there are, and saying what they are."""

from __future__ import annotations

from datetime import date, timedelta

import dagster as dg
import pytest

from dcarbon.db.derived_energy_marks import Waiting
from dcarbon_pipelines import derivations
from dcarbon_pipelines.definitions import defs
from dcarbon_pipelines.order_runs import RANGE_END, RANGE_START
from dcarbon_pipelines.sync_runs import SYNC


def _by_hand(asset: str) -> dg.DagsterRun:
    return dg.DagsterRun("__ASSET_JOB", asset_selection=frozenset({dg.AssetKey(asset)}))


DAYS = ["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"]


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (date(2024, 1, 2), date(2024, 1, 3), ("2024-01-02", "2024-01-03")),
        (date(2023, 5, 1), date(2024, 1, 2), ("2024-01-01", "2024-01-02")),
        (date(2023, 5, 1), date(2023, 6, 2), ("2024-01-01", "2024-01-01")),
        (date(2024, 1, 5), date(2024, 1, 5), ("2024-01-04", "2024-01-04")),
        (date(2024, 1, 3), None, ("2024-01-03", "2024-01-04")),
    ],
    ids=["inside", "from before", "all before", "not ended yet", "no end"],
)
def test_a_run_is_shown_under_partitions_there_are(
    first: date, last: date | None, expected: tuple[str, str]
) -> None:
    request = derivations.days_request(Waiting(1, timedelta(0), first, last), DAYS)

    assert (request.tags[RANGE_START], request.tags[RANGE_END]) == expected
    assert request.run_config["ops"] == {"daily_energy": {"config": {"only_changed": True}}}


@pytest.mark.parametrize(
    ("run", "brings"),
    [
        (dg.DagsterRun("daily_sync"), True),
        (dg.DagsterRun("collect_scattered"), True),
        (dg.DagsterRun("of no schedule", tags={SYNC: "pull-1"}), True),
        (_by_hand("intervals"), True),
        (_by_hand("authorization_intervals"), True),
        (_by_hand("daily_energy"), False),
        (dg.DagsterRun("derive_days"), False),
    ],
    ids=["schedule", "by name", "pulled", "by hand", "of one by hand", "derived", "deriving"],
)
def test_a_run_that_collects_is_known_as_one(run: dg.DagsterRun, *, brings: bool) -> None:
    assert derivations.brings_readings(run) is brings


def test_months_are_shown_by_their_first_day() -> None:
    keys = ["2024-01-01", "2024-02-01", "2024-03-01"]
    waiting = Waiting(1, timedelta(0), date(2024, 2, 1), None)

    request = derivations.months_request(waiting, keys)

    assert request.tags["about"] == "Generation of changed months, 2024-02 to 2024-03"
    assert request.job_name == "derive_months"


@pytest.mark.parametrize("name", ["daily_energy", "hourly_export", "monthly_generation"])
def test_every_derived_asset_says_what_it_is_and_whose(name: str) -> None:
    key = dg.AssetKey(name)

    spec = defs.resolve_assets_def(key).get_asset_spec(key)

    assert spec.description
    assert (spec.group_name, spec.owners) == ("deriving", ["team:data"])
    assert spec.kinds == {"postgres", "numpy"}


def test_days_come_from_intervals_and_months_from_days() -> None:
    graph = defs.resolve_asset_graph()

    parents = {
        name: {key.to_user_string() for key in graph.get(dg.AssetKey(name)).parent_keys}
        for name in ("daily_energy", "hourly_export", "monthly_generation")
    }

    assert parents == {
        "daily_energy": {"intervals"},
        "hourly_export": {"intervals"},
        "monthly_generation": {"daily_energy", "hourly_export"},
    }


@pytest.mark.parametrize(
    ("job", "assets", "checks"),
    [
        ("derive_days", {"daily_energy", "hourly_export"}, 2),
        ("derive_months", {"monthly_generation"}, 1),
    ],
)
def test_a_job_brings_its_assets_with_their_checks(job: str, assets: set[str], checks: int) -> None:
    layer = defs.resolve_job_def(job).asset_layer

    assert {key.to_user_string() for key in layer.executable_asset_keys} == assets
    assert len(layer.asset_graph.asset_check_keys) == checks
