"""Authorise: from our page to the utility's and back, in single-use steps that lose nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from sqlalchemy import select

from dcarbon.db.authorizations import Authorization, AuthorizationSession
from dcarbon.db.facilities import Facility
from dcarbon.domain.errors import (
    AuthorizationDeclined,
    ClientCredentialsRejected,
    ContractViolation,
    DCarbonError,
    InvalidInput,
    InvalidTransition,
    NotFound,
    ProviderUnavailable,
)
from dcarbon.domain.secrets import Secret
from dcarbon.domain.states import AuthMethod, AuthStatus
from dcarbon.providers.green_button import oauth
from dcarbon.providers.green_button.scope import parse_scope
from dcarbon.providers.green_button.token_response import TokenSet
from dcarbon.providers.profile import Method
from dcarbon.providers.utilityapi.client import Form, UtilityApiClient, hosted_form_url
from dcarbon.providers.utilityapi.returns import return_error
from dcarbon.services import authorization_endings, facilities, grants, work
from dcarbon.services import authorization_records as records
from dcarbon.services import authorization_sessions as attempts
from dcarbon.services.actors import Actor
from dcarbon.services.authorization_endings import EndReason
from dcarbon.services.open_attempt import Attempt
from dcarbon.services.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Started:
    """Where the person's browser goes now, and what to ask :func:`session_status` with."""

    session_id: UUID
    redirect_url: str


@dataclass(frozen=True, slots=True)
class Completed:
    """What came back from the utility. ``error`` has the words for the person."""

    session_id: UUID | None
    facility_id: UUID | None
    authorization_id: UUID | None
    status: str
    provider: str | None
    error: DCarbonError | None = None


@dataclass(frozen=True, slots=True)
class SessionStatus:
    """What a page polls: the stored status word, and progress of the first collection."""

    status: str
    provider: str
    error_code: str | None = None
    error_message: str | None = None
    progress: Mapping[str, object] = field(default_factory=dict)


def start_green_button(
    runtime: Runtime, *, facility_id: UUID, provider: str, actor: Actor, browser: str | None
) -> Started:
    """Open an attempt at a Green Button utility and say where to send the customer.

    ``browser`` ties the attempt to the browser that asked, when one did. Raises
    :class:`NotFound`, :class:`InvalidInput` (unknown utility, role without the right),
    :class:`InvalidTransition` (already authorized), :class:`ClientCredentialsRejected`.
    """
    profile = runtime.providers.profile(provider)
    if profile.method is not Method.GREEN_BUTTON:
        raise InvalidInput(
            f"{provider} is not a Green Button utility",
            display_message="This utility is not reached by Green Button; choose UtilityAPI.",
        )
    client_id = runtime.providers.credentials(provider).client_id or ""
    attempt = attempts.open_attempt(
        runtime,
        facility_id=facility_id,
        method=AuthMethod.GREEN_BUTTON,
        provider=provider,
        utility=profile.known_as,
        redirect_uri=f"{runtime.settings.public_url}/green-button/callback",
        actor=actor,
        browser=browser,
    )
    url = oauth.authorization_url(
        profile,
        client_id=client_id,
        redirect_uri=attempt.redirect_uri,
        state=attempt.state,
        code_verifier=attempt.code_verifier,
    )
    return Started(attempt.session_id, url)


def start(
    runtime: Runtime,
    facility_id: UUID,
    *,
    method: str,
    utility: str,
    actor: Actor,
    browser: str | None,
) -> Started:
    """Start by either method: ``utility`` is a profile's key (``pge``) or UtilityAPI's code.

    Raises what :func:`start_green_button` and :func:`start_utilityapi` raise.
    """
    if method == AuthMethod.GREEN_BUTTON:
        return start_green_button(
            runtime, facility_id=facility_id, provider=utility, actor=actor, browser=browser
        )
    if method == AuthMethod.UTILITYAPI:
        return start_utilityapi(
            runtime, facility_id=facility_id, utility=utility, actor=actor, browser=browser
        )
    raise InvalidInput("unknown method", display_message="Please choose a utility.")


