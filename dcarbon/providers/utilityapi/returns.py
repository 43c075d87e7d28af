"""What UtilityAPI's hosted form sends back with the customer (utilityapi reference 7)."""

from __future__ import annotations

from dcarbon.domain.errors import (
    AuthorizationDeclined,
    ClientCredentialsRejected,
    ContractViolation,
    DCarbonError,
    ProviderUnavailable,
)

_DECLINED = {
    "access_denied": AuthorizationDeclined.code,
    "access_invalid": "access_invalid",
    "access_locked": "access_locked",
    "incomplete_registration": "incomplete_registration",
}
"""What the customer's side said no with, and our code for it."""
_LATER = frozenset({"server_error", "temporarily_unavailable", "utility_down"})


def return_error(error: str, description: str | None = None) -> DCarbonError:
    """Return the error for what the form sent back; a referral may be there all the same.

    ``error`` may be anything a browser can send. Whether there was a ``description`` is recorded,
    its text is not.
    """
    wrong = {"invalid_request", "invalid_scope"}
    known = error if error in {*_DECLINED, *_LATER, *wrong, "unauthorized_client"} else "unknown"
    detail = f"form returned {known}, {'with' if description else 'without'} a description"
    if error in _DECLINED:
        return AuthorizationDeclined(detail, code=_DECLINED[error])
    if error in _LATER:
        return ProviderUnavailable(detail)
    if error == "unauthorized_client":
        return ClientCredentialsRejected(detail)
    return ContractViolation(detail, code=f"form_{known}")
