"""The two axes of collecting: authorizations, and days by shard (docs/decisions/0001).

Never their product in one asset: Dagster's pages pay for every cell that was ever filled.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

import dagster as dg

from dcarbon.db.authorizations import SHARDS

AUTHORIZATION = "authorization"
DATE = "date"
SHARD = "shard"
BATCH = 50
"""Authorizations in one run at most: a run costs seconds before its first line of ours."""

authorizations = dg.DynamicPartitionsDefinition(name=AUTHORIZATION)
daily = dg.DailyPartitionsDefinition(start_date=datetime(2024, 1, 1, tzinfo=UTC), timezone="UTC")
monthly = dg.MonthlyPartitionsDefinition(
    start_date=datetime(2024, 1, 1, tzinfo=UTC), timezone="UTC", end_offset=1
)
"""The month under way is one, too."""
shards = dg.StaticPartitionsDefinition([f"shard-{number:02d}" for number in range(SHARDS)])
daily_by_shard = dg.MultiPartitionsDefinition({DATE: daily, SHARD: shards})


def day_and_shard_key(day: date, shard: int) -> dg.MultiPartitionKey:
    """Return the partition key of one day of one shard."""
    return dg.MultiPartitionKey({DATE: day.isoformat(), SHARD: f"shard-{shard:02d}"})


def day_and_shard(partition_key: str) -> tuple[date, int]:
    """Return what a key like ``2026-01-31|shard-07`` says; dimensions are in order of name."""
    day, shard = partition_key.split("|")
    return date.fromisoformat(day), int(shard.removeprefix("shard-"))
