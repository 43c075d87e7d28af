"""Who administers, and what administrators are told by mail."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcarbon.db.people import Person, person_by_email
from dcarbon.domain.errors import InvalidInput, NotFound
from dcarbon.services import mails
from dcarbon.services.actors import Actor
from dcarbon.services.runtime import Runtime

FAILED_RUN_AGAIN_AFTER = timedelta(hours=1)
"""The same job failing again is told after this long at the soonest."""


def by_email(runtime: Runtime, email: str) -> Actor:
    """Return the administrator with this address, who answers for a change in the audit log.

    Raises :class:`NotFound` (``no_such_administrator``).
    """
    with runtime.sessions() as session:
        person = person_by_email(session, email)
    if person is None or not person.is_admin:
        raise NotFound("no administrator has this address", code="no_such_administrator")
    return Actor(person.id, is_admin=True)


def tell_of_failed_run(
    runtime: Runtime, *, job: str, what: str, reason: str, run_id: str, now: datetime
) -> int:
    """Tell every administrator that a run failed, once per job and hour; return how many mails.

    ``what`` says in words what the job does; ``reason`` must hold nothing of a customer.
    """
    link = f"{runtime.settings.dagster_place}/runs/{run_id}"
    context = {"what": what, "reason": reason, "link": link}
    with runtime.sessions.begin() as session:
        return mail_all(
            session,
            "run_failed",
            context,
            now=now,
            repeat_key=f"run_failed:{job}",
            repeat_within=FAILED_RUN_AGAIN_AFTER,
        )


def mail_all(
    session: Session,
    kind: str,
    context: Mapping[str, object],
    *,
    now: datetime,
    repeat_key: str | None = None,
    repeat_within: timedelta | None = None,
) -> int:
    """Queue a mail for every administrator; return how many were queued."""
    queued = 0
    administrators = select(Person.email).where(Person.is_admin).order_by(Person.id)
    for email in session.scalars(administrators).all():
        # An address that no mail can reach must not keep the others from being told.
        with suppress(InvalidInput):
            mail = mails.queue(
                session,
                to=email,
                kind=kind,
                context=context,
                now=now,
                repeat_key=repeat_key,
                repeat_within=repeat_within,
            )
            queued += mail is not None
    return queued
