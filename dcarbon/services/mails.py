"""Mail: queued in the transaction of the change it reports, sent afterwards by ``dcarbon mailer``.

Some mails carry a link that lets its reader in. The database is to keep no usable link: only
hashes stand in the tables of sign-in and invitation, and once such a mail is sent or given up its
words are blanked in the outbox too. Between queueing and sending (a second or two, in an outage
until the mail is not worth sending any more) the link does stand in the row: without it nobody
could send it.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from dcarbon.db import mails
from dcarbon.db.base import new_id
from dcarbon.db.mails import Mail
from dcarbon.domain.errors import DCarbonError, MailRefused, MailServerUnavailable
from dcarbon.services import mail_rendering
from dcarbon.services.mail_rendering import KINDS
from dcarbon.services.mail_transport import Letter, MailTransport, recipient
from dcarbon.services.runtime import Runtime

CLAIM = timedelta(minutes=10)
"""How long a mail under way is kept from other senders: longer than all timeouts of one mail."""
FIRST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(minutes=30)
KEPT_FOR = timedelta(days=365)
"""How long a mail is remembered once it is sent or given up."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SendOutcome:
    """What one round of sending did, in mails."""

    sent: int = 0
    postponed: int = 0
    given_up: int = 0
    waiting: int = 0
    """Still in the outbox after the round."""
    is_set_up: bool = True
    """False when no mail server is set: nothing was tried."""
    is_reachable: bool = True
    """False when the server could not be reached or refused us: the round ended there."""


def queue(
    session: Session,
    *,
    to: str,
    kind: str,
    context: Mapping[str, object],
    now: datetime,
    facility_id: UUID | None = None,
    repeat_key: str | None = None,
    repeat_within: timedelta | None = None,
) -> Mail | None:
    """Write a mail to the outbox, in the caller's transaction; it goes out after the commit.

    ``kind`` and the variables ``context`` must have are in :data:`mail_rendering.KINDS`. With a
    ``repeat_key``, ``None`` is returned and nothing queued if the same news went to the same
    address within ``repeat_within`` (ever, without one). Raises :class:`InvalidInput`
    (``mail_address_invalid``) for an address no mail can go to.
    """
    address = recipient(to).addr_spec
    if repeat_key is not None:
        since = now - repeat_within if repeat_within is not None else None
        if mails.was_queued(session, to=address, repeat_key=repeat_key, since=since):
            return None
    words = mail_rendering.render(kind, context)
    mail = Mail(
        id=new_id(),
        to_address=address,
        kind=kind,
        subject=words.subject,
        text_body=words.text,
        html_body=words.html,
        facility_id=facility_id,
        repeat_key=repeat_key,
        created_at=now,
        not_before=now,
        attempts=0,
    )
    session.add(mail)
    return mail


def send_due(runtime: Runtime, *, limit: int = 50) -> SendOutcome:
    """Send up to ``limit`` mails that are due, over one connection, and say what came of it.

    Safe to run in several processes at once. No transaction is open while the server is spoken
    to: a mail is claimed by putting it off, sent, and marked. A crash in between sends it again
    after :data:`CLAIM` with the same Message-ID. Raises :class:`SettingsInvalid` when a mail
    server is set and the rest that it needs is not.
    """
    outcome = SendOutcome(given_up=_give_up_overdue(runtime))
    if runtime.settings.mail_host is None:
        return replace(outcome, waiting=_waiting(runtime), is_set_up=False)
    with MailTransport(runtime.settings) as transport:
        for _ in range(limit):
            letter = _claim(runtime)
            if letter is None:
                break
            outcome = _send(runtime, transport, letter, outcome)
            if not outcome.is_reachable:
                break
    return replace(outcome, waiting=_waiting(runtime))


def _claim(runtime: Runtime) -> Letter | None:
    now = runtime.now()
    with runtime.sessions.begin() as session:
        mail = mails.claim_next(session, now=now, until=now + CLAIM)
        if mail is None:
            return None
        return Letter(
            id=mail.id,
            to=mail.to_address,
            subject=mail.subject,
            text=mail.text_body,
            html=mail.html_body,
            written_at=mail.created_at,
        )


def _send(
    runtime: Runtime, transport: MailTransport, letter: Letter, outcome: SendOutcome
) -> SendOutcome:
    try:
        transport.send(letter)
    except MailRefused as error:
        _mark_given_up(runtime, letter.id, error)
        return replace(outcome, given_up=outcome.given_up + 1)
    except MailServerUnavailable as error:
        _postpone(runtime, letter.id, error)
        return replace(outcome, postponed=outcome.postponed + 1, is_reachable=error.is_about_one)
    _mark_sent(runtime, letter.id)
    return replace(outcome, sent=outcome.sent + 1)


def _mark_sent(runtime: Runtime, mail_id: UUID) -> None:
    with runtime.sessions.begin() as session:
        mail = session.get_one(Mail, mail_id, with_for_update=True)
        mail.sent_at, mail.given_up_at, mail.last_error = runtime.now(), None, None
        _blank(mail)
        log.info("mail_sent", mail=str(mail_id), kind=mail.kind, attempts=mail.attempts)


def _mark_given_up(runtime: Runtime, mail_id: UUID, error: DCarbonError) -> None:
    with runtime.sessions.begin() as session:
        mail = session.get_one(Mail, mail_id, with_for_update=True)
        mail.given_up_at, mail.last_error = runtime.now(), str(error)
        _blank(mail)
        log.warning("mail_given_up", mail=str(mail_id), kind=mail.kind, error=str(error))


def _postpone(runtime: Runtime, mail_id: UUID, error: DCarbonError) -> None:
    now = runtime.now()
    with runtime.sessions.begin() as session:
        mail = session.get_one(Mail, mail_id, with_for_update=True)
        mail.not_before, mail.last_error = now + _back_off(mail.attempts), str(error)
        log.warning("mail_postponed", mail=str(mail_id), kind=mail.kind, error=str(error))


def _give_up_overdue(runtime: Runtime) -> int:
    """Give up what is not worth sending any more, whether or not a mail server is set."""
    now, count = runtime.now(), 0
    with runtime.sessions.begin() as session:
        for name, kind in KINDS.items():
            too_old = now - kind.worth_for
            for mail in mails.overdue(session, kind=name, created_before=too_old, now=now):
                mail.given_up_at = now
                _blank(mail)
                log.warning("mail_given_up", mail=str(mail.id), kind=name, error=mail.last_error)
                count += 1
    return count


def prune(session: Session, now: datetime) -> int:
    """Forget mails that were sent or given up long ago, and return how many. Does not commit."""
    return mails.delete_over(session, before=now - KEPT_FOR)


def _waiting(runtime: Runtime) -> int:
    with runtime.sessions() as session:
        return mails.waiting(session)


def _blank(mail: Mail) -> None:
    if KINDS[mail.kind].holds_secret:
        mail.text_body = mail.html_body = ""


def _back_off(attempts: int) -> timedelta:
    """Return how long to wait before the next try: doubling, with jitter."""
    doubled = min(FIRST_WAIT * (1 << min(attempts - 1, 10)), LONGEST_WAIT)
    return doubled * random.uniform(0.5, 1.0)  # noqa: S311 — spreads load, guards nothing
