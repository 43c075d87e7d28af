"""The platform's own token at a provider: set by an administrator, proven before it is in force.

Running processes take it up by themselves: within half a minute, or with the first refusal.
"""

from __future__ import annotations

import re

from dcarbon.db import platform_secrets
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.errors import (
    ClientCredentialsRejected,
    InvalidInput,
    PaymentRequired,
)
from dcarbon.domain.secrets import Secret
from dcarbon.providers.profile import Method
from dcarbon.providers.utilityapi.client import UtilityApiClient
from dcarbon.services import audit
from dcarbon.services.actors import Actor
from dcarbon.services.runtime import Runtime

NAME = "api_token"
_TOKEN = re.compile(r"[!-~]{1,4096}")
"""What can be sent in a header (RFC 6750 2.1)."""


def rotate(runtime: Runtime, provider: str, token: Secret, *, actor: Actor) -> None:
    """Prove a new token by a call and put it in force instead of the one before.

    Raises :class:`InvalidInput` (``platform_token_refused``, ``platform_token_same``,
    ``no_platform_token``) and what the provider raises when it cannot say; then nothing changes.
    """
    if runtime.providers.profile(provider).method is not Method.UTILITYAPI:
        raise InvalidInput("tokens here belong to customers", code="no_platform_token")
    if not _TOKEN.fullmatch(token.reveal()):
        raise InvalidInput("not a token", code="platform_token_refused")
    runtime.providers.forget_secrets(provider)
    try:
        is_same = runtime.providers.credentials(provider).api_token == token
    except ClientCredentialsRejected:
        is_same = False  # the first one that is set
    if is_same:
        raise InvalidInput("this token is in force already", code="platform_token_same")
    _prove(runtime, provider, token)
    now = runtime.now()
    with runtime.sessions.begin() as session:
        before = platform_secrets.replace(
            session,
            runtime.keys,
            token,
            provider=provider,
            name=NAME,
            set_by=actor.person_id,
            now=now,
        )
        audit.record(
            session,
            AuditEvent.PLATFORM_TOKEN_ROTATED,
            actor=actor,
            at=now,
            provider=provider,
            age_days=(now - before.set_at).days if before else None,
        )
    runtime.providers.forget_secrets(provider)


def _prove(runtime: Runtime, provider: str, token: Secret) -> None:
    try:
        UtilityApiClient(runtime.providers.transport(provider), token).check_token()
    except PaymentRequired:
        return  # it knows whose token this is
    except ClientCredentialsRejected as error:
        raise InvalidInput("the token was refused", code="platform_token_refused") from error
