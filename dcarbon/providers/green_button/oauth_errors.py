"""What an OAuth error means and who acts (RFC 6749 4.1.2.1, 5.2; green-button reference 3.5, 3.8).

Descriptions are the other side's text and may name the customer: they go nowhere.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from dcarbon.domain.errors import (
    AuthorizationDeclined,
    ClientCredentialsRejected,
    ClientTokenRejected,
    ContractViolation,
    DCarbonError,
    ProviderUnavailable,
    ReauthorizationRequired,
)
from dcarbon.providers.green_button import token_response
from dcarbon.providers.transport import Response, classify_status

_OURS = frozenset(
    {
        "invalid_client",
        "unauthorized_client",
        "invalid_redirect_uri",
        "invalid_client_metadata",
        "invalid_client_id",
    }
)
_CUSTOMERS = frozenset({"invalid_grant", "access_denied"})
_LATER = frozenset({"server_error", "temporarily_unavailable"})
_WRONG_REQUEST = frozenset(
    {
        "invalid_request",
        "invalid_scope",
        "unsupported_grant_type",
        "unsupported_response_type",
    }
)


def callback_error(error: str, description: str | None = None) -> DCarbonError:
    """Return the error for what the utility's page sent back instead of a code.

    ``error`` may be anything a browser can send. Whether there was a ``description`` is recorded,
    its text is not.
    """
    known = error if error in _OURS | _CUSTOMERS | _LATER | _WRONG_REQUEST else "unknown"
    detail = f"callback error {known}, {'with' if description else 'without'} a description"
    if error == "access_denied":
        return AuthorizationDeclined(detail)
    if error in _CUSTOMERS:
        return ReauthorizationRequired(detail)
    if error in _LATER:
        return ProviderUnavailable(detail)
    if error in _OURS:
        return ClientCredentialsRejected(detail)
    return ContractViolation(detail, code=f"oauth_{known}")


def classify_grant(response: Response) -> DCarbonError | None:
    """Classify a token answer for a customer's code or refresh token."""
    return _classify(response, customers=ReauthorizationRequired)


def classify_client(response: Response) -> DCarbonError | None:
    """Classify a token answer that concerns only us: no customer can mend it."""
    return _classify(response, customers=ClientCredentialsRejected)


def classify_revocation(response: Response) -> DCarbonError | None:
    """Classify the answer to ending an authorization: one that is gone is what we wanted."""
    if response.status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        return None
    if response.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return ClientTokenRejected(f"revocation answered {response.status}")
    return classify_status(response)


def is_certificate_refusal(response: Response) -> bool:
    """Recognise PG&E's answer to a missing client certificate (green-button reference 8.2)."""
    return response.status == HTTPStatus.BAD_REQUEST and (
        b"invalid certificate" in response.content[:4096].lower()
    )


def _classify(
    response: Response, *, customers: Callable[[str], DCarbonError]
) -> DCarbonError | None:
    # The status goes first: a gateway's 503 may carry any body.
    busy = response.status == HTTPStatus.TOO_MANY_REQUESTS
    if busy or response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return classify_status(response)
    error = token_response.error_of(response.content)
    if error is not None:
        return _by_name(error, response.status, customers)
    if is_certificate_refusal(response):
        return ClientCredentialsRejected("the client certificate was refused")
    if response.status == HTTPStatus.FORBIDDEN:
        return customers("the token endpoint answered 403")
    return classify_status(response)


def _by_name(
    error: str, status: int, customers: Callable[[str], DCarbonError]
) -> DCarbonError | None:
    if error in _OURS:
        return ClientCredentialsRejected(f"the token endpoint answered {error}")
    if error in _CUSTOMERS:
        return customers(f"the token endpoint answered {error}")
    if error in _LATER:
        return ProviderUnavailable(f"the token endpoint answered {error}")
    if status == HTTPStatus.UNAUTHORIZED:
        return ClientCredentialsRejected("the token endpoint answered 401")
    known = error if error in _WRONG_REQUEST else "unknown"
    return ContractViolation(f"the token endpoint answered {known}", code=f"oauth_{known}")
