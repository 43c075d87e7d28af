"""Partition keys say which day and which shard, and say it the way Dagster spells them."""

from __future__ import annotations

from datetime import date

import pytest

from dcarbon.db.authorizations import SHARDS
from dcarbon_pipelines.partitions import daily_by_shard, day_and_shard, day_and_shard_key, shards


@pytest.mark.parametrize("shard", [0, 7, SHARDS - 1])
def test_a_key_says_again_what_it_was_made_of(shard: int) -> None:
    key = day_and_shard_key(date(2026, 3, 8), shard)

    assert day_and_shard(key) == (date(2026, 3, 8), shard)
    assert daily_by_shard.has_partition_key(key)


def test_there_is_a_partition_for_every_shard_an_authorization_can_have() -> None:
    numbers = [day_and_shard(f"2026-01-01|{key}")[1] for key in shards.get_partition_keys()]

    assert numbers == list(range(SHARDS))
