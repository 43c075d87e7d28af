"""Outages of providers as a whole: looking whether one is back, and telling administrators.

Requests are counted, refused and tried in ``provider_breaker``, which every transport of a runtime
has: whoever collects, rotates or ends an authorization need not ask or report here.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcarbon.db import provider_outages
from dcarbon.db.people import Person
from dcarbon.db.provider_states import ProviderState
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.errors import InvalidInput
from dcarbon.services import audit, mails
from dcarbon.services.actors import SYSTEM
from dcarbon.services.runtime import Runtime

STEADY = timedelta(minutes=10)
"""How long a provider answers before its outage counts as over: a single answer proves little."""
FAILURES_OF_AN_OUTAGE = 2
"""One failure after which nobody asked again is no outage, however long ago."""


def look_again(runtime: Runtime) -> list[str]:
    """Have each paused provider tried whose time has come, and return which.

    One of its waiting orders becomes due: nothing waits for hours only because all orders do.
    """
    now = runtime.now()
    with runtime.sessions.begin() as session:
        due = session.scalars(
            select(ProviderState.provider)
            .where(ProviderState.probe_at <= now)
            .order_by(ProviderState.provider)
        ).all()
        for provider in due:
            provider_outages.bring_one_forward(session, provider, now=now)
    return list(due)


def tell(runtime: Runtime) -> list[str]:
    """Tell administrators by mail what is new of outages, once each, and return it in words.

    An outage is told of when it lasts longer than settings say, its end only where it was.
    """
    now = runtime.now()
    long_ago = now - timedelta(hours=runtime.settings.outage_mail_hours)
    with runtime.sessions.begin() as session:
        states = session.scalars(
            select(ProviderState)
            .where(ProviderState.down_since.is_not(None))
            .order_by(ProviderState.provider)
            .with_for_update(skip_locked=True)
        ).all()
        told = [_tell_one(runtime, session, state, long_ago=long_ago, now=now) for state in states]
    return [words for words in told if words]


def _tell_one(
    runtime: Runtime, session: Session, state: ProviderState, *, long_ago: datetime, now: datetime
) -> str | None:
    since = state.down_since
    assert since is not None  # selected so
    name = runtime.providers.profile(state.provider).name
    if state.told_at is None:
        if since > long_ago or state.failures < FAILURES_OF_AN_OUTAGE:
            return None
        _down(runtime, session, state, name=name, since=since, now=now)
        return f"{name} has been down since {since:%Y-%m-%d %H:%M} UTC"
    if state.back_since is None or not _is_over(session, state, state.back_since, now=now):
        return None
    _back(session, state, name=name, since=since, back=state.back_since, now=now)
    return f"{name} answers again"


def _is_over(session: Session, state: ProviderState, back: datetime, *, now: datetime) -> bool:
    """Say whether a provider is back for good: it goes on answering, or nothing waits for it."""
    if now - back < STEADY:
        return False
    if state.last_answer_at is not None and state.last_answer_at - back >= STEADY:
        return True
    return provider_outages.waiting_facilities(session, state.provider) == 0


def _down(
    runtime: Runtime,
    session: Session,
    state: ProviderState,
    *,
    name: str,
    since: datetime,
    now: datetime,
) -> None:
    state.told_at = now
    waiting = provider_outages.waiting_facilities(session, state.provider)
    context = {
        "utility": name,
        "since": since,
        "hours": runtime.settings.outage_mail_hours,
        "facilities": waiting,
        "code": state.last_error_code or "",
    }
    _mail_administrators(session, "provider_down", context, now=now)
    audit.record(
        session,
        AuditEvent.PROVIDER_DOWN,
        actor=SYSTEM,
        at=now,
        provider=state.provider,
        since=since.isoformat(),
        facilities=waiting,
    )


def _back(
    session: Session,
    state: ProviderState,
    *,
    name: str,
    since: datetime,
    back: datetime,
    now: datetime,
) -> None:
    state.down_since = state.told_at = state.back_since = None
    waiting = provider_outages.waiting_facilities(session, state.provider)
    context = {"utility": name, "since": since, "back": back, "facilities": waiting}
    _mail_administrators(session, "provider_back", context, now=now)
    audit.record(
        session,
        AuditEvent.PROVIDER_RECOVERED,
        actor=SYSTEM,
        at=now,
        provider=state.provider,
        since=since.isoformat(),
        back=back.isoformat(),
    )


def _mail_administrators(
    session: Session, kind: str, context: dict[str, object], *, now: datetime
) -> None:
    for email in _administrators(session):
        # An address that no mail can reach must not keep the others from being told.
        with suppress(InvalidInput):
            mails.queue(session, to=email, kind=kind, context=context, now=now)


def _administrators(session: Session) -> Sequence[str]:
    return session.scalars(select(Person.email).where(Person.is_admin).order_by(Person.id)).all()
