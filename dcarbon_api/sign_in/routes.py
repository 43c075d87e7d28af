"""Sign-in by a link from a mail, the welcome after the first one, and signing out."""

from __future__ import annotations

from flask import Blueprint, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from dcarbon.domain.errors import InvalidInput, TooManyRequests
from dcarbon.domain.own_paths import own_path
from dcarbon.services import people, sign_in
from dcarbon.services.sign_in import LinkRefused, LinkState
from dcarbon_api import problems
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.forms import refuse
from dcarbon_api.security import browsers, sessions
from dcarbon_api.security.access import public, requires
from dcarbon_api.sign_in.forms import AskForm, ProfileForm, UseForm

bp = Blueprint("sign_in", __name__)

_ASKED_FOR = "asked_for"


@bp.get("/sign-in")
@public
def ask() -> ResponseReturnValue:
    """Show the form that asks for a link; somebody signed in already goes on."""
    wanted = own_path(request.args.get("next"))
    if sessions.signed_in() is not None:
        return redirect(wanted or sessions.HOME, 303)
    return _ask_page(AskForm(formdata=None, data={"next": wanted}))


@bp.post("/sign-in")
@public
def send_link() -> ResponseReturnValue:
    """Mail a link, and answer the same whether or not the address is known."""
    form = AskForm()
    if not form.validate_on_submit():
        return _ask_page(form, 422)
    browser = browsers.starting_browser()
    try:
        sign_in.request_link(
            current_runtime(),
            form.email.data,
            ip=request.remote_addr,
            browser=browser,
            next_path=form.next.data,
        )
    except InvalidInput as error:
        refuse(form.email, error.display_message)
        return _ask_page(form, 422)
    except TooManyRequests as error:
        refuse(form.email, error.display_message)
        return _ask_page(form, problems.status_of(error))
    session[_ASKED_FOR] = people.address_of(form.email.data)
    response = make_response(redirect(url_for("sign_in.sent"), 303))
    return browsers.remember(response, browser)


@bp.get("/sign-in/sent")
@public
def sent() -> ResponseReturnValue:
    """Say that a mail is on its way."""
    asked_for = session.get(_ASKED_FOR)
    if asked_for is None:
        return redirect(url_for("sign_in.ask"), 303)
    return render_template("sign_in/sent.html", email=asked_for, minutes=_minutes())


@bp.get("/sign-in/<secret>")
@public
def look(secret: str) -> ResponseReturnValue:
    """Show what the link would do. Scanners of mail follow links: looking uses nothing up."""
    state = sign_in.look(current_runtime(), secret, browser=browsers.known_browser())
    return _link_page(state, secret)


@bp.post("/sign-in/<secret>")
@public
def use(secret: str) -> ResponseReturnValue:
    """Use the link up and sign this browser in, under a new identifier."""
    try:
        found = sign_in.consume(
            current_runtime(),
            secret,
            browser=browsers.known_browser(),
            ip=request.remote_addr,
            user_agent=request.user_agent.string,
        )
    except LinkRefused as error:
        return _link_page(LinkState(error.state), secret)
    wanted = found.next_path or sessions.HOME
    if not found.person.name:
        wanted = url_for("sign_in.welcome", next=wanted)
    return sessions.give(make_response(redirect(wanted, 303)), found.session_secret)


@bp.get("/welcome")
@requires("read")
def welcome() -> ResponseReturnValue:
    """Ask somebody who came in for the first time who they are."""
    shown = sessions.viewer()
    name = shown.name if shown else ""
    # Nothing is chosen beforehand for somebody new: the kind decides how a facility is registered.
    kind = shown.account_kind if shown and shown.name else None
    form = ProfileForm(formdata=None, data={"name": name, "account_kind": kind})
    return render_template("sign_in/welcome.html", form=form)


@bp.post("/welcome")
@requires("write")
def introduce() -> ResponseReturnValue:
    """Keep the answers and go on to where the person wanted to."""
    form = ProfileForm()
    if not form.validate_on_submit():
        return render_template("sign_in/welcome.html", form=form), 422
    runtime = current_runtime()
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
        return render_template("sign_in/welcome.html", form=form), 422
    return redirect(own_path(request.args.get("next")) or sessions.HOME, 303)


@bp.post("/sign-out")
@public
def sign_out() -> ResponseReturnValue:
    """End this browser's session, if it has one."""
    return sessions.take_back(make_response(redirect(url_for("pages.home"), 303)))


def _ask_page(form: AskForm, status: int = 200) -> ResponseReturnValue:
    has_company = current_runtime().settings.oidc_issuer is not None
    page = render_template(
        "sign_in/ask.html", form=form, has_company=has_company, minutes=_minutes()
    )
    return page, status


def _link_page(state: LinkState, secret: str) -> ResponseReturnValue:
    status = {"good": 200, "unknown": 404, "used": 410, "expired": 410}[state.state]
    page = render_template(
        "sign_in/link.html", link=state, secret=secret, form=UseForm(), minutes=_minutes()
    )
    response = make_response(page, status)
    # The address is the secret: it must not travel on.
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _minutes() -> int:
    return int(sign_in.GOOD_FOR.total_seconds() // 60)
