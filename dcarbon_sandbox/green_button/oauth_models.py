"""What Authlib asks about a client, a code and a token, answered from the custodian's records."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, ClientMixin, TokenMixin

from dcarbon_sandbox.green_button.profiles import Profile
from dcarbon_sandbox.green_button.store import Authorization, Consent


@dataclass(frozen=True)
class Client(ClientMixin):  # type: ignore[misc]  # Authlib has no types
    """The one third party registered at a utility."""

    profile: Profile
    redirect_uris: tuple[str, ...]

    @property
    def client_id(self) -> str:
        return self.profile.client_id

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> str | None:
        return self.redirect_uris[0] if self.redirect_uris else None

    def get_allowed_scope(self, scope: str | None) -> str:
        """Return the scope to work with; whether it is acceptable was checked before."""
        return scope or self.profile.default_scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri in self.redirect_uris or is_loopback(redirect_uri)

    def check_client_secret(self, client_secret: str) -> bool:
        return secrets.compare_digest(client_secret.encode(), self.profile.client_secret.encode())

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        return method == "client_secret_basic"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in {"authorization_code", "refresh_token", "client_credentials"}


@dataclass(frozen=True)
class Code(AuthorizationCodeMixin):  # type: ignore[misc]  # Authlib has no types
    """An authorization code that was looked up and is neither used nor expired."""

    value: str
    redirect_uri: str | None
    consent: Consent
    code_challenge: str | None
    code_challenge_method: str | None

    def get_redirect_uri(self) -> str | None:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.consent.scope


@dataclass(frozen=True)
class Held(TokenMixin):  # type: ignore[misc]  # Authlib has no types
    """A refresh or access token together with the authorization it belongs to."""

    value: str
    authorization: Authorization

    def check_client(self, client: Client) -> bool:
        return self.authorization.client_id == client.client_id

    def get_scope(self) -> str:
        return self.authorization.scope


def is_loopback(uri: str) -> bool:
    """Say whether an address is this machine's: such redirects need no registration."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return False
    if parts.scheme not in {"http", "https"} or parts.fragment or parts.username:
        return False
    if parts.hostname == "localhost":
        return True
    try:
        return ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False
