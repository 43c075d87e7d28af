"""API tokens in the ``Authorization`` header (RFC 6750); never in a query string or a body."""

from __future__ import annotations

from flask import request

from dcarbon.domain.errors import DCarbonError
from dcarbon.services import api_tokens
from dcarbon.services.actors import Actor
from dcarbon_api.context import current_runtime

_LONGEST = 512


class Unauthenticated(DCarbonError):
    """The person asking acts: there is no API token, or it does not work."""

    code = "token_missing"


class ScopeMissing(DCarbonError):
    """The person asking acts: the token does not allow this."""

    code = "scope_missing"

    def __init__(self, scope: str) -> None:
        super().__init__(
            f"scope {scope} needed",
            display_message=f"This token lacks the scope '{scope}'. Please use one that has it.",
        )
        self.scope = scope


def is_given() -> bool:
    """Say whether the request holds a bearer token, a good one or not."""
    # A proxy in front may want Basic for itself: that names nobody here.
    return request.authorization is not None and request.authorization.type == "bearer"


def authenticated(scope: str) -> Actor:
    """Return who holds the token of this request.

    Raises :class:`Unauthenticated` (``token_missing``, ``token_invalid``), :class:`ScopeMissing`.
    """
    given = request.authorization
    if given is None or given.type != "bearer" or not given.token:
        raise Unauthenticated("no bearer token")
    actor = None
    if len(given.token) <= _LONGEST:
        runtime = current_runtime()
        actor = api_tokens.authenticate(
            runtime.sessions, given.token, now=runtime.now(), ip=request.remote_addr
        )
    if actor is None:
        # Unknown, revoked and expired read the same: a guess learns nothing.
        raise Unauthenticated(
            "token refused",
            code="token_invalid",
        )
    if scope not in actor.scopes:
        raise ScopeMissing(scope)
    return actor
