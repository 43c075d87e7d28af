"""What a WSGI server loads: ``granian --interface wsgi --factory dcarbon_api.wsgi:application``."""

from __future__ import annotations

from contextlib import ExitStack
from multiprocessing.util import Finalize

from flask import Flask

from dcarbon import logs, settings
from dcarbon.services.runtime import open_runtime
from dcarbon_api.app import create_app


def application() -> Flask:
    """Open the runtime from environment and file, and return the application over it.

    Called once in each worker. Raises :class:`SettingsInvalid` naming the setting.
    """
    chosen = settings.load()
    logs.configure(chosen.log_level)
    stack = ExitStack()
    runtime = stack.enter_context(open_runtime(chosen))
    # A forked worker never runs atexit functions; finalizers run there and everywhere else.
    Finalize(None, stack.close, exitpriority=10)
    return create_app(runtime)
