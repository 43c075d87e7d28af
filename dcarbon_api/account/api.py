"""A person's own account by the API: who they are, their tokens, their signed-in browsers."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from flask import Blueprint, Response

from dcarbon.domain.errors import NotFound
from dcarbon.services import api_tokens, people, web_sessions
from dcarbon.services.actors import Actor
from dcarbon_api.account.messages import (
    AccountAnswer,
    NewToken,
    NewTokenAnswer,
    SessionAnswer,
    SessionsAnswer,
    TokenAnswer,
    TokensAnswer,
)
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.json_answers import answer
from dcarbon_api.openapi import operation
from dcarbon_api.security import sessions
from dcarbon_api.security.access import requires

bp = Blueprint("account_api", __name__, url_prefix="/account")

_TAG = "Account"


@bp.get("")
@requires("read")
@operation(tag=_TAG, answer=AccountAnswer, fails=(404,))
def read_account() -> Response:
    """Say who asks."""
    with current_runtime().sessions() as session:
        person = people.one(session, _person_id(current_actor()))
    return answer(AccountAnswer.model_validate(person))


@bp.get("/tokens")
@requires("read")
@operation(tag=_TAG, answer=TokensAnswer)
def list_tokens() -> Response:
    """List your API tokens that work, the newest first."""
    runtime = current_runtime()
    with runtime.sessions() as session:
        found = api_tokens.working(session, actor=current_actor(), now=runtime.now())
    return answer(TokensAnswer(tokens=[TokenAnswer.model_validate(each) for each in found]))


@bp.post("/tokens")
@requires("write")
@operation(tag=_TAG, body=NewToken, answer=NewTokenAnswer, status=201, fails=(404, 422))
def make_token(json: NewToken) -> Response:
    """Make an API token. Its secret is in this answer and nowhere else."""
    runtime, actor = current_runtime(), current_actor()
    api_tokens.require_own(json.scopes, actor=actor)
    now = runtime.now()
    token, secret = api_tokens.create(
        runtime.sessions,
        person_id=_person_id(actor),
        name=json.name,
        scopes=sorted(set(json.scopes)),
        actor=actor,
        now=now,
        expires_at=now + timedelta(days=json.days) if json.days else None,
    )
    known = TokenAnswer.model_validate(token).model_dump()
    return answer(NewTokenAnswer(**known, secret=secret), 201)


@bp.delete("/tokens/<uuid:token_id>")
@requires("write")
@operation(tag=_TAG, status=204, fails=(404,))
def revoke_token(token_id: UUID) -> Response:
    """Revoke a token: it is refused from now on."""
    runtime = current_runtime()
    api_tokens.revoke(runtime.sessions, token_id, actor=current_actor(), now=runtime.now())
    return Response(status=204)


@bp.get("/sessions")
@requires("read")
@operation(tag=_TAG, answer=SessionsAnswer)
def list_sessions() -> Response:
    """List the browsers you are signed in at, the last used first."""
    found = web_sessions.sessions_of(current_runtime(), current_actor(), current=sessions.secret())
    return answer(SessionsAnswer(sessions=[SessionAnswer.model_validate(v) for v in found]))


@bp.delete("/sessions/<uuid:session_id>")
@requires("write")
@operation(tag=_TAG, status=204, fails=(404,))
def sign_browser_out(session_id: UUID) -> Response:
    """Sign one browser out."""
    web_sessions.end_session(current_runtime(), session_id, current_actor())
    return Response(status=204)


def _person_id(actor: Actor) -> UUID:
    if actor.person_id is None:
        raise NotFound("an account belongs to a person")
    return actor.person_id
