"""How the assets of the collection appear in Dagster: group, owners, kinds, tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict


class Appearance(TypedDict):
    group_name: str
    owners: list[str]
    kinds: set[str]
    tags: Mapping[str, str]


SHOWN: Appearance = {
    "group_name": "collection",
    "owners": ["team:data"],
    "kinds": {"postgres", "greenbutton"},
    "tags": {"dcarbon/domain": "metering"},
}
"""Of everything that collects from utilities."""
