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
    "access_denied": None,
    "access_invalid": "The utility did not accept the sign-in. Please check it and start again.",
    "access_locked": (
        "The account at the utility is locked. Please unlock it there and start again."
    ),
    "incomplete_registration": (
        "The account at the utility is not fully registered. Please finish that and start again."
    ),
}
_LATER = frozenset({"server_error", "temporarily_unavailable", "utility_down"})
_NOT_STARTED = "The authorization could not be started. Nothing was shared; we have been told."


def return_error(error: str, description: str | None = None) -> DCarbonError:
    """Return the error for what the form sent back; a referral may be there all the same.

    ``error`` may be anything a browser can send. Whether there was a ``description`` is recorded,
    its text is not.
    """
    wrong = {"invalid_request", "invalid_scope"}
    known = error if error in {*_DECLINED, *_LATER, *wrong, "unauthorized_client"} else "unknown"
    detail = f"form returned {known}, {'with' if description else 'without'} a description"
    if error in _DECLINED:
        return AuthorizationDeclined(detail, display_message=_DECLINED[error])
    if error in _LATER:
        return ProviderUnavailable(detail)
    if error == "unauthorized_client":
        return ClientCredentialsRejected(detail)
    return ContractViolation(detail, code=f"form_{known}", display_message=_NOT_STARTED)
