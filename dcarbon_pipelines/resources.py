"""What assets, checks and sensors are given: the product's runtime, opened once per process.

Assets ask for ``dg.ResourceParam[Runtime]``, so a test may put an open runtime in its place.
"""

from __future__ import annotations

import atexit
import os
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field

import dagster as dg

from dcarbon import settings
from dcarbon.services.runtime import Runtime, open_runtime


@dataclass(slots=True)
class _Process:
    """The runtime of this process. A forked worker opens its own: connections cannot be shared."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    pid: int | None = None
    runtime: Runtime | None = None

    def open(self) -> Runtime:
        with self.lock:
            if self.runtime is None or self.pid != os.getpid():
                stack = ExitStack()
                self.runtime = stack.enter_context(open_runtime(settings.load()))
                self.pid = os.getpid()
                atexit.register(stack.close)
            return self.runtime


_PROCESS = _Process()


class RuntimeResource(dg.ConfigurableResource[Runtime]):
    """Opens the runtime from the settings of the environment when it is first needed.

    It stays open for the life of the process: a run has a process of its own, and the sensors' code
    server would otherwise open and close a connection pool every few seconds.
    """

    def create_resource(self, context: dg.InitResourceContext) -> Runtime:
        """Return the open runtime. Raises :class:`SettingsInvalid` naming what is missing."""
        del context
        return _PROCESS.open()
