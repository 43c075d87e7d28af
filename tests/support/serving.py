"""The application as tests share it: its routes and templates are compiled once in a process."""

from __future__ import annotations

from flask import Flask

from dcarbon.services.runtime import Runtime
from dcarbon_api.app import create_app
from dcarbon_api.context import EXTENSION
from dcarbon_api.security import sessions

_made: list[Flask] = []


def serving(runtime: Runtime) -> Flask:
    """Return the application over ``runtime``, as :func:`create_app` does, for one test at a time.

    For the settings of integration tests. Whoever needs two applications at once, others settings
    or routes of their own makes one.
    """
    if not _made:
        _made.append(create_app(runtime))
    app = _made[0]
    app.extensions[EXTENSION] = runtime
    sessions.configure(app)
    return app