def retry(runtime: Runtime, facility_id: UUID, *, actor: Actor, browser: str | None) -> Started:
    """Start again at the utility chosen last: after a failure, or to authorize again.

    Raises :class:`InvalidTransition` (``utility_not_chosen``) when there is nothing to start again,
    else as :func:`start`.
    """
    with runtime.sessions() as session:
        facilities.get(session, facility_id, actor=actor)
        chosen = session.scalar(
            select(Authorization)
            .join(Facility, Facility.id == Authorization.facility_id)
            .where(
                Facility.id == facility_id,
                Authorization.status != AuthStatus.REVOKED,
                Authorization.method == Facility.auth_method,
                Authorization.utility == Facility.auth_provider,
            )
            .order_by(Authorization.id.desc())
            .limit(1)
        )
    if chosen is None:
        raise InvalidTransition(
            "nothing to start again",
            code="utility_not_chosen",
        )
    is_green_button = chosen.method == AuthMethod.GREEN_BUTTON
    return start(
        runtime,
        facility_id,
        method=chosen.method,
        utility=chosen.provider if is_green_button else chosen.utility,
        actor=actor,
        browser=browser,
    )


def complete_green_button(
    runtime: Runtime, *, parameters: Mapping[str, str], browser: str | None
) -> Completed:
    """Take the browser's return from the utility. Never raises for what the utility or person did.

    The state is consumed first, in a transaction of its own, so a replay finds it used.
    """
    try:
        attempt = attempts.take(runtime, parameters.get("state"), browser=browser)
    except DCarbonError as error:
        return Completed(None, None, None, "failed", None, error)
    try:
        tokens = _exchange(runtime, attempt, parameters)
        _require_readings_in(runtime, attempt, tokens)
        records.authorized_by_tokens(runtime, attempt, tokens)
    except DCarbonError as error:
        return _failed(runtime, attempt, error)
    return _completed(attempt, "authorized")


def start_utilityapi(
    runtime: Runtime, *, facility_id: UUID, utility: str, actor: Actor, browser: str | None
) -> Started:
    """Make a hosted form at UtilityAPI and say where to send the customer.

    Raises as :func:`start_green_button`, and what the provider raises: the form is made now. When
    it cannot be made, the attempt is over and says why.
    """
    if not utility.strip() or len(utility) > 64:  # noqa: PLR2004 — codes are a few letters
        raise InvalidInput("no utility", display_message="Please choose the utility.")
    client = utilityapi_client(runtime)
    attempt = attempts.open_attempt(
        runtime,
        facility_id=facility_id,
        method=AuthMethod.UTILITYAPI,
        provider="utilityapi",
        utility=utility.strip(),
        redirect_uri=f"{runtime.settings.public_url}/utilityapi/return",
        actor=actor,
        browser=browser,
    )
    try:
        form = _form(client, utility.strip(), renews=attempt.renews)
    except DCarbonError as error:
        records.failed(runtime, attempt, error)
        raise
    attempts.remember_form(runtime, attempt.session_id, form.uid)
    url = hosted_form_url(
        form.url,
        redirect_uri=attempt.redirect_uri,
        state=attempt.state,
        utility=utility.strip(),
    )
    return Started(attempt.session_id, url)


def complete_utilityapi(
    runtime: Runtime, *, parameters: Mapping[str, str], browser: str | None
) -> Completed:
    """Take the browser's return from the hosted form.

    The authorization behind a referral may appear a little later (utilityapi reference 5): then it
    stays ``pending`` and collecting looks for it.
    """
    try:
        attempt = attempts.take(runtime, parameters.get("state"), browser=browser)
    except DCarbonError as error:
        return Completed(None, None, None, "failed", None, error)
    try:
        if parameters.get("error"):
            raise return_error(parameters["error"], parameters.get("error_description"))
        referral = parameters.get("referral")
        if not referral:
            raise AuthorizationDeclined("no referral came back", code="referral_missing")
        attempts.remember_referral(runtime, attempt.session_id, referral)
        status = _resolved(runtime, attempt.authorization_id, referral)
    except DCarbonError as error:
        return _failed(runtime, attempt, error)
    return _completed(attempt, status)


