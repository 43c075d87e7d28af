"""Administrators by their company's sign-in: who is let in, and that it is written down.

Offered only when an issuer is set. It is for administrators: whoever the company does not name as
one is refused and signs in by mail, like everybody.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from dcarbon.domain.errors import NotFound
from dcarbon.providers import oidc
from dcarbon.providers.oidc import Begun, CompanySignInRefused
from dcarbon.services import people, web_sessions
from dcarbon.services.actors import SYSTEM
from dcarbon.services.runtime import Runtime
from dcarbon.services.sign_in import SignedIn
from dcarbon.settings import Settings


def begin(runtime: Runtime) -> Begun:
    """Return where to send the browser, and what it has to bring back.

    Raises :class:`NotFound` when no issuer is set, :class:`oidc.CompanyUnavailable`.
    """
    _require_set_up(runtime.settings)
    return oidc.begin(
        runtime.settings,
        redirect_uri=redirect_uri(runtime.settings),
        state=secrets.token_urlsafe(32),
        nonce=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(48),
    )


def complete(
    runtime: Runtime,
    parameters: Mapping[str, str],
    *,
    state: str | None,
    nonce: str | None,
    verifier: str | None,
    ip: str | None,
    user_agent: str | None,
) -> SignedIn:
    """Take the browser back: check the answer, make or find the administrator, open a session.

    ``state``, ``nonce`` and ``verifier`` are what this browser began with, given once. Raises
    :class:`NotFound` when no issuer is set, :class:`CompanySignInRefused` with ``oidc_state``,
    ``oidc_declined``, ``oidc_refused``, ``oidc_not_admin`` or ``oidc_address_unverified``, and
    :class:`oidc.CompanyUnavailable`.
    """
    _require_set_up(runtime.settings)
    given = parameters.get("state", "")
    if not (
        state and nonce and verifier and secrets.compare_digest(given.encode(), state.encode())
    ):
        raise CompanySignInRefused(
            "state of another browser, or used",
            code="oidc_state",
        )
    if parameters.get("iss", runtime.settings.oidc_issuer) != runtime.settings.oidc_issuer:
        raise CompanySignInRefused("answer of another issuer (RFC 9207)")
    if "code" not in parameters:
        raise CompanySignInRefused(
            "no code",
            code="oidc_declined",
        )
    claims = oidc.claims_of(
        runtime.settings,
        redirect_uri=redirect_uri(runtime.settings),
        code=parameters["code"],
        nonce=nonce,
        verifier=verifier,
        now=runtime.now(),
    )
    address = _administrator(runtime.settings, claims)
    person = people.make_admin(runtime.sessions, email=address, actor=SYSTEM, now=runtime.now())
    opened = web_sessions.open_session(runtime, person.id, how="oidc", ip=ip, user_agent=user_agent)
    return SignedIn(person, opened)


def redirect_uri(settings: Settings) -> str:
    """Return the address to register at the company's issuer."""
    return f"{settings.public_url}/sign-in/oidc/callback"


def _administrator(settings: Settings, claims: Mapping[str, Any]) -> str:
    """Return the address of somebody the settings take for an administrator."""
    address = str(claims.get("email") or "").strip().lower()
    verified = claims.get("email_verified")
    has_claim = _has_admin_claim(settings, claims)
    if not has_claim and address not in settings.oidc_admin_emails:
        raise CompanySignInRefused(
            "not an administrator",
            code="oidc_not_admin",
        )
    # Some issuers leave the word out; with a claim of the company's own that will do, but an
    # address alone decides only where the issuer vouches for it.
    if not address or verified is False or (verified is not True and not has_claim):
        raise CompanySignInRefused(
            "address not verified",
            code="oidc_address_unverified",
        )
    return address


def _has_admin_claim(settings: Settings, claims: Mapping[str, Any]) -> bool:
    name, _, value = (settings.oidc_admin_claim or "").partition("=")
    held = claims.get(name) if name else None
    return value in held if isinstance(held, list) else bool(value) and held == value


def _require_set_up(settings: Settings) -> None:
    if settings.oidc_issuer is None:
        raise NotFound("no issuer is set")
