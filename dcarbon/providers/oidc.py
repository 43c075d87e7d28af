"""Company sign-in by OpenID Connect: Authlib's client on httpx2, code flow with PKCE and a nonce.

Speaks to the one issuer the settings name. Who may come in is decided in the service.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from urllib.parse import urlsplit

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from dcarbon.domain.errors import DCarbonError, ProviderUnavailable
from dcarbon.settings import Settings

_ALGORITHMS = ["RS256", "PS256", "ES256", "ES384", "EdDSA"]
"""Signatures only the issuer can make; ``none`` and shared secrets never (CVE-2026-28802)."""
_LEEWAY_S = 60
_TIMEOUT_S = 10.0
_SCOPE = "openid email profile"


class CompanySignInRefused(DCarbonError):
    """The person signing in or an administrator acts: the company's answer does not let in."""

    is_ours = False
    code = "oidc_refused"
    display_message = (
        "Your company's sign-in was not accepted. Please try again, or ask for a link by mail."
    )


class CompanyUnavailable(ProviderUnavailable):
    """We wait: the company's sign-in cannot be reached, or does not answer as it should."""

    code = "oidc_unavailable"
    display_message = (
        "Your company's sign-in is not answering. Please try again later, or ask for a link by "
        "mail."
    )


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in under way. Everything but the address stays with the browser that began it."""

    address: str = field(repr=False)
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


def begin(settings: Settings, *, redirect_uri: str, state: str, nonce: str, verifier: str) -> Begun:
    """Return where to send the browser. Raises :class:`CompanyUnavailable`."""
    with _client(settings, redirect_uri) as client:
        found = _discovered(client, settings)
        address, _ = client.create_authorization_url(
            found["authorization_endpoint"], state=state, nonce=nonce, code_verifier=verifier
        )
    return Begun(str(address), state, nonce, verifier)


def claims_of(
    settings: Settings,
    *,
    redirect_uri: str,
    code: str,
    nonce: str,
    verifier: str,
    now: datetime,
) -> Mapping[str, Any]:
    """Exchange the code and return what the ID token says, checked (OpenID Connect Core 3.1.3.7).

    Raises :class:`CompanySignInRefused` for a token that does not hold, and
    :class:`CompanyUnavailable`.
    """
    with _client(settings, redirect_uri) as client:
        found = _discovered(client, settings)
        try:
            token = client.fetch_token(found["token_endpoint"], code=code, code_verifier=verifier)
        except AuthlibBaseError as error:
            raise CompanySignInRefused("the issuer refused the code") from error
        keys = _json(client, found["jwks_uri"])
    if "id_token" not in token:
        raise CompanySignInRefused("no ID token in the issuer's answer")
    try:
        return _checked(settings, token, keys, nonce=nonce, now=now)
    except (JoseError, AuthlibBaseError, ValueError, KeyError) as error:
        raise CompanySignInRefused("the ID token does not hold") from error


def _checked(
    settings: Settings,
    token: Mapping[str, Any],
    keys: Mapping[str, Any],
    *,
    nonce: str,
    now: datetime,
) -> Mapping[str, Any]:
    key_set = KeySet.import_key_set(cast("Any", keys))
    decoded = jwt.decode(token["id_token"], key_set, algorithms=_ALGORITHMS)
    claims = CodeIDToken(
        decoded.claims,
        decoded.header,
        {
            "iss": {"essential": True, "values": [settings.oidc_issuer]},
            "aud": {"essential": True, "values": [settings.oidc_client_id]},
        },
        {
            "nonce": nonce,
            "client_id": settings.oidc_client_id,
            "access_token": token.get("access_token"),
        },
    )
    claims.validate(now=int(now.timestamp()), leeway=_LEEWAY_S)
    return cast("Mapping[str, Any]", decoded.claims)


@contextmanager
def _client(settings: Settings, redirect_uri: str) -> Iterator[OAuth2Client]:
    secret = settings.oidc_client_secret
    with OAuth2Client(
        client_id=settings.oidc_client_id,
        client_secret=secret.get_secret_value() if secret else None,
        scope=_SCOPE,
        redirect_uri=redirect_uri,
        code_challenge_method="S256",
        verify=_tls(settings),
        timeout=_TIMEOUT_S,
        follow_redirects=False,
        trust_env=False,
    ) as client:
        try:
            yield client
        except httpx2.HTTPError as error:
            raise CompanyUnavailable("issuer out of reach") from error


def _discovered(client: OAuth2Client, settings: Settings) -> Mapping[str, str]:
    """Return the issuer's endpoints (OpenID Connect Discovery 4); all are HTTPS."""
    issuer = str(settings.oidc_issuer)
    found = _json(client, f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    if found.get("issuer") != issuer:
        raise CompanyUnavailable("discovery names another issuer")
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        if urlsplit(str(found.get(name))).scheme != "https":
            raise CompanyUnavailable(f"discovery has no HTTPS {name}")
    return cast("Mapping[str, str]", found)


def _json(client: OAuth2Client, address: str) -> Mapping[str, Any]:
    if urlsplit(address).scheme != "https":
        raise CompanyUnavailable("the issuer is not HTTPS")
    response = client.request("GET", address, withhold_token=True)
    response.raise_for_status()
    try:
        found = response.json()
    except ValueError as error:
        raise CompanyUnavailable("the issuer's answer is no JSON") from error
    if not isinstance(found, dict):
        raise CompanyUnavailable("the issuer's answer is no JSON object")
    return found


def _tls(settings: Settings) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if settings.oidc_ca_file is not None:
        context.load_verify_locations(settings.oidc_ca_file)
    return context
