"""Every route says who may use it; a route that does not say so stops the start.

The declaration is data on the view and is enforced in one place before any view runs, so neither
the order of decorators nor a forgotten call can open a route.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from flask import Flask, Response, current_app, g, redirect, request, url_for
from flask.typing import ResponseReturnValue

from dcarbon.domain.errors import DCarbonError
from dcarbon.services import api_tokens
from dcarbon_api.security import bearer, csrf, sessions
from dcarbon_api.security.asking import prefers_page

View = TypeVar("View", bound=Callable[..., Any])

_ATTRIBUTE = "dcarbon_access"


@dataclass(frozen=True, slots=True)
class Access:
    """What a route asks for: a scope, or nothing at all (``None``)."""

    scope: str | None
    is_admin: bool = False
    """For administrators only."""
    is_for_programs: bool = False
    """Other programs post here without any token; a form token is not asked for."""


class AdminNeeded(DCarbonError):
    """The person asking acts: this is for administrators."""

    is_ours = False
    code = "admin_needed"


class AccessUndeclared(DCarbonError):
    """A developer acts: a route does not say who may use it."""

    code = "access_undeclared"


def requires(scope: str) -> Callable[[View], View]:
    """Declare that a route needs this scope (``read`` or ``write``)."""
    if scope not in api_tokens.SCOPES:
        raise AccessUndeclared(f"there is no scope {scope}")
    return _declaring(Access(scope))


def requires_admin(scope: str) -> Callable[[View], View]:
    """Declare that a route is for administrators, with this scope (``read`` or ``write``)."""
    if scope not in api_tokens.SCOPES:
        raise AccessUndeclared(f"there is no scope {scope}")
    return _declaring(Access(scope, is_admin=True))


def public(view: View) -> View:
    """Declare that anybody may use a route. A change by a form still needs the form's token."""
    return _declaring(Access(None))(view)


def for_programs(view: View) -> View:
    """Declare that any program may post here, as utilities do with notifications."""
    return _declaring(Access(None, is_for_programs=True))(view)


def declared(view: Callable[..., Any]) -> Access | None:
    """Return what a view declares, ``None`` when it declares nothing."""
    return cast("Access | None", getattr(view, _ATTRIBUTE, None))


def require_declarations(app: Flask) -> None:
    """Raise :class:`AccessUndeclared` naming every route without a declaration."""
    silent = sorted(name for name, view in app.view_functions.items() if declared(view) is None)
    if silent:
        raise AccessUndeclared(f"routes that declare no access: {', '.join(silent)}")


def enforce() -> ResponseReturnValue | None:
    """Before each request: refuse it, or note who asks. Unknown routes are left to their error.

    A browser that is not signed in and asks for a page is sent to sign in, and comes back after.
    """
    if request.endpoint is None:
        return None
    access = declared(current_app.view_functions[request.endpoint])
    if access is None:
        raise AccessUndeclared(f"{request.endpoint} was added after the start")
    if access.scope is None:
        if not access.is_for_programs and not _is_foreign_json():
            csrf.require()
        return None
    if bearer.is_given():
        g.actor = bearer.authenticated(access.scope)
    else:
        actor = sessions.signed_in()
        if actor is None:
            return _sign_in_first()
        csrf.require()
        g.actor = actor
    if access.is_admin and not g.actor.is_admin:
        raise AdminNeeded("administrators only")
    return None


def _sign_in_first() -> ResponseReturnValue:
    """Send a person to sign in; a program gets the error."""
    if not prefers_page() or request.method not in {"GET", "HEAD"}:
        raise bearer.Unauthenticated("neither token nor session")
    address = url_for("sign_in.ask", next=sessions.asked_path())
    if "HX-Request" in request.headers:
        # htmx would put the sign-in page into a part of this one.
        return Response(status=401, headers={"HX-Redirect": address})
    return redirect(address, 303)


def _is_foreign_json() -> bool:
    """Say whether this is JSON of a program without a session: no form can send that."""
    return request.mimetype == "application/json" and sessions.secret() is None


def _declaring(access: Access) -> Callable[[View], View]:
    def mark(view: View) -> View:
        setattr(view, _ATTRIBUTE, access)
        return view

    return mark
