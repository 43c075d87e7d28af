"""Sending a person's browser to a utility after a form.

Not by a redirect: browsers apply ``form-action`` to every redirect that follows a form, and whose
login hosts a utility passes on the way is not ours to know. So the form is answered with a page
that goes on by itself and has a link; the content policy stays ``form-action 'self'``.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Response, make_response, render_template

from dcarbon.domain.errors import ContractViolation


def page(address: str, utility: str) -> Response:
    """Return the page that takes the person to ``address``. Raises :class:`ContractViolation`."""
    if urlsplit(address).scheme not in {"https", "http"}:
        raise ContractViolation("address of the utility's page is not one for browsers")
    response = make_response(
        render_template("pages/leaving.html", address=address, utility=utility)
    )
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
