"""How each provider is told that an authorization has ended. Repeating it is harmless.

What is written about it is in ``revocation``.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import or_, select

from dcarbon.db.authorizations import Authorization, AuthorizationSession
from dcarbon.domain.errors import (
    ClientCredentialsRejected,
    ContractViolation,
    ProviderUnavailable,
    ReauthorizationRequired,
    ResourceMissing,
)
from dcarbon.domain.states import AuthMethod, AuthStatus
from dcarbon.providers.green_button.oauth import OAuthClient
from dcarbon.providers.utilityapi.client import UtilityApiClient
from dcarbon.providers.utilityapi.parse import parse_authorizations, parse_meter_states
from dcarbon.services import authorizations, grants
from dcarbon.services.runtime import Runtime


class Ending(StrEnum):
    """How an authorization came to its end at the provider."""

    CONFIRMED = "confirmed"
    ALREADY_GONE = "already_gone"
    RENEWED = "renewed"
    """A newer authorization of ours goes by the same name there: ending this would end that."""
    NOT_OFFERED = "not_offered"
    """The utility has no way for us to end it."""


def end(runtime: Runtime, row: Authorization) -> Ending:
    """End an authorization at its provider. Raises what the provider's clients raise."""
    if _was_renewed(runtime, row):
        return Ending.RENEWED
    if row.method == AuthMethod.UTILITYAPI:
        return _end_utilityapi(runtime, row)
    return _end_green_button(runtime, row)


def _was_renewed(runtime: Runtime, row: Authorization) -> bool:
    names = (
        (Authorization.external_id, row.external_id),
        (Authorization.authorization_uri, row.authorization_uri),
    )
    # What has no name at the provider yet has none in common with others that have none.
    same = [column == name for column, name in names if name is not None]
    if not same:
        return False
    newer = select(Authorization.id).where(
        Authorization.id != row.id,
        Authorization.provider == row.provider,
        Authorization.status != AuthStatus.REVOKED,
        or_(*same),
    )
    with runtime.sessions() as session:
        return session.scalar(newer.limit(1)) is not None


def _end_utilityapi(runtime: Runtime, row: Authorization) -> Ending:
    """Stop monitoring, which is billed per meter, then revoke (utilityapi reference 9, 12)."""
    client = authorizations.utilityapi_client(runtime)
    uid = row.external_id or _uid_of_referral(runtime, row, client)
    if uid is None:
        # The consent was given and may appear there later, when nobody would look any more.
        raise ProviderUnavailable("no authorization behind the referral yet")
    try:
        _stop_monitoring(client, uid)
        facts = parse_authorizations(client.revoke(uid).content)
    except ResourceMissing:
        return Ending.ALREADY_GONE
    if not facts or not facts[0].is_revoked:
        raise ContractViolation("the authorization was not revoked", code="not_revoked")
    return Ending.CONFIRMED


def _stop_monitoring(client: UtilityApiClient, uid: str) -> None:
    states = [s for page in client.meters(uid) for s in parse_meter_states(page.content)]
    watched = [state.uid for state in states if state.monitoring not in {None, "off"}]
    if not watched:
        return
    try:
        client.ongoing_monitoring(watched, frequency="off")
    except ReauthorizationRequired:
        return  # every meter is expired or revoked already: nothing is watched any more


def _uid_of_referral(runtime: Runtime, row: Authorization, client: UtilityApiClient) -> str | None:
    with runtime.sessions() as session:
        referrals = session.scalars(
            select(AuthorizationSession.referral)
            .where(
                AuthorizationSession.authorization_id == row.id,
                AuthorizationSession.referral.is_not(None),
            )
            .order_by(AuthorizationSession.id.desc())
        ).all()
    for referral in referrals:
        for page in client.authorizations_by_referral(referral or ""):
            for facts in parse_authorizations(page.content):
                return facts.uid
    return None


def _end_green_button(runtime: Runtime, row: Authorization) -> Ending:
    """DELETE the authorization, else revoke the token (green-button reference 3.11)."""
    client = grants.oauth_client(runtime, row.provider)
    if row.authorization_uri is not None:
        try:
            _delete(runtime, client, row.authorization_uri)
        except (ClientCredentialsRejected, ContractViolation):
            # Not every custodian offers this form; where there is another, that one decides.
            if client.profile.revoke_url is None:
                raise
        else:
            return Ending.CONFIRMED
    if client.profile.revoke_url is None:
        return Ending.NOT_OFFERED
    return _revoke_token(runtime, client, row)


def _delete(runtime: Runtime, client: OAuthClient, authorization_uri: str) -> None:
    token = client.client_credentials(now=runtime.now()).access_token
    client.revoke_authorization(authorization_uri, token)


def _revoke_token(runtime: Runtime, client: OAuthClient, row: Authorization) -> Ending:
    grant = grants.for_revocation(runtime, row.id)
    if grant is None:
        return Ending.ALREADY_GONE
    if grant.refresh_token is not None:
        client.revoke_token(grant.refresh_token)
    else:
        client.revoke_token(grant.access_token, hint="access_token")
    return Ending.CONFIRMED
