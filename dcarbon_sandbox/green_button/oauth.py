"""The custodian's OAuth 2 side: Authlib's server with ESPI's additions (reference 3)."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import asdict
from typing import Any
from xml.sax.saxutils import escape

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.integrations.flask_oauth2.requests import FlaskOAuth2Payload, FlaskOAuth2Request
from authlib.oauth2.rfc6749 import (
    InvalidRequestError,
    InvalidScopeError,
    OAuth2Request,
    grants,
)
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from flask import Response
from flask import request as current_request

from dcarbon_sandbox.faults import Faults
from dcarbon_sandbox.green_button import scopes
from dcarbon_sandbox.green_button.oauth_models import Client, Code, Held
from dcarbon_sandbox.green_button.profiles import Profile
from dcarbon_sandbox.green_button.store import SECTION, Authorization, Consent, Store, Token

_REGISTRATION_BLOCKS = {36, 40, 41, 44}
_CLIENT_SCOPE = "FB=34_35"


class _Request(FlaskOAuth2Request):  # type: ignore[misc]  # Authlib has no types
    """Parameters may come in the query of a POST (PG&E's clients); loopback HTTP is let in."""

    def __init__(self, request: Any) -> None:
        # A newcomer's browser comes over plain loopback; Authlib would refuse such a URI.
        uri = request.url.replace("http://", "https://", 1)
        OAuth2Request.__init__(self, request.method, uri, headers=request.headers)
        self._request = request
        self.payload = FlaskOAuth2Payload(request)

    @property
    def form(self) -> Any:
        return self._request.values


class _Server(AuthorizationServer):  # type: ignore[misc]  # Authlib has no types
    """Authlib's server for one utility; answers tokens as JSON or as PG&E's XML."""

    def __init__(self, custodian_oauth: OAuth, **callbacks: Any) -> None:
        super().__init__(**callbacks)
        self._oauth = custodian_oauth

    def create_oauth2_request(self, request: Any) -> _Request:
        return _Request(request or current_request)

    def validate_requested_scope(self, scope: str | None) -> None:
        self._oauth.check_scope(scope or "")

    def handle_response(self, status_code: int, payload: Any, headers: Any) -> Response:
        if isinstance(payload, dict) and status_code == 200 and self._oauth.answers_xml():
            return Response(_as_xml(payload), 200, mimetype="application/xml")
        response: Response = super().handle_response(status_code, payload, headers)
        return response


class OAuth:
    """Codes and tokens of one utility; ``uri`` turns a path into an absolute HTTPS address."""

    def __init__(
        self,
        profile: Profile,
        store: Store,
        faults: Faults,
        *,
        uri: Callable[[str], str],
        redirect_uris: tuple[str, ...] = (),
    ) -> None:
        self.profile, self.store, self.faults = profile, store, faults
        self.providers = frozenset({"green_button", profile.code})
        self._uri, self._redirect_uris = uri, redirect_uris
        self.server = _Server(self, query_client=self._client, save_token=self._save)
        self.server.register_token_generator(
            "default",
            BearerTokenGenerator(_new_token, _new_token, self._lifetime),
        )
        code, refresh, client_credentials = _grants_of(self)
        self.server.register_grant(code, [CodeChallenge(required=False)])
        self.server.register_grant(refresh)
        self.server.register_grant(client_credentials)
        self.server.register_endpoint(_revocation_of(self))

    def answers_xml(self) -> bool:
        return self.store.switches(self.profile).token_format == "xml"  # noqa: S105 — a format

    def check_scope(self, scope: str) -> None:
        """Raise ``invalid_scope``, or ``invalid_request`` for an end date that is none.

        End dates are the only terms PG&E expects on a request (reference 8.3).
        """
        bare = self.store.switches(self.profile).bare_scope_only
        if scope and not scopes.is_acceptable(self.profile, scope, bare_only=bare):
            raise InvalidScopeError
        for term in scope.split(";"):
            name, _, value = term.partition("=")
            if name in {"MinAuthEndDate", "PreferredAuthEndDate"}:
                dated = value.isascii() and value.isdecimal()
                if not dated or (int(value) and int(value) <= self.store.now()):
                    raise InvalidRequestError(f"{name} is not a time to come")

    def _client(self, client_id: str) -> Client | None:
        if client_id != self.profile.client_id:
            return None
        return Client(self.profile, self._redirect_uris)

    def _lifetime(self, _client: Client, _grant_type: str) -> int:
        return self.store.switches(self.profile).access_lifetime_s

    def _save(self, token: dict[str, Any], request: OAuth2Request) -> None:
        """Record a token that was just made and add ESPI's members to the answer."""
        switches = self.store.switches(self.profile)
        if request.payload.grant_type == "client_credentials":
            self._save_client_token(token)
            return
        if request.authorization_code is not None:
            authorization = self.store.grant(self.profile, request.authorization_code.consent)
        else:
            authorization = request.refresh_token.authorization
        self.store.add_tokens(
            authorization,
            access=token["access_token"],
            refresh=token["refresh_token"],
            switches=switches,
        )
        token.update(self.described(authorization))

    def described(self, authorization: Authorization) -> dict[str, str]:
        """Return ESPI's members of a token answer."""
        uris = {
            "resourceURI": self.resource(f"Batch/Subscription/{authorization.id}"),
            "authorizationURI": self.resource(f"Authorization/{authorization.id}"),
        }
        if self.store.switches(self.profile).customer_uri_in_token:
            customer = self.resource(f"Batch/RetailCustomer/{authorization.id}")
            uris["customerResourceURI"] = customer
        return uris

    def _save_client_token(self, token: dict[str, Any]) -> None:
        switches = self.store.switches(self.profile)
        asked = scopes.function_blocks(token.get("scope", "")) or set()
        registration = bool(asked & _REGISTRATION_BLOCKS)
        if not registration and token.get("scope") == self.profile.default_scope:
            token["scope"] = _CLIENT_SCOPE
        token.setdefault("scope", _CLIENT_SCOPE)
        self.store.add_client_token(
            token["access_token"],
            Token(
                "registration" if registration else "client",
                self.profile.code,
                None,
                token["scope"],
                self.store.now() + switches.access_lifetime_s,
            ),
        )
        if switches.client_token_member != "access_token":  # noqa: S105 — the name of a member
            token[switches.client_token_member] = token.pop("access_token")
        token["resourceURI"] = self.resource(f"Batch/Bulk/{self.profile.bulk_id}")
        token["authorizationURI"] = self.resource("Authorization")

    def resource(self, path: str) -> str:
        """Return the absolute address of a resource."""
        return self._uri(f"{self.profile.base_path}/{path}")

    def save_code(self, value: str, request: OAuth2Request) -> None:
        switches = self.store.switches(self.profile)
        consent: Consent = request.user
        with self.store.state.changing(SECTION):
            codes, now = self.store.part("codes"), self.store.now()
            for old in [k for k, c in codes.items() if c["expires_at"] <= now]:
                del codes[old]
            codes[value] = {
                "utility": self.profile.code,
                "redirect_uri": request.payload.redirect_uri,
                "consent": asdict(consent),
                "expires_at": now + switches.code_lifetime_s,
                "challenge": request.payload.data.get("code_challenge"),
                "method": request.payload.data.get("code_challenge_method"),
            }

    def code(self, value: str) -> Code | None:
        record = self.store.part("codes").get(value)
        if record is None or record["utility"] != self.profile.code:
            return None
        if record["expires_at"] <= self.store.now():
            return None
        consent = Consent.restored(record["consent"])
        return Code(value, record["redirect_uri"], consent, record["challenge"], record["method"])

    def forget_code(self, value: str) -> None:
        with self.store.state.changing(SECTION):
            self.store.part("codes").pop(value, None)

    def refresh_token(self, value: str) -> Held | None:
        if self.faults.take("expired_refresh", providers=self.providers):
            return None
        authorization = self.store.refresh_token(value)
        if authorization is None or authorization.utility != self.profile.code:
            return None
        return Held(value, authorization)

    def used_refresh_token(self, value: str) -> None:
        once = self.store.switches(self.profile).one_time_refresh
        if once or self.faults.take("one_time_refresh", providers=self.providers):
            self.store.drop_refresh_token(value)

    def any_token(self, value: str) -> Held | None:
        """Return the holder of an access or refresh token, for revocation."""
        token = self.store.token(value)
        owner = token.authorization if token else None
        record = self.store.part("refresh").get(value)
        authorization = self.store.authorization(owner or (record or {}).get("authorization"))
        if authorization is None or authorization.utility != self.profile.code:
            return None
        return Held(value, authorization)


def _new_token(**_about: Any) -> str:
    return secrets.token_urlsafe(32)


def _as_xml(token: dict[str, Any]) -> str:
    """PG&E's page shows an XML ``Response`` with the JSON's member names (reference 8.3)."""
    members = "".join(f"<{k}>{escape(str(v))}</{k}>" for k, v in token.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Response>{members}</Response>'


def _grants_of(oauth: OAuth) -> tuple[type, type, type]:
    """Return the three grants bound to one utility; Authlib makes an instance per request."""

    class CodeGrant(grants.AuthorizationCodeGrant):  # type: ignore[misc]  # Authlib has no types
        TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic"]  # noqa: RUF012 — Authlib's contract

        def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
            oauth.save_code(code, request)

        def query_authorization_code(self, code: str, _client: Client) -> Code | None:
            return oauth.code(code)

        def delete_authorization_code(self, authorization_code: Code) -> None:
            oauth.forget_code(authorization_code.value)

        def authenticate_user(self, authorization_code: Code) -> Consent:
            return authorization_code.consent

    class RefreshGrant(grants.RefreshTokenGrant):  # type: ignore[misc]  # Authlib has no types
        INCLUDE_NEW_REFRESH_TOKEN = True

        def authenticate_refresh_token(self, refresh_token: str) -> Held | None:
            return oauth.refresh_token(refresh_token)

        def authenticate_user(self, refresh_token: Held) -> str:
            return refresh_token.authorization.login

        def revoke_old_credential(self, refresh_token: Held) -> None:
            oauth.used_refresh_token(refresh_token.value)

    return CodeGrant, RefreshGrant, grants.ClientCredentialsGrant


def _revocation_of(oauth: OAuth) -> type:
    class Revocation(RevocationEndpoint):  # type: ignore[misc]  # Authlib has no types
        def query_token(self, token_string: str, _hint: str | None) -> Held | None:
            return oauth.any_token(token_string)

        def revoke_token(self, token: Held, _request: OAuth2Request) -> None:
            # Either token ends the grant: ESPI knows no authorization without its tokens.
            oauth.store.revoke(token.authorization)

    return Revocation
