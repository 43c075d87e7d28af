"""What is written when a provider fails or answers again, and what its open orders do then."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from dcarbon.db.authorizations import Authorization
from dcarbon.db.provider_states import ProviderState
from dcarbon.db.work_orders import WorkOrder

# Neighbours in time of authorization come together: the sensor makes one run of each group. Orders
# that are locked are being worked on, and are not waited for.
_SPREAD = text("""
    with waiting as (
        select o.id, o.authorization_id
        from work_orders o join authorizations a on a.id = o.authorization_id
        where a.provider = :provider and o.done_at is null and o.not_before > :now
          and o.last_error_code = any(:codes)
        for update of o skip locked
    ),
    placed as (
        select id, row_number() over (order by authorization_id, id) - 1 as place,
               count(*) over () as total
        from waiting
    )
    update work_orders o
    set not_before = least(
        o.not_before,
        cast(:now as timestamptz)
        + (p.place / :together) * least(:apart, :longest / (1 + p.total / :together))
    )
    from placed p where p.id = o.id
""")


def locked(session: Session, provider: str) -> ProviderState:
    """Return the row of a provider, made at its first failure or answer, locked."""
    session.execute(
        insert(ProviderState).values(provider=provider, failures=0).on_conflict_do_nothing()
    )
    return session.get_one(ProviderState, provider, with_for_update=True)


def claim_probe(session: Session, provider: str, *, now: datetime, until: datetime) -> bool:
    """Take the one request that may try a paused provider; the next may not before ``until``."""
    claimed = session.execute(
        update(ProviderState)
        .where(ProviderState.provider == provider, ProviderState.probe_at <= now)
        .values(probe_at=until)
        .returning(ProviderState.provider)
    )
    return claimed.first() is not None


def note_answer(session: Session, provider: str, *, now: datetime) -> None:
    """Write down that a provider answers, where all is well."""
    session.execute(
        insert(ProviderState)
        .values(provider=provider, failures=0, last_answer_at=now)
        .on_conflict_do_update(index_elements=["provider"], set_={"last_answer_at": now})
    )


def spread_orders(
    session: Session,
    provider: str,
    *,
    codes: Sequence[str],
    together: int,
    apart: timedelta,
    longest: timedelta,
    now: datetime,
) -> None:
    """Bring forward what waited for a provider: groups of ``together`` orders, one after another,
    ``apart`` of each other but all within ``longest``. Never later than they were due anyway.
    """
    values = {"codes": list(codes), "together": together, "apart": apart, "longest": longest}
    session.execute(_SPREAD, {"provider": provider, "now": now, **values})


def bring_one_forward(session: Session, provider: str, *, now: datetime) -> None:
    """Make the next waiting order of a provider due, unless one is: its first request finds out
    how the provider is.
    """
    of_provider = (
        select(WorkOrder.id)
        .join(Authorization, Authorization.id == WorkOrder.authorization_id)
        .where(Authorization.provider == provider, WorkOrder.done_at.is_(None))
    )
    if session.scalar(of_provider.where(WorkOrder.not_before <= now).limit(1)) is None:
        soonest = of_provider.order_by(WorkOrder.not_before).limit(1).scalar_subquery()
        session.execute(update(WorkOrder).where(WorkOrder.id == soonest).values(not_before=now))


def waiting_facilities(session: Session, provider: str) -> int:
    """Count the facilities whose readings do not arrive because the provider is down."""
    count = session.scalar(
        select(func.count(Authorization.facility_id.distinct())).where(
            Authorization.provider == provider,
            Authorization.status == "authorized",
            Authorization.sync_health == "delayed",
        )
    )
    return count or 0