def _resolved(runtime: Runtime, authorization_id: UUID, referral: str) -> str:
    """Look for the authorization now, or later when the provider cannot say: consent is given."""
    try:
        client = utilityapi_client(runtime)
        return records.resolve_referral(runtime, authorization_id, referral, client)
    except (ProviderUnavailable, ClientCredentialsRejected):
        return records.resolve_later(runtime, authorization_id)


def session_status(
    runtime: Runtime, session_id: UUID, *, method: str, actor: Actor
) -> SessionStatus:
    """Return how an attempt stands. Somebody else's, or one of another method, is NotFound."""
    with runtime.sessions() as session:
        row = session.get(AuthorizationSession, session_id)
        authorization = session.get(Authorization, row.authorization_id) if row else None
        if row is None or authorization is None or authorization.method != method:
            raise NotFound("no such session")
        facilities.get(session, authorization.facility_id, actor=actor)
        if row.error_code:
            return SessionStatus(
                "failed", authorization.provider, row.error_code, row.error_message
            )
        if row.consumed_at is None and row.expires_at <= runtime.now():
            late = attempts.expired()
            return SessionStatus("failed", authorization.provider, late.code, late.display_message)
        return SessionStatus(
            authorization.status,
            authorization.provider,
            authorization.reason_code,
            authorization.reason,
            work.progress_of(work.latest_collection(session, authorization.id)),
        )


def utilityapi_client(runtime: Runtime) -> UtilityApiClient:
    """Return this installation's view of UtilityAPI.

    Raises :class:`ClientCredentialsRejected` (``provider_not_set_up``) without an API token.
    """
    providers = runtime.providers
    token = providers.credentials("utilityapi").api_token
    assert token is not None  # the registry hands out no credentials without it
    newer = partial(providers.newer_api_token, "utilityapi")
    return UtilityApiClient(providers.transport("utilityapi"), token, newer)


def _form(client: UtilityApiClient, utility: str, *, renews: str | None) -> Form:
    """Make a form that renews the authorization there, which keeps its uid, or a new one."""
    if renews is not None:
        try:
            return client.create_form(utility=utility, authorization_uid=renews)
        except ContractViolation:
            pass  # revoked or gone there: a consent of its own takes its place
    return client.create_form(utility=utility)


def _require_readings_in(runtime: Runtime, attempt: Attempt, tokens: TokenSet) -> None:
    """Refuse a consent that the customer narrowed so far that no readings may be asked for.

    It is of no use to anybody and is ended at the utility again.
    """
    if not parse_scope(tokens.scope or "").covers_intervals():
        why = EndReason.SCOPE_TOO_NARROW
        authorization_endings.end_unusable(runtime, attempt.authorization_id, tokens, why=why)
        raise AuthorizationDeclined("granted scope has no interval data", code="scope_too_narrow")


def _exchange(runtime: Runtime, attempt: Attempt, parameters: Mapping[str, str]) -> TokenSet:
    profile = runtime.providers.profile(attempt.provider)
    if parameters.get("error"):
        raise oauth.callback_error(parameters["error"], parameters.get("error_description"))
    code = oauth.callback_code(parameters, profile)
    if code is None:
        raise AuthorizationDeclined("neither code nor error came back", code="code_missing")
    verifier = Secret(attempt.code_verifier) if attempt.code_verifier else None
    return grants.oauth_client(runtime, attempt.provider).exchange_code(
        code, redirect_uri=attempt.redirect_uri, now=runtime.now(), code_verifier=verifier
    )


def _failed(runtime: Runtime, attempt: Attempt, error: DCarbonError) -> Completed:
    records.failed(runtime, attempt, error)
    return _completed(attempt, "failed", error)


def _completed(attempt: Attempt, status: str, error: DCarbonError | None = None) -> Completed:
    return Completed(
        attempt.session_id,
        attempt.facility_id,
        attempt.authorization_id,
        status,
        attempt.provider,
        error,
    )
