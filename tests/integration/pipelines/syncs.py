"""What tests of scheduled syncs share: shards with customers, evaluated schedules and sensors."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

import dagster as dg
from sqlalchemy import select, update

from dcarbon.db.tables import Authorization, SyncAttempt, WorkOrder
from dcarbon.services.runtime import Runtime
from dcarbon_pipelines.partitions import day_and_shard_key
from dcarbon_pipelines.sync_runs import SYNC

SHARD = 3
DAY = date(2026, 3, 18)
KEY = day_and_shard_key(DAY, SHARD)
INTERVALS = dg.AssetKey("intervals")


def run_sync(
    instance: dg.DagsterInstance,
    definitions: dg.Definitions,
    *,
    sync: str | None = "daily",
    day: date = DAY,
) -> dg.ExecuteInProcessResult:
    """Run one shard of a day, as a schedule would; without ``sync``, as an administrator would."""
    return definitions.resolve_job_def("daily_sync").execute_in_process(
        partition_key=day_and_shard_key(day, SHARD),
        instance=instance,
        tags={SYNC: sync} if sync else None,
        raise_on_error=False,
    )


def synced_at(runtime: Runtime, authorization_id: UUID, at: datetime) -> None:
    """Give an authorization a sync of long ago, as one that has its history."""
    with runtime.sessions.begin() as session:
        session.execute(
            update(Authorization).where(Authorization.id == authorization_id).values(last_sync=at)
        )


def attempts_of(runtime: Runtime, authorization_id: UUID) -> Sequence[SyncAttempt]:
    query = select(SyncAttempt).where(SyncAttempt.authorization_id == authorization_id)
    with runtime.sessions() as session:
        return session.scalars(query.order_by(SyncAttempt.started_at, SyncAttempt.id)).all()


def orders_of(runtime: Runtime, authorization_id: UUID) -> Sequence[WorkOrder]:
    query = select(WorkOrder).where(WorkOrder.authorization_id == authorization_id)
    with runtime.sessions() as session:
        return session.scalars(query.order_by(WorkOrder.id)).all()
