"""Every failure DCarbon knows, classified by who has to act (style guide 5)."""

from __future__ import annotations

from datetime import timedelta


class DCarbonError(Exception):
    """A failure with a stable ``code`` and the one sentence a person may see.

    ``args[0]`` is for developers and logs; it must never carry a token, a response body or
    personal data. ``display_message`` says what happened and what to do next.
    """

    code = "internal_error"
    display_message = "Something went wrong on our side. We have been told; please try again later."

    def __init__(
        self, detail: str = "", *, code: str | None = None, display_message: str | None = None
    ) -> None:
        super().__init__(detail or self.display_message)
        if code is not None:
            self.code = code
        if display_message is not None:
            self.display_message = display_message


class ProviderUnavailable(DCarbonError):
    """We wait: the provider or the way to it is down."""

    code = "provider_unavailable"
    display_message = (
        "The utility is not answering at the moment. Nothing is lost; we keep trying by ourselves."
    )

    def __init__(self, detail: str = "", *, retry_after: timedelta | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class ProviderThrottled(ProviderUnavailable):
    """We wait: the provider asked us to slow down."""

    code = "provider_throttled"
    display_message = "The utility asked us to slow down. We continue by ourselves a little later."


class ReauthorizationRequired(DCarbonError):
    """The customer acts: the grant is gone."""

    code = "reauthorization_required"
    display_message = "The utility no longer accepts our access. Please authorize it again."


class AuthorizationDeclined(DCarbonError):
    """The customer acts: the flow at the utility ended without consent."""

    code = "authorization_declined"
    display_message = "The authorization was declined at the utility. You can start it again."


class ClientCredentialsRejected(DCarbonError):
    """An administrator acts: the provider refuses DCarbon's own credentials."""

    code = "client_credentials_rejected"
    display_message = "The utility does not accept DCarbon's registration. We have been told."


class PaymentRequired(ClientCredentialsRejected):
    """An administrator acts: the provider wants a prepaid balance before it collects."""

    code = "provider_payment_required"
    display_message = "The data service needs an administrator's attention. We have been told."


class ContractViolation(DCarbonError):
    """A developer acts: a provider's answer is not what its protocol promises."""

    code = "contract_violation"
    display_message = "The utility sent something we could not read. The bytes are kept."


class UnreadablePayload(ContractViolation):
    """A payload that cannot be parsed at all: it is kept and marked, the others go on."""

    code = "unreadable_payload"
    display_message = "This file could not be read. It was kept as it came."


class InvalidTransition(DCarbonError):
    """The person clicking acts: what they asked for does not fit the present state."""

    code = "invalid_transition"
    display_message = "This is not possible in the present state."


class InvalidInput(DCarbonError):
    """The person asking acts: an argument is missing or makes no sense."""

    code = "invalid_input"
    display_message = "Something in the request is missing or wrong."


class NotFound(DCarbonError):
    """The person asking acts: no such thing, or it belongs to somebody else."""

    code = "not_found"
    display_message = "There is no such thing, or it is not yours to see."


class SettingsInvalid(DCarbonError):
    """An administrator acts: a setting is missing, unknown or wrong; the start stops."""

    code = "settings_invalid"
    display_message = "A setting is missing or wrong."


class SealBroken(DCarbonError):
    """An administrator acts: a sealed secret cannot be opened with the keys at hand."""

    code = "seal_broken"
    display_message = (
        "A stored secret could not be opened. An administrator has to look at the keys."
    )
