"""Batches that a custodian prepares first: what was asked for, if it was accepted and has come.

At most one per authorization is open. Notifications note here what they named.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from dcarbon.db.authorizations import Authorization
from dcarbon.db.base import new_id
from dcarbon.db.payloads import AwaitedBatch
from dcarbon.providers.green_button.client import Accepted
from dcarbon.services.runtime import Runtime


def open_of(runtime: Runtime, authorization_id: UUID) -> AwaitedBatch | None:
    """Return the batch that was asked for and has not been fetched, if any."""
    with runtime.sessions.begin() as session:
        return session.scalar(
            select(AwaitedBatch)
            .where(
                AwaitedBatch.authorization_id == authorization_id,
                AwaitedBatch.fetched_at.is_(None),
            )
            .order_by(AwaitedBatch.id.desc())
            .limit(1)
        )


def expect(
    runtime: Runtime,
    authorization: Authorization,
    start: datetime,
    end: datetime,
    existing: AwaitedBatch | None = None,
) -> UUID:
    """Write down that ``[start, end)`` is about to be asked for, over ``existing`` if there is."""
    uri = authorization.resource_uri or ""
    window = {"window_start": start, "window_end": end, "requested_at": runtime.now()}
    with runtime.sessions.begin() as session:
        if existing is not None:
            session.execute(
                update(AwaitedBatch).where(AwaitedBatch.id == existing.id).values(window)
            )
            return existing.id
        # A sync and an order may collect the same authorization at once: they share the batch.
        written = session.execute(
            insert(AwaitedBatch)
            .values(
                id=new_id(),
                authorization_id=authorization.id,
                request_url=uri,
                url_key=uri.partition("?")[0].rstrip("/"),
                **window,
            )
            .on_conflict_do_update(
                index_elements=["authorization_id", "request_url"],
                index_where=AwaitedBatch.fetched_at.is_(None),
                set_=window,
            )
            .returning(AwaitedBatch.id)
        )
        return written.scalar_one()


def accepted(runtime: Runtime, batch_id: UUID, outcome: Accepted) -> bool:
    """Note that a batch is being prepared; ``True`` when it was announced already."""
    with runtime.sessions.begin() as session:
        row = session.get_one(AwaitedBatch, batch_id, with_for_update=True)
        row.accepted_at = runtime.now()
        if outcome.window is not None:
            row.window_start, row.window_end = outcome.window
        return row.notified_at is not None


def close(runtime: Runtime, batch_id: UUID, *, notified_url: str | None = None) -> bool:
    """Close a batch; not one for which other addresses than ``notified_url`` were announced."""
    with runtime.sessions.begin() as session:
        closing = update(AwaitedBatch).where(AwaitedBatch.id == batch_id)
        if notified_url is not None:
            closing = closing.where(AwaitedBatch.notified_url == notified_url)
        closed = session.execute(
            closing.values(fetched_at=runtime.now()).returning(AwaitedBatch.id),
            execution_options={"synchronize_session": False},
        )
        return closed.first() is not None
