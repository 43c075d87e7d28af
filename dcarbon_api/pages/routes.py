"""Pages anybody may see: what this is, and the API's description for people and programs."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, Response, current_app, make_response, render_template
from markupsafe import Markup, escape

from dcarbon_api import openapi
from dcarbon_api.context import current_runtime
from dcarbon_api.json_answers import encoded, raw
from dcarbon_api.pages import api_reference
from dcarbon_api.security.access import public

bp = Blueprint("pages", __name__)

_DESCRIPTION = "dcarbon_openapi"


_CODE = re.compile(r"`([^`]+)`")


@bp.app_template_filter()
def code_marks(text: str) -> Markup:
    """Set what stands between backticks as code, everything else as plain text."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 — escaped first


@bp.get("/")
@public
def home() -> Response:
    """Say what this is and where to go."""
    utilities = current_runtime().providers.green_button()
    return make_response(render_template("pages/home.html", utilities=utilities))


@bp.get("/docs")
@public
def docs() -> Response:
    """Show the API's description to people."""
    reference = api_reference.of(_document())
    return make_response(render_template("pages/docs.html", reference=reference))


@bp.get("/openapi.json")
@public
def description() -> Response:
    """Give the API's description to programs."""
    return raw(encoded(_document()))


def _document() -> dict[str, Any]:
    """Return the description, made once per application: routes do not change after the start."""
    known: dict[str, Any] | None = current_app.extensions.get(_DESCRIPTION)
    if known is None:
        server = current_runtime().settings.public_url
        known = current_app.extensions[_DESCRIPTION] = openapi.document(current_app, server=server)
    return known
