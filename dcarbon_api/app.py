"""The web application: one factory, given everything it needs. Routes are in the areas."""

from __future__ import annotations

from flask import Flask

from dcarbon.services.runtime import Runtime
from dcarbon_api import assets, logging_setup, problems
from dcarbon_api.bodies import CappedRequest
from dcarbon_api.context import EXTENSION
from dcarbon_api.facilities.routes import bp as facilities
from dcarbon_api.green_button.routes import bp as green_button
from dcarbon_api.health.routes import bp as health
from dcarbon_api.intervals.routes import bp as intervals
from dcarbon_api.json_answers import OrjsonProvider
from dcarbon_api.meters.routes import bp as meters
from dcarbon_api.pages.routes import bp as pages
from dcarbon_api.security import access, headers, request_ids
from dcarbon_api.utilityapi.routes import bp as utilityapi

AREAS = (pages, health, green_button, utilityapi, facilities, meters, intervals)

_LARGEST_BODY = 128 * 1024
"""No JSON of ours is larger; routes that take more or less say so."""


class _App(Flask):
    json_provider_class = OrjsonProvider
    request_class = CappedRequest


def create_app(runtime: Runtime) -> Flask:
    """Return the application over an open runtime; the caller closes the runtime.

    Raises :class:`AccessUndeclared` when a route does not say who may use it.
    """
    app = _App(__name__)
    app.config["MAX_CONTENT_LENGTH"] = _LARGEST_BODY
    app.extensions[EXTENSION] = runtime
    app.url_map.strict_slashes = False
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(
        asset=assets.address,
        csp_nonce=headers.nonce,
        history_days=runtime.settings.history_days,
    )
    access.public(app.view_functions["static"])
    for area in AREAS:
        app.register_blueprint(area)
    _hook(app)
    problems.register(app)
    access.require_declarations(app)
    return app


def _hook(app: Flask) -> None:
    """Put the hooks in order: ids, log, access; after the view the log is the last to speak."""
    app.before_request(request_ids.assign)
    app.before_request(logging_setup.begin)
    app.before_request(access.enforce)
    # Flask runs these from the last to the first.
    app.after_request(logging_setup.finish)
    app.after_request(headers.add)
    app.after_request(request_ids.add)
