"""What a request needs from its application: the runtime, and who asks."""

from __future__ import annotations

from typing import cast

from flask import current_app, g

from dcarbon.services.actors import Actor
from dcarbon.services.runtime import Runtime

EXTENSION = "dcarbon"


def current_runtime() -> Runtime:
    """Return the runtime the application was made with."""
    return cast("Runtime", current_app.extensions[EXTENSION])


def current_actor() -> Actor:
    """Return who asks. Only routes that declare a scope have one."""
    return cast("Actor", g.actor)
