"""The cookie that ties an attempt to authorise to the browser it was started in.

Only a browser on our own pages gets one. A program that starts an attempt for somebody else's
browser has none, and then the single-use state alone decides.
"""

from __future__ import annotations

import secrets

from flask import Response, request

from dcarbon_api.context import current_runtime

_LONGEST = 128
_GOOD_FOR_S = 3600


def cookie_name() -> str:
    """Return the cookie's name: with ``__Host-`` wherever the browser reaches us by HTTPS."""
    return "__Host-dcarbon-browser" if _https() else "dcarbon-browser"


def known_browser() -> str | None:
    """Return the value this browser was given, if it was."""
    value = request.cookies.get(cookie_name())
    return value if value and len(value) <= _LONGEST else None


def starting_browser() -> str | None:
    """Return the value to tie a new attempt to: the known one, or a new one for our own pages."""
    if request.headers.get("Sec-Fetch-Site") != "same-origin":
        return None
    return known_browser() or secrets.token_urlsafe(32)


def remember(response: Response, browser: str | None) -> Response:
    """Give the browser its value. Lax, because the utility returns by top-level navigation."""
    if browser is not None:
        response.set_cookie(
            cookie_name(),
            browser,
            max_age=_GOOD_FOR_S,
            secure=_https(),
            httponly=True,
            samesite="Lax",
            path="/",
        )
    return response


def _https() -> bool:
    return current_runtime().settings.public_url.startswith("https://")
