"""What the guides say of Dagster: names that exist, and configuration it takes."""

from __future__ import annotations

import re

import dagster as dg
import pytest
import yaml

from dcarbon_pipelines.definitions import defs
from tests.docs.blocks import Block, Document, documents

GUIDE = Document("docs/guides/data-team.md")
CONFIGURATIONS = [
    (document.name, block)
    for document in documents()
    for block in document.blocks
    if {"job", "asset"} & set(block.options)
]


def test_the_guide_names_everything_dagster_shows() -> None:
    shown = _schedules_and_sensors() | _assets() | _checks()

    assert shown - {span for _, span in GUIDE.spans} == set()


def test_every_name_at_the_head_of_a_row_exists() -> None:
    named = {
        name
        for row in re.findall(r"^\| (`[^|]+`) \|", GUIDE.prose, re.MULTILINE)
        for name in re.findall(r"`([a-z_]+)`", row)
    }

    assert named - _schedules_and_sensors() - _assets() - _checks() == set()


@pytest.mark.parametrize(("name", "block"), CONFIGURATIONS, ids=lambda one: str(one)[:40])
def test_dagster_takes_a_configuration(name: str, block: Block) -> None:
    given = yaml.safe_load(block.text)

    if "job" in block.options:
        job = defs.resolve_job_def(block.options["job"])
    else:
        every = defs.resolve_implicit_global_asset_job_def()
        job = every.get_subset(asset_selection={dg.AssetKey(block.options["asset"])})

    assert name
    assert dg.validate_run_config(job, given)


def _schedules_and_sensors() -> set[str]:
    known = defs.get_repository_def()
    return {one.name for one in known.schedule_defs} | {one.name for one in known.sensor_defs}


def _assets() -> set[str]:
    return {key.to_user_string() for key in defs.get_repository_def().assets_defs_by_key}


def _checks() -> set[str]:
    """Return the names of checks; those of one utility stand for all of them."""
    names = {key.name for key in defs.get_repository_def().asset_graph.asset_check_keys}
    return {name for name in names if not name.endswith("_is_fresh")}
