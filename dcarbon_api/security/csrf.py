"""Changes a browser asks for must come from a page of ours: a token per browser, and where it says
so, the browser's own word (Fetch Metadata).

Tokens are Flask-WTF's: random, kept in Flask's signed cookie, sent back by each form in
``csrf_token`` and by htmx in the header ``X-CSRFToken``. A sign-in makes a new one. Requests with
an API token need none: browsers never add those by themselves.
"""

from __future__ import annotations

from flask import Flask, request
from flask_wtf.csrf import CSRFError, CSRFProtect

from dcarbon.domain.errors import DCarbonError

_protection = CSRFProtect()
_CHANGES_NOTHING = frozenset({"GET", "HEAD", "OPTIONS"})
_OURS = frozenset({"same-origin", "none"})


class FormRefused(DCarbonError):
    """The person clicking acts: the form is too old, or did not come from a page of ours."""

    is_ours = False
    code = "form_refused"


def configure(app: Flask) -> None:
    """Let Flask-WTF make tokens; when they are needed is decided with the access."""
    app.config.update(
        WTF_CSRF_CHECK_DEFAULT=False,
        # As long as the browser's cookie: a page may stay open over lunch.
        WTF_CSRF_TIME_LIMIT=None,
        # Some pages send no referrer on purpose; require() asks the browser in another way.
        WTF_CSRF_SSL_STRICT=False,
    )
    _protection.init_app(app)


def require() -> None:
    """Refuse a change that a page of ours did not ask for. Raises :class:`FormRefused`."""
    if request.method in _CHANGES_NOTHING:
        return
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in _OURS:
        raise FormRefused("request of another site")
    try:
        _protection.protect()
    except CSRFError as error:
        raise FormRefused("form token refused") from error
