"""What has become of a consent whose grant the provider refuses: revoked, run out, or only refused.

Asked of the provider, outside any transaction. What is written about it is in
``authorization_records``.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from dcarbon.db.authorizations import Authorization
from dcarbon.domain.errors import (
    ClientCredentialsRejected,
    ConsentRevoked,
    ContractViolation,
    DCarbonError,
    ProviderUnavailable,
    ReauthorizationRequired,
    ResourceMissing,
)
from dcarbon.domain.states import AuthMethod
from dcarbon.providers.green_button import espi
from dcarbon.providers.green_button.client import GreenButtonClient, Payload
from dcarbon.providers.green_button.espi.authorization import REVOKED, Period
from dcarbon.providers.green_button.espi.authorization import Authorization as Stated
from dcarbon.services import grants
from dcarbon.services.runtime import Runtime

ENDED_HERE = "access_ended"
"""The refusal of our own: nothing is asked any more."""


def truth_of(
    runtime: Runtime, authorization: Authorization, error: ReauthorizationRequired
) -> DCarbonError:
    """Return the error to go by: :class:`ConsentRevoked` where the provider says so,
    ``consent_ended`` where its time is over, :class:`ProviderUnavailable` where the provider
    cannot say now, else ``error`` itself.
    """
    if isinstance(error, ConsentRevoked) or error.code == ENDED_HERE:
        return error
    ends_at, uri = authorization.consent_ends_at, authorization.authorization_uri
    if ends_at is not None and ends_at <= runtime.now():
        return _run_out()
    if authorization.method == AuthMethod.GREEN_BUTTON and uri is not None:
        return _asked(runtime, authorization, uri, error)
    return error  # UtilityAPI has said it with the refusal


def _asked(
    runtime: Runtime, authorization: Authorization, uri: str, error: ReauthorizationRequired
) -> DCarbonError:
    try:
        stated = _stated(runtime, authorization, uri)
    except ResourceMissing:
        # Where even the record of the consent is gone, so is the consent (reference 6).
        return ConsentRevoked("the custodian no longer has the authorization")
    except ProviderUnavailable as unavailable:
        return unavailable
    except (ClientCredentialsRejected, ContractViolation):
        return error  # not every custodian offers this resource
    return (_read(stated, now=runtime.now()) if stated is not None else None) or error


def _read(stated: Stated, *, now: datetime) -> ReauthorizationRequired | None:
    period = stated.authorized_period
    if period is not None and period.duration_s and _end(period) <= now:
        return _run_out()
    if stated.status == REVOKED:
        return ConsentRevoked("the custodian says that the authorization is revoked")
    return None


def _stated(runtime: Runtime, authorization: Authorization, uri: str) -> Stated | None:
    """Read the Authorization resource with our own token (green-button reference 4.7)."""
    token = grants.oauth_client(runtime, authorization.provider).client_credentials(
        now=runtime.now()
    )
    client = GreenButtonClient(
        runtime.providers.transport(authorization.provider),
        runtime.providers.profile(authorization.provider),
        token.access_token,
    )
    answer = client.authorization(uri, token.access_token)
    return espi.parse_authorization(answer.raw.content) if isinstance(answer, Payload) else None


def _end(period: Period) -> datetime:
    return period.start + timedelta(seconds=period.duration_s)


def _run_out() -> ReauthorizationRequired:
    return ReauthorizationRequired("the consent has run out", code="consent_ended")
