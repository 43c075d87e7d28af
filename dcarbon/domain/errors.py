"""Every failure DCarbon knows, classified by who has to act (style guide 5)."""

from __future__ import annotations

from datetime import timedelta


class DCarbonError(Exception):
    """A failure with a stable ``code`` and the one sentence a person may see.

    ``args[0]`` is for developers and logs; it must never carry a token, a response body or
    personal data. ``display_message`` says what happened and what to do next.
    """

    is_ours = True
    """True when DCarbon itself is broken: a run fails then. The utility's, customer's and asker's
    sides are False: those are stored and shown."""

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

    is_ours = False
    code = "provider_unavailable"
    display_message = (
        "The utility is not answering at the moment. Nothing is lost; we keep trying by ourselves."
    )

    def __init__(
        self,
        detail: str = "",
        *,
        retry_after: timedelta | None = None,
        may_have_arrived: bool = True,
    ) -> None:
        super().__init__(detail)
        self.retry_after = retry_after
        self.may_have_arrived = may_have_arrived
        """False when the request certainly never reached the provider."""


class OutcomeUnknown(ProviderUnavailable):
    """We look before we repeat: a request that costs money may or may not have been carried out.

    Never sent again blindly: fetch the present state first, then decide.
    """

    code = "provider_outcome_unknown"


class ProviderThrottled(ProviderUnavailable):
    """We wait: the provider asked us to slow down."""

    code = "provider_throttled"
    display_message = "The utility asked us to slow down. We continue by ourselves a little later."


class ReauthorizationRequired(DCarbonError):
    """The customer acts: the grant is gone."""

    is_ours = False
    code = "reauthorization_required"
    display_message = "The utility no longer accepts our access. Please authorize it again."


class AccessTokenRejected(ReauthorizationRequired):
    """We act once: a customer's access token was refused. Refresh it and repeat the request; if the
    new one is refused too, the grant is gone and the customer acts.
    """

    code = "access_token_rejected"


class AuthorizationDeclined(DCarbonError):
    """The customer acts: the flow at the utility ended without consent."""

    is_ours = False
    code = "authorization_declined"
    display_message = "The authorization was declined at the utility. You can start it again."


class ClientCredentialsRejected(DCarbonError):
    """An administrator acts: the provider refuses DCarbon's own credentials."""

    is_ours = False
    code = "client_credentials_rejected"
    display_message = "The utility does not accept DCarbon's registration. We have been told."


class ClientTokenRejected(ClientCredentialsRejected):
    """We act once: the token of our own registration was refused. Get a new one and repeat; if that
    is refused too, an administrator acts.
    """

    code = "client_token_rejected"


class PaymentRequired(ClientCredentialsRejected):
    """An administrator acts: the provider wants a prepaid balance before it collects."""

    code = "provider_payment_required"
    display_message = "The data service needs an administrator's attention. We have been told."


class ContractViolation(DCarbonError):
    """A developer acts: a provider's answer is not what its protocol promises."""

    is_ours = False
    code = "contract_violation"
    display_message = "The utility sent something we could not read. The bytes are kept."


class UnreadablePayload(ContractViolation):
    """A payload that cannot be parsed at all: it is kept and marked, the others go on."""

    code = "unreadable_payload"
    display_message = "This file could not be read. It was kept as it came."


class ResourceMissing(ContractViolation):
    """A developer acts when it lasts: the provider says a resource is gone, or not ours.

    Never a reason to delete what was collected: look at the authorization first.
    """

    code = "provider_resource_missing"
    display_message = "The utility no longer has what we asked for. What we collected is kept."


class InvalidTransition(DCarbonError):
    """The person clicking acts: what they asked for does not fit the present state."""

    is_ours = False
    code = "invalid_transition"
    display_message = "This is not possible in the present state."


class InvalidInput(DCarbonError):
    """The person asking acts: an argument is missing or makes no sense."""

    is_ours = False
    code = "invalid_input"
    display_message = "Something in the request is missing or wrong."


class NotFound(DCarbonError):
    """The person asking acts: no such thing, or it belongs to somebody else."""

    is_ours = False
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


class PayloadMissing(DCarbonError):
    """An administrator acts: the landing zone does not hold bytes the database knows of."""

    code = "payload_missing"
    display_message = "The stored original of this data is missing. We have been told."


class PayloadCorrupt(DCarbonError):
    """An administrator acts: stored bytes are no longer those that arrived."""

    code = "payload_corrupt"
    display_message = "The stored original of this data is damaged. We have been told."


class AuditEntryInvalid(DCarbonError):
    """A developer acts: an audit entry holds something that cannot be kept and hashed exactly."""

    code = "audit_entry_invalid"
