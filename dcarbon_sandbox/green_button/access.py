"""Who may call: client certificate, rate, token and its class (green-button reference 3.9, 8.2)."""

from __future__ import annotations

from authlib.integrations.flask_oauth2 import ResourceProtector
from authlib.oauth2.rfc6749 import OAuth2Error, TokenValidator
from authlib.oauth2.rfc6750.errors import InsufficientScopeError, InvalidTokenError
from flask import Response, request

from dcarbon_sandbox.green_button.custodian import Custodian
from dcarbon_sandbox.green_button.store import Authorization, Token, TokenClass

_CLASSES: dict[TokenClass, str] = {
    "access": "the customer's access token",
    "client": "a client access token",
    "registration": "the registration access token",
}


class Forbidden(OAuth2Error):  # type: ignore[misc]  # Authlib has no types
    """A token that may not do this, or belongs to a grant that is over."""

    error = "access_denied"
    status_code = 403


class _Bearer(TokenValidator):  # type: ignore[misc]  # Authlib has no types
    TOKEN_TYPE = "bearer"  # noqa: S105 — the name of a scheme

    def __init__(self, custodian: Custodian) -> None:
        super().__init__(realm=custodian.profile.code)
        self._custodian = custodian

    def authenticate_token(self, token_string: str) -> Token | None:
        token = self._custodian.store.token(token_string)
        return token if token and token.utility == self._custodian.profile.code else None

    def validate_token(
        self, token: Token | None, _scopes: object, _request: object, *, kinds: list[TokenClass]
    ) -> None:
        if token is None or token.expires_at <= self._custodian.store.now():
            error = InvalidTokenError(realm=self.realm)
            error.status_code = self._custodian.switches.expired_token_status
            raise error
        if token.kind not in kinds:
            wanted = " or ".join(_CLASSES[kind] for kind in kinds)
            error = InsufficientScopeError(f"This resource needs {wanted}.")
            raise error


class Gate:
    """Checks in front of a utility's API; each returns an answer to give instead, or raises."""

    def __init__(self, custodian: Custodian) -> None:
        self._custodian = custodian
        self._protector = ResourceProtector()
        self._protector.register_token_validator(_Bearer(custodian))

    def certificate_refusal(self) -> Response | None:
        """Return PG&E's answer to a call without a client certificate, or ``None``."""
        if not self._custodian.switches.mutual_tls:
            return None
        if request.environ.get("SSL_CLIENT_VERIFY") == "SUCCESS":
            return None
        return Response("Invalid Certificate", 400, mimetype="text/plain")

    def rate_refusal(self) -> Response | None:
        """Return 429 when the client asks too fast, or ``None``."""
        if self._custodian.limiter.admits(self._custodian.switches.rate_per_s):
            return None
        refusal = Response("Too many requests", 429, mimetype="text/plain")
        refusal.headers["Retry-After"] = "1"
        return refusal

    def token(self, *kinds: TokenClass) -> Token:
        """Return the request's valid token of one of these classes; raises an HTTP exception."""
        try:
            token: Token = self._protector.acquire_token(kinds=list(kinds))
        except OAuth2Error as error:
            self._protector.raise_error_response(error)
            raise
        return token

    def subscription(self, authorization_id: str) -> Authorization:
        """Return the live authorization the customer's token opens, which must be this one."""
        token = self.token("access")
        authorization = self._custodian.store.authorization(token.authorization)
        problem = None
        if authorization is None or authorization.id != authorization_id:
            problem = "The token is for another subscription."
        elif not authorization.is_live(self._custodian.store.now()):
            problem = "The authorization has ended."
        if problem or authorization is None:
            self._protector.raise_error_response(Forbidden(problem))
        assert authorization is not None
        return authorization

    def covered(self, authorization: Authorization, *groups: str) -> None:
        """Refuse with 403 what the customer did not consent to."""
        if not authorization.covers(*groups):
            self._protector.raise_error_response(
                Forbidden("The customer did not consent to this data.")
            )
