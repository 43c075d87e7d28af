"""OAuth 2 at a Green Button data custodian: authorization address, tokens, revocation.

Authlib makes and signs the requests; they go out through our transport. Authlib's own client is an
``httpx2.Client`` that would bypass the transport's origins, size cap and error classes, and it
expects JSON with ``access_token``, where PG&E answers XML or ``client_access_token``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7009 import prepare_revoke_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from dcarbon.domain.errors import ContractViolation, DCarbonError, SettingsInvalid
from dcarbon.domain.secrets import Secret
from dcarbon.providers.green_button import oauth_errors, token_response
from dcarbon.providers.green_button.token_response import TokenSet
from dcarbon.providers.profile import ProviderCredentials, Quirk, TokenStyle, UtilityProfile
from dcarbon.providers.transport import Response, Transport

callback_error = oauth_errors.callback_error

_ACCEPT = "application/json, application/xml;q=0.9"
_FORM = "application/x-www-form-urlencoded"


def authorization_url(
    profile: UtilityProfile,
    *,
    client_id: str,
    redirect_uri: str,
    state: str,
    code_verifier: str | None = None,
) -> str:
    """Return where to send the customer's browser (green-button reference 3.3).

    The challenge for ``code_verifier`` (RFC 7636, S256) is added only where the profile says that
    PKCE is accepted: a custodian may refuse parameters it does not know.
    """
    pkce: dict[str, str] = {}
    if code_verifier and profile.accepts_pkce:
        pkce = {
            "code_challenge": create_s256_code_challenge(code_verifier),
            "code_challenge_method": "S256",
        }
    url: str = prepare_grant_uri(
        profile.authorize_url,
        client_id=client_id,
        response_type="code",
        redirect_uri=redirect_uri,
        scope=profile.scope if profile.sends_scope and profile.scope else None,
        state=state,
        **pkce,
    )
    return url


def callback_code(parameters: Mapping[str, str], profile: UtilityProfile) -> Secret | None:
    """Return the authorization code of a callback's query, under either of its names."""
    names = ["code"]
    if profile.has(Quirk.CODE_HAS_TWO_NAMES):
        names.append("authorization_code")
    return next((Secret(parameters[name]) for name in names if parameters.get(name)), None)


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """Our registration at one utility's authorization server. The caller owns ``transport``.

    Every method raises :class:`ProviderUnavailable` when the server cannot answer,
    :class:`ClientCredentialsRejected` when it refuses us, :class:`ReauthorizationRequired` when it
    refuses the customer's grant, :class:`ContractViolation` for an answer that makes no sense.
    """

    transport: Transport
    profile: UtilityProfile
    credentials: ProviderCredentials

    def exchange_code(
        self,
        code: Secret,
        *,
        redirect_uri: str,
        now: datetime,
        code_verifier: Secret | None = None,
    ) -> TokenSet:
        """Exchange an authorization code, once (RFC 6749 4.1.3).

        Raises :class:`ContractViolation` (``no_refresh_token``) when the access would not last.
        """
        verifier = code_verifier if self.profile.accepts_pkce else None
        tokens = self._token(
            "authorization_code",
            now=now,
            code=code.reveal(),
            redirect_uri=redirect_uri,
            code_verifier=verifier.reveal() if verifier else None,
        )
        if tokens.refresh_token is None:
            raise ContractViolation("no refresh token was issued", code="no_refresh_token")
        if tokens.scope is None and self.profile.sends_scope:
            # RFC 6749 5.1: no scope in the answer means the scope that was asked for.
            tokens = tokens.with_scope(self.profile.scope)
        return tokens

    def refresh(
        self, refresh_token: Secret, *, granted_scope: str | None, now: datetime
    ) -> TokenSet:
        """Refresh the access token, replaying exactly the granted scope if there was one.

        The refresh token may be good once only: store the returned one before anything else. It is
        the old one where the answer has none (RFC 6749 6). Addresses that the answer does not
        repeat are ``None``: keep the earlier ones.
        """
        tokens = self._token(
            "refresh_token",
            now=now,
            refresh_token=refresh_token.reveal(),
            scope=granted_scope or None,
        )
        return tokens.keeping(refresh_token=refresh_token, scope=granted_scope)

    def client_credentials(self, *, now: datetime, scope: str | None = None) -> TokenSet:
        """Get a token for our registration itself (green-button reference 3.9, class C)."""
        return self._token("client_credentials", now=now, scope=scope)

    def revoke_authorization(self, authorization_uri: str, client_token: Secret) -> None:
        """End an authorization by DELETE of its resource (green-button reference 3.11, form 1).

        One that is already gone is a success.
        """
        self.transport.request(
            "DELETE",
            authorization_uri,
            accept="application/atom+xml, application/xml",
            headers={"Authorization": f"Bearer {client_token.reveal()}"},
            classify=oauth_errors.classify_revocation,
        )

    def revoke_token(self, token: Secret, *, hint: str = "refresh_token") -> bool:
        """End a grant at the revocation endpoint (RFC 7009); False where there is none."""
        if self.profile.revoke_url is None:
            return False
        body, headers = prepare_revoke_token_request(token.reveal(), hint)
        _, headers, body = self._signed(self.profile.revoke_url, headers, body)
        self.transport.request(
            "POST",
            self.profile.revoke_url,
            accept=_ACCEPT,
            headers=headers,
            content=body.encode(),
            classify=oauth_errors.classify_client,
        )
        return True

    def _token(self, grant_type: str, *, now: datetime, **parameters: str | None) -> TokenSet:
        given = {name: value for name, value in parameters.items() if value}
        response = self._post(prepare_token_request(grant_type, "", **given), grant_type)
        return token_response.parse(response.content, profile=self.profile, now=now)

    def _post(self, body: str, grant_type: str) -> Response:
        url = self.profile.token_url
        if url is None:
            raise _missing(self.profile, "token_url")
        in_query = self.profile.token_style is TokenStyle.QUERY
        _, headers, signed = self._signed(url, {"Content-Type": _FORM}, body)
        return self.transport.request(
            "POST",
            f"{url}?{signed}" if in_query else url,
            accept=_ACCEPT,
            headers=headers,
            content=b"" if in_query else signed.encode(),
            classify=lambda response: _classify(response, grant_type),
        )

    def _signed(
        self, url: str, headers: dict[str, str], body: str
    ) -> tuple[str, dict[str, str], str]:
        identity, secret = self.credentials.client_id, self.credentials.client_secret
        if not identity or secret is None:
            raise _missing(self.profile, "client_id and client_secret")
        if not (identity + secret.reveal()).isascii():
            # Authlib would fail with an exception that shows the text.
            message = f"The client credentials of {self.profile.key} must be ASCII."
            raise SettingsInvalid(message, display_message=message)
        auth = ClientAuth(identity, secret.reveal(), self.profile.client_auth.value)
        signed: tuple[str, dict[str, str], str] = auth.prepare("POST", url, headers, body)
        return signed


def _classify(response: Response, grant_type: str) -> DCarbonError | None:
    if grant_type == "client_credentials":
        return oauth_errors.classify_client(response)
    return oauth_errors.classify_grant(response)


def _missing(profile: UtilityProfile, name: str) -> SettingsInvalid:
    message = f"The utility {profile.key} has no {name}: set what it gave at registration."
    return SettingsInvalid(message, display_message=message)
