"""Every failure DCarbon knows, classified by who has to act (style guide 5)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from dcarbon.domain import texts


class DCarbonError(Exception):
    """A failure with a stable ``code`` and the one sentence a person may see.

    ``args[0]`` is for developers and logs; it must never carry a token, a response body or
    personal data. ``display_message`` says what happened and what to do next: the words of
    ``texts`` for the code, unless the raiser knows better ones, with a name or a number in them.
    """

    is_ours = True
    """True when DCarbon itself is broken: a run fails then. The utility's, customer's and asker's
    sides are False: those are stored and shown."""

    code = "internal_error"
    display_message = texts.TEXTS["internal_error"].message

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "code" in cls.__dict__ and "display_message" not in cls.__dict__:
            cls.display_message = texts.of(cls.code).message

    def __init__(
        self, detail: str = "", *, code: str | None = None, display_message: str | None = None
    ) -> None:
        if code is not None:
            self.code = code
            self.display_message = texts.of(code).message
        if display_message is not None:
            self.display_message = display_message
        super().__init__(detail or self.display_message)


class ProviderUnavailable(DCarbonError):
    """We wait: the provider or the way to it is down."""

    is_ours = False
    code = "provider_unavailable"

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


class ProviderPaused(ProviderUnavailable):
    """We wait: the provider failed many times in a row and is left alone for a while."""

    code = "provider_paused"


class OutcomeUnknown(ProviderUnavailable):
    """We look before we repeat: a request that costs money may or may not have been carried out.

    Never sent again blindly: fetch the present state first, then decide.
    """

    code = "provider_outcome_unknown"


class ProviderThrottled(ProviderUnavailable):
    """We wait: the provider asked us to slow down."""

    code = "provider_throttled"


class ReauthorizationRequired(DCarbonError):
    """The customer acts: the grant is gone."""

    is_ours = False
    code = "reauthorization_required"


class ConsentRevoked(ReauthorizationRequired):
    """Nobody acts: the provider says that the customer has ended the access there."""

    code = "revoked_at_provider"


class AccessTokenRejected(ReauthorizationRequired):
    """We act once: a customer's access token was refused. Refresh it and repeat the request; if the
    new one is refused too, the grant is gone and the customer acts.
    """

    code = "access_token_rejected"


class AuthorizationDeclined(DCarbonError):
    """The customer acts: the flow at the utility ended without consent."""

    is_ours = False
    code = "authorization_declined"


class ClientCredentialsRejected(DCarbonError):
    """An administrator acts: the provider refuses DCarbon's own credentials."""

    is_ours = False
    code = "client_credentials_rejected"


class ClientTokenRejected(ClientCredentialsRejected):
    """We act once: the token of our own registration was refused. Get a new one and repeat; if that
    is refused too, an administrator acts.
    """

    code = "client_token_rejected"


class PaymentRequired(ClientCredentialsRejected):
    """An administrator acts: the provider wants a prepaid balance before it collects."""

    code = "provider_payment_required"


class ContractViolation(DCarbonError):
    """A developer acts: a provider's answer is not what its protocol promises."""

    is_ours = False
    code = "contract_violation"


class UnreadablePayload(ContractViolation):
    """A payload that cannot be parsed at all: it is kept and marked, the others go on."""

    code = "unreadable_payload"


class ResourceMissing(ContractViolation):
    """A developer acts when it lasts: the provider says a resource is gone, or not ours.

    Never a reason to delete what was collected: look at the authorization first.
    """

    code = "provider_resource_missing"


class InvalidTransition(DCarbonError):
    """The person clicking acts: what they asked for does not fit the present state."""

    is_ours = False
    code = "invalid_transition"


class ClaimRefused(InvalidTransition):
    """The person clicking acts: a claim, or what it rests on, is not possible, and why.

    ``field`` is the answer the refusal is about, so that a form can show it there.
    """

    code = "claim_refused"

    def __init__(
        self,
        detail: str = "",
        *,
        field: str,
        code: str | None = None,
        display_message: str | None = None,
    ) -> None:
        super().__init__(detail, code=code, display_message=display_message)
        self.field = field


class InvalidInput(DCarbonError):
    """The person asking acts: an argument is missing or makes no sense."""

    is_ours = False
    code = "invalid_input"


class AnswersInvalid(InvalidInput):
    """The person typing acts: some answers will not do. ``fields`` has a sentence for each."""

    code = "answers_invalid"

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(f"answers refused: {', '.join(sorted(fields))}")
        self.fields = dict(fields)


class TooManyRequests(DCarbonError):
    """The person asking waits: a quota that protects people or money is used up."""

    is_ours = False
    code = "too_many_requests"

    def __init__(
        self,
        detail: str = "",
        *,
        retry_after: timedelta,
        code: str | None = None,
        display_message: str | None = None,
    ) -> None:
        super().__init__(detail, code=code, display_message=display_message)
        self.retry_after = retry_after


class ExportInterrupted(DCarbonError):
    """The person asking tries again: what was to be sent changed while it was read."""

    is_ours = False
    code = "export_interrupted"


class NotFound(DCarbonError):
    """The person asking acts: no such thing, or it belongs to somebody else."""

    is_ours = False
    code = "not_found"


class SettingsInvalid(DCarbonError):
    """An administrator acts: a setting is missing, unknown or wrong; the start stops."""

    code = "settings_invalid"


class SealBroken(DCarbonError):
    """An administrator acts: a sealed secret cannot be opened with the keys at hand."""

    code = "seal_broken"


class PayloadMissing(DCarbonError):
    """An administrator acts: the landing zone does not hold bytes the database knows of."""

    code = "payload_missing"


class PayloadCorrupt(DCarbonError):
    """An administrator acts: stored bytes are no longer those that arrived."""

    code = "payload_corrupt"


class LandingUnavailable(DCarbonError):
    """An administrator acts: the landing zone cannot be used. ``reason`` says why in a few words
    for those who run DCarbon: the disk is full, the object store does not answer.
    """

    code = "landing_unavailable"

    def __init__(self, detail: str = "", *, reason: str = "") -> None:
        super().__init__(detail)
        self.reason = reason


class EvidenceDiffers(DCarbonError):
    """A developer acts: what is stored does not make a final report's number again."""

    code = "evidence_differs"


class AuditEntryInvalid(DCarbonError):
    """A developer acts: an audit entry holds something that cannot be kept and hashed exactly."""

    code = "audit_entry_invalid"


class AuditLogBroken(DCarbonError):
    """An administrator acts: entries of the audit log are not as they were written."""

    code = "audit_log_broken"


class DatabaseToolFailed(DCarbonError):
    """An administrator acts: PostgreSQL's own programs could not copy a database."""

    code = "database_tool_failed"


class BackupUnusable(DCarbonError):
    """An administrator acts: a backup is damaged, does not fit here, or cannot be made there."""

    code = "backup_damaged"


class MailServerUnavailable(DCarbonError):
    """We wait, or an administrator acts: the mail server is down, or does not take our mail now."""

    is_ours = False
    code = "mail_server_unavailable"

    def __init__(self, detail: str = "", *, is_about_one: bool = False) -> None:
        super().__init__(detail)
        self.is_about_one = is_about_one
        """True when the server put off this one mail and may take the next."""


class MailRefused(DCarbonError):
    """Nobody can help this mail: its address or content will never be taken."""

    is_ours = False
    code = "mail_refused"
