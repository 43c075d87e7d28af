"""Every route says who may use it; a route that does not say so stops the start.

The declaration is data on the view and is enforced in one place before any view runs, so neither
the order of decorators nor a forgotten call can open a route.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from flask import Flask, current_app, g, request

from dcarbon.domain.errors import DCarbonError
from dcarbon.services import api_tokens
from dcarbon_api.security import bearer

View = TypeVar("View", bound=Callable[..., Any])

_ATTRIBUTE = "dcarbon_access"


@dataclass(frozen=True, slots=True)
class Access:
    """What a route asks for: a scope, or nothing at all (``None``)."""

    scope: str | None


class AccessUndeclared(DCarbonError):
    """A developer acts: a route does not say who may use it."""

    code = "access_undeclared"


def requires(scope: str) -> Callable[[View], View]:
    """Declare that a route needs this scope (``read`` or ``write``)."""
    if scope not in api_tokens.SCOPES:
        raise AccessUndeclared(f"there is no scope {scope}")
    return _declaring(Access(scope))


def public(view: View) -> View:
    """Declare that anybody may use a route."""
    return _declaring(Access(None))(view)


def declared(view: Callable[..., Any]) -> Access | None:
    """Return what a view declares, ``None`` when it declares nothing."""
    return cast("Access | None", getattr(view, _ATTRIBUTE, None))


def require_declarations(app: Flask) -> None:
    """Raise :class:`AccessUndeclared` naming every route without a declaration."""
    silent = sorted(name for name, view in app.view_functions.items() if declared(view) is None)
    if silent:
        raise AccessUndeclared(f"routes that declare no access: {', '.join(silent)}")


def enforce() -> None:
    """Before each request: refuse it, or note who asks. Unknown routes are left to their error."""
    if request.endpoint is None:
        return
    access = declared(current_app.view_functions[request.endpoint])
    if access is None:
        raise AccessUndeclared(f"{request.endpoint} was added after the start")
    if access.scope is not None:
        g.actor = bearer.authenticated(access.scope)


def _declaring(access: Access) -> Callable[[View], View]:
    def mark(view: View) -> View:
        setattr(view, _ATTRIBUTE, access)
        return view

    return mark
