"""Pages of a person's own account: profile, signed-in browsers, API tokens."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from dcarbon.domain.errors import InvalidInput, NotFound
from dcarbon.services import api_tokens, people, web_sessions
from dcarbon.services.actors import Actor
from dcarbon_api.account.browser_names import browser_name
from dcarbon_api.account.forms import TokenForm
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.forms import refuse
from dcarbon_api.security import sessions
from dcarbon_api.security.access import requires
from dcarbon_api.sign_in.forms import ProfileForm

bp = Blueprint("account", __name__, url_prefix="/account")
bp.add_app_template_filter(browser_name)


@bp.get("")
@requires("read")
def show() -> ResponseReturnValue:
    """Show the account."""
    return _page()


@bp.post("/profile")
@requires("write")
def change_profile() -> ResponseReturnValue:
    """Keep a new name or kind of account."""
    form, runtime = ProfileForm(prefix="profile"), current_runtime()
    if not form.validate_on_submit():
        return _page(profile=form), 422
    try:
        people.describe(
            runtime.sessions,
            name=form.name.data,
            account_kind=form.account_kind.data,
            actor=current_actor(),
            now=runtime.now(),
        )
    except InvalidInput as error:
        refuse(form.name, error.display_message)
        return _page(profile=form), 422
    flash("Your profile is saved.", "success")
    return redirect(url_for(".show"), 303)


@bp.post("/new-token")
@requires("write")
def create_token() -> ResponseReturnValue:
    """Make a token and show its secret in this answer only."""
    form, runtime, actor = TokenForm(prefix="token"), current_runtime(), current_actor()
    if not form.validate_on_submit():
        return _page(token=form), 422
    try:
        api_tokens.require_own(form.scopes(), actor=actor)
        _, secret = api_tokens.create(
            runtime.sessions,
            person_id=_person_id(actor),
            name=form.name.data,
            scopes=form.scopes(),
            actor=actor,
            now=runtime.now(),
        )
    except InvalidInput as error:
        refuse(form.name, error.display_message)
        return _page(token=form), 422
    return _page(new_token=secret)


@bp.post("/tokens/<uuid:token_id>/revoke")
@requires("write")
def end_token(token_id: UUID) -> ResponseReturnValue:
    """Revoke a token."""
    runtime = current_runtime()
    api_tokens.revoke(runtime.sessions, token_id, actor=current_actor(), now=runtime.now())
    flash("The token is revoked. Programs that use it are refused from now on.", "success")
    return redirect(url_for(".show", _anchor="tokens"), 303)


@bp.post("/sessions/<uuid:session_id>/end")
@requires("write")
def end_session(session_id: UUID) -> ResponseReturnValue:
    """Sign one browser out."""
    web_sessions.end_session(current_runtime(), session_id, current_actor())
    flash("That browser is signed out.", "success")
    return redirect(url_for(".show", _anchor="sessions"), 303)


@bp.post("/sessions/end-others")
@requires("write")
def end_other_sessions() -> ResponseReturnValue:
    """Sign all other browsers out."""
    web_sessions.end_other_sessions(current_runtime(), current_actor(), current=sessions.secret())
    flash("All other browsers are signed out.", "success")
    return redirect(url_for(".show", _anchor="sessions"), 303)


def _page(
    *,
    profile: ProfileForm | None = None,
    token: TokenForm | None = None,
    new_token: str | None = None,
) -> str:
    runtime, actor = current_runtime(), current_actor()
    with runtime.sessions() as database:
        person = people.one(database, _person_id(actor))
        tokens = api_tokens.working(database, actor=actor, now=runtime.now())
        return render_template(
            "account/show.html",
            person=person,
            profile=profile or ProfileForm(formdata=None, obj=person, prefix="profile"),
            token=token or TokenForm(formdata=None, prefix="token"),
            tokens=tokens,
            new_token=new_token,
            sessions=web_sessions.sessions_of(runtime, actor, current=sessions.secret()),
        )


def _person_id(actor: Actor) -> UUID:
    if actor.person_id is None:
        raise NotFound("an account belongs to a person")
    return actor.person_id
