"""What assets, checks and sensors are given: the product's runtime, opened once per process.

Assets ask for ``dg.ResourceParam[Runtime]``, so a test may put an open runtime in its place.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field

import dagster as dg

from dcarbon import logs, settings
from dcarbon.domain import correlation
from dcarbon.providers.limits import Urgency
from dcarbon.services.runtime import Runtime, open_runtime
from dcarbon_pipelines import run_health


def _opened() -> AbstractContextManager[Runtime]:
    chosen = settings.load()
    logs.configure_ours(chosen.log_level)
    return open_runtime(chosen, urgency=Urgency.BACKGROUND)


@dataclass(slots=True)
class ProcessRuntime:
    """One runtime for a process. A forked worker opens its own: connections cannot be shared."""

    opening: Callable[[], AbstractContextManager[Runtime]] = _opened
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _pid: int | None = None
    _runtime: Runtime | None = None
    _stack: ExitStack = field(default_factory=ExitStack)

    def open(self) -> Runtime:
        """Return the open runtime, opening it at the first call."""
        with self._lock:
            if self._runtime is None or self._pid != os.getpid():
                self._stack = ExitStack()
                self._runtime = self._stack.enter_context(self.opening())
                self._pid = os.getpid()
                atexit.register(self.close)
            return self._runtime

    def close(self) -> None:
        with self._lock:
            if self._pid == os.getpid():
                self._stack.close()
            self._runtime = None
            atexit.unregister(self.close)


_OF_THIS_PROCESS = ProcessRuntime()


class RuntimeResource(dg.ConfigurableResource[Runtime]):
    """Opens the runtime from the settings of the environment when it is first needed.

    It stays open for the life of the process: a run has a process of its own, and the sensors' code
    server would otherwise open and close a connection pool every few seconds.
    """

    def create_resource(self, context: dg.InitResourceContext) -> Runtime:
        """Return the open runtime. Raises :class:`SettingsInvalid` naming what is missing."""
        del context
        return _OF_THIS_PROCESS.open()

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Generator[Runtime]:
        """Give the runtime; while a run works with it, the database knows that it lives."""
        runtime = self.create_resource(context)
        if context.run is None:
            yield runtime
            return
        run_id = context.run.run_id
        with run_health.pulse(runtime.engine, run_id), correlation.following(run_id, run=run_id):
            yield runtime
