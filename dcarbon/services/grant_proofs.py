"""Proving grants by a call: is this token taken, and is a grant that is refused truly gone?

Only asks providers. What is written about it is in ``rotation_records``.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from dcarbon.db.authorizations import Authorization
from dcarbon.domain.errors import (
    AccessTokenRejected,
    ContractViolation,
    DCarbonError,
    ReauthorizationRequired,
)
from dcarbon.domain.secrets import Secret
from dcarbon.providers.green_button.client import GreenButtonClient
from dcarbon.services import ended_consents, grants
from dcarbon.services.grants import OpenGrant
from dcarbon.services.runtime import Runtime

_AN_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What stands in the way of a new grant, and whether the old one is gone as well."""

    error: DCarbonError
    is_gone: bool = False


def prove(runtime: Runtime, authorization: Authorization, token: Secret) -> None:
    """Make one cheap call with a customer's token.

    Raises :class:`AccessTokenRejected` when it is refused, :class:`ProviderUnavailable` and
    :class:`ContractViolation` when that cannot be said.
    """
    uri = authorization.resource_uri
    if uri is None:
        raise ContractViolation("the grant named no resource", code="no_resource_uri")
    client = GreenButtonClient(
        runtime.providers.transport(authorization.provider),
        runtime.providers.profile(authorization.provider),
        token,
    )
    try:
        client.usage_points(uri)
    except ContractViolation:
        # Not every custodian has the list; an hour of readings is the next best.
        now = runtime.now()
        next(client.usage(uri, now - _AN_HOUR, now, now=now), None)


def new_grant(runtime: Runtime, authorization: Authorization) -> OpenGrant:
    """Return a pending grant that a call has proven: the stored one, else one refreshed now.

    Under the lock of its grants only. New tokens that are refused are refreshed once before they
    are given up. Raises what refreshing and proving raise.
    """
    held = grants.opened(runtime, authorization.id)
    pending = held.pending or grants.refresh_beside(runtime, authorization.id, held)
    if pending.is_good(now=runtime.now()):
        with suppress(AccessTokenRejected):
            prove(runtime, authorization, pending.access_token)
            return pending
    held = grants.opened(runtime, authorization.id)
    renewed = grants.refresh(runtime, authorization.id, held)
    if held.pending is None or renewed.id != held.pending.id:
        raise AccessTokenRejected("the new tokens were refused; those before them live")
    prove(runtime, authorization, renewed.access_token)
    return renewed


def verdict(runtime: Runtime, authorization: Authorization, error: DCarbonError) -> Verdict:
    """Say what a failure to make a new grant means. As long as one token of the authorization is
    taken, its grant is not gone.
    """
    if not isinstance(error, ReauthorizationRequired):
        return Verdict(error)
    try:
        if _is_any_taken(runtime, authorization):
            return Verdict(error)
        truth = ended_consents.truth_of(runtime, authorization, error)
    except DCarbonError as other:
        if other.is_ours:
            raise
        truth = other
    return Verdict(truth, is_gone=isinstance(truth, ReauthorizationRequired))


def _is_any_taken(runtime: Runtime, authorization: Authorization) -> bool:
    held = grants.opened(runtime, authorization.id)
    for each in (held.current, held.pending):
        if each is not None and each.is_good(now=runtime.now()):
            with suppress(AccessTokenRejected):
                prove(runtime, authorization, each.access_token)
                return True
    return False
