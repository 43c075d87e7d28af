"""The cookie of a signed-in browser, and who is behind it.

Flask's own signed cookie holds only what identifies nobody: the form token, messages for the next
page and a company sign-in under way. Who somebody is stands in the ``web_sessions`` table.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask, Response, g, request, session
from sqlalchemy.exc import SQLAlchemyError

from dcarbon.domain.own_paths import own_path
from dcarbon.services import people, web_sessions
from dcarbon.services.actors import Actor
from dcarbon_api.context import current_runtime

_ASKED = "dcarbon_signed_in"
_VIEWER = "dcarbon_viewer"
HOME = "/facilities"
"""Where people go when nothing else was asked for."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks at a page, as the page shows it."""

    email: str
    name: str
    account_kind: str
    is_admin: bool


def configure(app: Flask) -> None:
    """Set Flask's signed cookie up, with keys all web processes share."""
    runtime = app.extensions["dcarbon"]
    current, *earlier = runtime.keys.derived("web forms")
    is_https = runtime.settings.public_url.startswith("https://")
    app.config.update(
        SECRET_KEY=current,
        SECRET_KEY_FALLBACKS=earlier,
        SESSION_COOKIE_NAME="__Host-dcarbon-page" if is_https else "dcarbon-page",
        SESSION_COOKIE_SECURE=is_https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
    )


def cookie_name() -> str:
    """Return the cookie's name: with ``__Host-`` wherever the browser reaches us by HTTPS."""
    return "__Host-dcarbon-session" if _is_https() else "dcarbon-session"


def secret() -> str | None:
    """Return what the browser's cookie holds, good or not."""
    return request.cookies.get(cookie_name()) or None


def signed_in() -> Actor | None:
    """Return who is signed in at this browser. Looked up once per request, when first asked."""
    if _ASKED not in g:
        runtime, held = current_runtime(), secret()
        actor = web_sessions.actor_of(runtime, held, ip=request.remote_addr) if held else None
        setattr(g, _ASKED, actor)
    found: Actor | None = g.get(_ASKED)
    return found


def viewer() -> Viewer | None:
    """Return who looks at this page, if somebody signed in does."""
    if _VIEWER not in g:
        try:
            setattr(g, _VIEWER, _looked_up())
        except SQLAlchemyError:
            # The page that says the database is out of reach must not need it.
            return None
    found: Viewer | None = g.get(_VIEWER)
    return found


def give(response: Response, session_secret: str) -> Response:
    """Sign the browser in: a new identifier, a new form token, and the old session ended.

    Lax, because the utility brings people back by top-level navigation.
    """
    end_present()
    session.clear()
    runtime = current_runtime()
    response.set_cookie(
        cookie_name(),
        session_secret,
        max_age=runtime.settings.session_max_hours * 3600,
        secure=_is_https(),
        httponly=True,
        samesite="Lax",
        path="/",
    )
    return response


def take_back(response: Response) -> Response:
    """Sign the browser out."""
    end_present()
    session.clear()
    response.delete_cookie(
        cookie_name(), path="/", secure=_is_https(), httponly=True, samesite="Lax"
    )
    return response


def end_present() -> None:
    """End the session the browser has, if it has one."""
    held = secret()
    if held:
        web_sessions.sign_out(current_runtime(), held, ip=request.remote_addr)


def asked_path() -> str:
    """Return the address of this request, to come back to after signing in."""
    # A part of a page comes back to the page it is on.
    shown = request.headers.get("HX-Current-URL", "").removeprefix(request.host_url.rstrip("/"))
    full = request.full_path.rstrip("?")
    return own_path(shown if "HX-Request" in request.headers else full) or HOME


def _looked_up() -> Viewer | None:
    actor = signed_in()
    if actor is None or actor.person_id is None:
        return None
    with current_runtime().sessions() as database:
        person = people.one(database, actor.person_id)
    if person is None:
        return None
    return Viewer(person.email, person.name, person.account_kind, person.is_admin)


def _is_https() -> bool:
    return current_runtime().settings.public_url.startswith("https://")
