"""Batches that a custodian prepares first: what was asked for, if it was accepted and has come.

At most one per authorization is open. Notifications note here what they named.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, literal, select, update

from dcarbon.db import binary_copy as bc
from dcarbon.db.authorizations import Authorization
from dcarbon.db.base import new_id
from dcarbon.db.engine import Sessions
from dcarbon.db.payloads import AwaitedBatch
from dcarbon.providers.green_button.client import Accepted
from dcarbon.services.runtime import Runtime

# A sync and an order may collect the same authorization at once: they share the batch.
_EXPECT = """
insert into awaited_batches (id, authorization_id, request_url, url_key, window_start, window_end,
                             requested_at)
select * from unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::timestamptz[],
                     %s::timestamptz[], %s::timestamptz[])
on conflict (authorization_id, request_url) where fetched_at is null do update set
    window_start = excluded.window_start, window_end = excluded.window_end,
    requested_at = excluded.requested_at
returning authorization_id, request_url, id
"""
_CLOSE = """
update awaited_batches b set fetched_at = %s
from unnest(%s::uuid[], %s::text[]) as w(id, notified_url)
where b.id = w.id and (w.notified_url is null or b.notified_url = w.notified_url)
returning b.id
"""


def open_of(runtime: Runtime, authorization_id: UUID) -> AwaitedBatch | None:
    """Return the batch that was asked for and has not been fetched, if any."""
    return runtime.together.do(_open, runtime.sessions, authorization_id)


def _open(sessions: Sessions, authorization_ids: Sequence[UUID]) -> list[AwaitedBatch | None]:
    chosen = select(AwaitedBatch).where(
        AwaitedBatch.authorization_id == any_(literal(list(authorization_ids), ARRAY(Uuid))),
        AwaitedBatch.fetched_at.is_(None),
    )
    with sessions.begin() as session:
        rows = session.scalars(chosen.order_by(AwaitedBatch.id))
        found = {row.authorization_id: row for row in rows}
    return [found.get(one) for one in authorization_ids]


def expect(
    runtime: Runtime,
    authorization: Authorization,
    start: datetime,
    end: datetime,
    existing: AwaitedBatch | None = None,
) -> UUID:
    """Write down that ``[start, end)`` is about to be asked for, over ``existing`` if there is."""
    uri, now = authorization.resource_uri or "", runtime.now()
    if existing is None:
        wanted = _Wanted(authorization.id, uri, uri.partition("?")[0].rstrip("/"), start, end, now)
        return runtime.together.do(_expect, runtime.sessions, wanted)
    window = {"window_start": start, "window_end": end, "requested_at": now}
    with runtime.sessions.begin() as session:
        session.execute(update(AwaitedBatch).where(AwaitedBatch.id == existing.id).values(window))
    return existing.id


class _Wanted(NamedTuple):
    authorization_id: UUID
    request_url: str
    url_key: str
    window_start: datetime
    window_end: datetime
    requested_at: datetime


def _expect(sessions: Sessions, wanted: Sequence[_Wanted]) -> list[UUID]:
    columns = [list(column) for column in zip(*wanted, strict=True)]
    with sessions.begin() as session:
        connection = bc.connection_of(session)
        made = connection.execute(_EXPECT, [[new_id() for _ in wanted], *columns]).fetchall()
    ids = {(authorization_id, url): identity for authorization_id, url, identity in made}
    return [ids[one.authorization_id, one.request_url] for one in wanted]


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
    return runtime.together.do(_close, runtime, (batch_id, notified_url))


def _close(runtime: Runtime, closing: Sequence[tuple[UUID, str | None]]) -> list[bool]:
    columns = [list(column) for column in zip(*closing, strict=True)]
    with runtime.sessions.begin() as session:
        connection = bc.connection_of(session)
        closed = {row[0] for row in connection.execute(_CLOSE, [runtime.now(), *columns])}
    return [batch_id in closed for batch_id, _ in closing]
