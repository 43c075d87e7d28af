"""How assets and jobs appear in Dagster: group, owners, kinds, tags, and when they are late."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TypedDict

import dagster as dg

OWNERS = ["team:data"]
JOB_TAGS: Mapping[str, str] = {"dcarbon/domain": "metering", "dcarbon/team": "data"}
"""Of jobs, not of their runs. Owners of jobs are a preview that warns: the team is a tag."""
TITLE = "about"
"""The tag that says in words what a run is for. The list of runs shows a few tags in order of the
alphabet, each cut after some thirty letters: so its name, and so short titles."""

NIGHTLY = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=36))
"""A night may be late by half a day; a second missed one is a failure."""
HOURLY = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=3))


class Appearance(TypedDict):
    group_name: str
    owners: list[str]
    kinds: set[str]
    tags: Mapping[str, str]


SHOWN: Appearance = {
    "group_name": "collection",
    "owners": OWNERS,
    "kinds": {"postgres", "greenbutton"},
    "tags": {"dcarbon/domain": "metering"},
}
"""Of everything that collects from utilities."""
WATCHED: Appearance = {
    "group_name": "watching",
    "owners": OWNERS,
    "kinds": {"postgres"},
    "tags": {"dcarbon/domain": "metering"},
}
"""Of everything that looks at what was collected."""
DERIVED: Appearance = {
    "group_name": "deriving",
    "owners": OWNERS,
    "kinds": {"postgres", "numpy"},
    "tags": {"dcarbon/domain": "metering"},
}
"""Of everything that is made from readings and can be made again."""
