"""Company sign-in (OpenID Connect) for administrators: to the issuer and back."""

from __future__ import annotations

from flask import Blueprint, make_response, redirect, request, session
from flask.typing import ResponseReturnValue

from dcarbon.domain.own_paths import own_path
from dcarbon.services import company_sign_in
from dcarbon_api.context import current_runtime
from dcarbon_api.security import sessions
from dcarbon_api.security.access import public

bp = Blueprint("company_sign_in", __name__, url_prefix="/sign-in/oidc")

_UNDER_WAY = "company_sign_in"
_LONGEST_S = 600


@bp.get("")
@public
def start() -> ResponseReturnValue:
    """Send the browser to the company, by a plain link: no form, so no content policy applies."""
    runtime = current_runtime()
    begun = company_sign_in.begin(runtime)
    # In the signed cookie, and so bound to this browser; the tokens themselves never go there.
    session[_UNDER_WAY] = {
        "state": begun.state,
        "nonce": begun.nonce,
        "verifier": begun.verifier,
        "next": own_path(request.args.get("next")),
        "until": runtime.now().timestamp() + _LONGEST_S,
    }
    return redirect(begun.address, 303)


@bp.get("/callback")
@public
def callback() -> ResponseReturnValue:
    """Take the browser back; what it began with is good once and for ten minutes."""
    runtime = current_runtime()
    under_way = session.pop(_UNDER_WAY, {})
    if under_way.get("until", 0) < runtime.now().timestamp():
        under_way = {}
    found = company_sign_in.complete(
        runtime,
        request.args.to_dict(),
        state=under_way.get("state"),
        nonce=under_way.get("nonce"),
        verifier=under_way.get("verifier"),
        ip=request.remote_addr,
        user_agent=request.user_agent.string,
    )
    response = make_response(redirect(own_path(under_way.get("next")) or sessions.HOME, 303))
    response.headers["Referrer-Policy"] = "no-referrer"
    return sessions.give(response, found.session_secret)
