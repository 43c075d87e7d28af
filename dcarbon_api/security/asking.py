"""Who asks: a browser for a page, or a program for JSON."""

from __future__ import annotations

from flask import request

_OFFERED = ("application/problem+json", "application/json", "text/html")


def prefers_page() -> bool:
    """Say whether a browser asks, rather than a program. htmx asks for parts of pages."""
    if "HX-Request" in request.headers:
        return True
    return request.accept_mimetypes.best_match(_OFFERED) == "text/html"
