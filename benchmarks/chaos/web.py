"""The web application on the shared clock, for ``granian --factory benchmarks.chaos.web:make``."""

from __future__ import annotations

from contextlib import ExitStack
from multiprocessing.util import Finalize

from flask import Flask

from benchmarks.chaos.clock import SharedClock
from dcarbon import logs, settings
from dcarbon.services.runtime import open_runtime
from dcarbon_api.app import create_app


def make() -> Flask:
    chosen = settings.load()
    logs.configure(chosen.log_level)
    stack = ExitStack()
    runtime = stack.enter_context(open_runtime(chosen, clock=SharedClock.of_environment().now))
    Finalize(None, stack.close, exitpriority=10)
    return create_app(runtime)
