"""How the house is doing in figures, read in one go: for the metrics and the System page.

What the figures mean for people is said in ``system_checks``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from dcarbon.db import heartbeats, operation
from dcarbon.db.operation import (
    AuditEnd,
    ClosedCount,
    Lag,
    MailQueue,
    OrderCount,
    Server,
    StatusCount,
)
from dcarbon.db.provider_states import ProviderState
from dcarbon.domain.errors import ClientCredentialsRejected
from dcarbon.services import provider_freshness, work
from dcarbon.services.provider_freshness import Freshness
from dcarbon.services.runtime import Runtime

LATE_AFTER = timedelta(hours=36)
"""An authorization should be synced every night."""
LATELY = timedelta(days=1)
KINDS = ("collect", "repull", "revoke", "rotate")
STATES = ("due", "running", "put_off", "waiting")
OUTCOMES = ("done", "given_up", "cancelled")
_REFUSING = (ClientCredentialsRejected.code, "provider_not_set_up")


@dataclass(frozen=True, slots=True)
class Figures:
    """One look at the house, at ``now`` by our own clock.

    ``open_orders`` holds what is open by kind and state, ``closed_orders`` and the mails given up
    count the last day. ``beats`` are the last signs of life by process.
    """

    now: datetime
    server: Server
    server_asked_at: datetime
    server_took: timedelta
    open_orders: Sequence[OrderCount]
    closed_orders: Sequence[ClosedCount]
    statuses: Sequence[StatusCount]
    lags: Sequence[Lag]
    freshness: Mapping[str, Freshness]
    providers: Sequence[ProviderState]
    mails: MailQueue
    audit_end: AuditEnd | None
    beats: Mapping[str, datetime]

    def orders(self, state: str) -> int:
        """Count the open orders in a state, of all kinds."""
        return sum(each.count for each in self.open_orders if each.state == state)

    def first_due(self) -> datetime | None:
        """Return since when the order waits that is due longest and nobody works on."""
        return min((each.since for each in self.open_orders if each.state == "due"), default=None)


def read(runtime: Runtime) -> Figures:
    """Read all figures. Raises what the driver raises when the database is away."""
    now = runtime.now()
    with runtime.sessions() as session:
        session.connection()  # its price is not the server's
        began = runtime.now()
        server = operation.server(session)
        took = runtime.now() - began
        return Figures(
            now=now,
            server=server,
            server_asked_at=began + took / 2,
            server_took=took,
            open_orders=operation.open_orders(session, now=now, longest_run=work.LONGEST_RUN),
            closed_orders=operation.closed_orders(session, since=now - LATELY),
            statuses=operation.authorizations(session),
            lags=operation.lags(session, late_before=now - LATE_AFTER, refusing=_REFUSING),
            freshness=provider_freshness.of_all(session, now=now),
            providers=session.scalars(select(ProviderState).order_by(ProviderState.provider)).all(),
            mails=operation.mails(session, now=now, since=now - LATELY),
            audit_end=operation.audit_end(session),
            beats=heartbeats.newest(session),
        )
