"""Signing in without passwords: single-use links by mail.

Who may sign in: whoever reads the mail of an address. Nobody has to be known before. A link to an
address we do not know makes the account when it is used (the mail says so), and the page after it
asks for the kind of account and a name. So the answer to *send me a link* is the same for every
address, and so is the work: one row, one mail. Nothing is made for an address until its mail was
read.

A link may be used in another browser than the one that asked, since many read their mail on a
phone; the page before the button then says so and names the address. Sessions of browsers are in
``web_sessions``.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Literal

from sqlalchemy.orm import Session

from dcarbon.db import people as people_table
from dcarbon.db import sign_in
from dcarbon.db.base import new_id
from dcarbon.db.people import Person
from dcarbon.db.sign_in import SignInLink
from dcarbon.domain.errors import InvalidTransition, TooManyRequests
from dcarbon.domain.own_paths import own_path
from dcarbon.domain.secrets import hashed
from dcarbon.services import mails, people, web_sessions
from dcarbon.services.runtime import Runtime

GOOD_FOR = timedelta(minutes=15)
_QUOTA_WINDOW = timedelta(hours=1)
_KEPT_FOR = timedelta(days=30)
"""An expired link answers *expired* for so long, then *unknown*."""
_LONGEST_SECRET = 128
_PREFIX = {4: 24, 6: 56}
"""What counts as one network, by IP version: what one customer or office usually has."""
_FIRST_KIND = "residential"
"""Of a new account until its person has chosen; the page after the first sign-in asks."""


class LinkRefused(InvalidTransition):
    """The person clicking acts: the link is used, expired or unknown. They ask for another."""

    code = "link_unknown"

    def __init__(self, state: Literal["used", "expired", "unknown"]) -> None:
        super().__init__(f"link {state}", code=f"link_{state}")
        self.state = state


@dataclass(frozen=True, slots=True)
class LinkState:
    """How a link stands, for the page before the button."""

    state: Literal["good", "used", "expired", "unknown"]
    email: str | None = None
    """Whose it is, if it is good."""
    is_new: bool = False
    """Using it makes an account."""
    is_other_browser: bool = False
    """It was asked for in another browser, as far as we can tell."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who is in now, and the secret for the cookie."""

    person: Person
    session_secret: str = field(repr=False)
    next_path: str | None = None


def request_link(
    runtime: Runtime, email: str, *, ip: str | None, browser: str | None, next_path: str | None
) -> None:
    """Queue a mail with a link for this address, known or not.

    Raises :class:`InvalidInput` for what cannot be an address and :class:`TooManyRequests` when
    the address or the network has used up its hour.
    """
    address = people.address_of(email)
    with runtime.sessions.begin() as session:
        _require_room(session, runtime, address, ip=ip)
        person = people_table.person_by_email(session, address)
        link = _written(session, runtime, address, ip=ip, browser=browser, next_path=next_path)
        mails.queue(
            session,
            to=address,
            kind="sign_in" if person else "sign_up",
            context={"link": link, "minutes": GOOD_FOR // timedelta(minutes=1)},
            now=runtime.now(),
        )


def new_link(runtime: Runtime, email: str) -> str:
    """Return a link without mailing it, for somebody at the command line."""
    with runtime.sessions.begin() as session:
        address = people.address_of(email)
        return _written(session, runtime, address, ip=None, browser=None, next_path=None)


def look(runtime: Runtime, secret: str, *, browser: str | None = None) -> LinkState:
    """Say how a link stands and change nothing: mail scanners open links too."""
    with runtime.sessions() as session:
        return _state(session, runtime, secret, browser=browser)


def consume(
    runtime: Runtime,
    secret: str,
    *,
    browser: str | None,
    ip: str | None,
    user_agent: str | None,
) -> SignedIn:
    """Use a link up and open a session; the person is made if the address is new.

    Raises :class:`LinkRefused` with ``link_used``, ``link_expired`` or ``link_unknown``.
    """
    now = runtime.now()
    with runtime.sessions.begin() as session:
        link = sign_in.consume_link(session, hashed(secret), now=now) if _is_one(secret) else None
        if link is None:
            state = _state(session, runtime, secret, browser=browser).state
            raise LinkRefused("unknown" if state == "good" else state)
        sign_in.end_open_links(session, link.email, now=now)
        person = people.reader_of(session, link.email, account_kind=_FIRST_KIND, ip=ip, now=now)
        link.person_id = person.id
        opened = web_sessions.opened(
            session, runtime, person, how="link", ip=ip, user_agent=user_agent
        )
        return SignedIn(person, opened, own_path(link.next_path))


def prune(session: Session, now: datetime) -> int:
    """Forget links that are long expired, and return how many. Does not commit."""
    return sign_in.delete_links(session, expired_before=now - _KEPT_FOR)


def _state(session: Session, runtime: Runtime, secret: str, *, browser: str | None) -> LinkState:
    link = _found(session, secret)
    if link is None:
        return LinkState("unknown")
    if link.consumed_at is not None:
        return LinkState("used")
    if link.expires_at <= runtime.now():
        return LinkState("expired")
    return LinkState(
        "good",
        email=link.email,
        is_new=people_table.person_by_email(session, link.email) is None,
        is_other_browser=link.browser_hash is not None
        and (browser is None or not secrets.compare_digest(link.browser_hash, hashed(browser))),
    )


def _require_room(session: Session, runtime: Runtime, address: str, *, ip: str | None) -> None:
    """Count rows, not requests of one process: the quota holds for all web processes together."""
    since = runtime.now() - _QUOTA_WINDOW
    network = _network(ip)
    sign_in.lock_quotas(session, [f"sign-in {place}" for place in (address, network) if place])
    limits = runtime.settings
    for_address = sign_in.links_asked_for(session, email=address, since=since)
    from_network = sign_in.links_asked_from(session, network=network, since=since) if network else 0
    if (
        for_address >= limits.sign_in_links_per_address
        or from_network >= limits.sign_in_links_per_network
    ):
        raise TooManyRequests(
            "sign-in quota used up",
            retry_after=_QUOTA_WINDOW,
            code="sign_in_quota",
        )


def _written(
    session: Session,
    runtime: Runtime,
    address: str,
    *,
    ip: str | None,
    browser: str | None,
    next_path: str | None,
) -> str:
    """Write a link down and return its address. Only the hash of its secret is kept."""
    secret, now = secrets.token_urlsafe(32), runtime.now()
    session.add(
        SignInLink(
            id=new_id(),
            email=address,
            secret_hash=hashed(secret),
            browser_hash=hashed(browser) if browser else None,
            next_path=own_path(next_path),
            ip=ip,
            created_at=now,
            expires_at=now + GOOD_FOR,
        )
    )
    return f"{runtime.settings.public_url}/sign-in/{secret}"


def _found(session: Session, secret: str) -> SignInLink | None:
    return sign_in.link_by_hash(session, hashed(secret)) if _is_one(secret) else None


def _is_one(secret: str) -> bool:
    return 0 < len(secret) <= _LONGEST_SECRET


def _network(ip: str | None) -> str | None:
    if ip is None:
        return None
    address = ip_address(ip)
    return str(ip_network(f"{address}/{_PREFIX[address.version]}", strict=False))
