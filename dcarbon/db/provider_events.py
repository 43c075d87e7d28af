"""What providers told us already: so that the same news, repeated or late, is taken once."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from dcarbon.db.provider_states import ProviderEvent


def first_seen(
    session: Session,
    provider: str,
    uids: Collection[str],
    *,
    now: datetime,
    forgotten_before: datetime | None = None,
) -> set[str]:
    """Remember these events and return the new ones, or not heard of since ``forgotten_before``.

    Somebody who takes the same events at the same time waits here, and finds them known.
    """
    if not uids:
        return set()
    # Sorted: two deliveries with the same events in another order never wait for each other.
    rows = [
        {"provider": provider, "event_uid": uid, "received_at": now} for uid in sorted(set(uids))
    ]
    statement = insert(ProviderEvent).values(rows)
    if forgotten_before is None:
        statement = statement.on_conflict_do_nothing()
    else:
        statement = statement.on_conflict_do_update(
            index_elements=["provider", "event_uid"],
            set_={"received_at": now},
            where=ProviderEvent.received_at <= forgotten_before,
        )
    return set(session.scalars(statement.returning(ProviderEvent.event_uid)))


def heard(session: Session, provider: str, uids: Collection[str], *, since: datetime) -> set[str]:
    """Return which of these events were remembered after an instant."""
    row = ProviderEvent
    known = (row.provider == provider, row.event_uid.in_(uids), row.received_at > since)
    return set(session.scalars(select(row.event_uid).where(*known)))


def forget(session: Session, *, before: datetime) -> int:
    """Delete what was received before an instant and return how many."""
    gone = delete(ProviderEvent).where(ProviderEvent.received_at < before)
    return len(session.scalars(gone.returning(ProviderEvent.event_uid)).all())
