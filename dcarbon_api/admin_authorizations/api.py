"""The list of all authorizations as JSON."""

from __future__ import annotations

from flask import Blueprint, Response

from dcarbon.services import authorization_lists
from dcarbon_api.admin_authorizations.messages import AllAuthorizationsAnswer, AuthorizationsQuery
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.json_answers import answer
from dcarbon_api.openapi import operation
from dcarbon_api.security.access import requires_admin

bp = Blueprint("admin_authorizations_api", __name__, url_prefix="/authorizations")


@bp.get("")
@requires_admin("read")
@operation(
    tag="Administration", query=AuthorizationsQuery, answer=AllAuthorizationsAnswer, fails=(422,)
)
def list_all_authorizations(query: AuthorizationsQuery) -> Response:
    """List every authorization, with how many there are of each kind. Administrators only."""
    runtime = current_runtime()
    with runtime.sessions() as session:
        found = authorization_lists.listing(
            session, query.wanted(), actor=current_actor(), now=runtime.now()
        )
    return answer(AllAuthorizationsAnswer.of(found, query.sort_key))
