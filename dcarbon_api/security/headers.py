"""Headers every answer carries: what a browser may do with it, and who may keep it."""

from __future__ import annotations

import secrets

from flask import Response, g, request

from dcarbon_api.context import current_runtime

_YEAR_S = 31_536_000
_DENIED = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


def nonce() -> str:
    """Return this request's nonce, for the few scripts a page has of its own."""
    if "nonce" not in g:
        g.nonce = secrets.token_urlsafe(16)
    return str(g.nonce)


def add(response: Response) -> Response:
    """Add the headers after each request; what a view set itself stays."""
    headers = response.headers
    headers["Content-Security-Policy"] = _policy()
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["Permissions-Policy"] = _DENIED
    headers.setdefault("Referrer-Policy", "same-origin")
    if current_runtime().settings.public_url.startswith("https://"):
        headers["Strict-Transport-Security"] = f"max-age={_YEAR_S}; includeSubDomains"
    headers["Cache-Control"] = _caching()
    return response


def _policy() -> str:
    return (
        f"default-src 'none'; script-src 'self' 'nonce-{nonce()}'; style-src 'self'; "
        "img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    )


def _caching() -> str:
    if request.endpoint != "static":
        return "no-store"
    # The address of an asset holds the hash of its bytes, so it never means anything else.
    return f"public, max-age={_YEAR_S}, immutable" if "v" in request.args else "no-cache"
