"""What the sandbox remembers: named sections of plain JSON, in memory and now and then on disk.

Parts keep their records in their own section and say when they changed it; nothing here knows
what a section means.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

_QUIET_S = 0.5


class SandboxState:
    """Sections by name. With a directory they survive a restart; without one they do not.

    Writes are collected: a changed section is written at most every half second, and no more
    often than a twentieth of the time writing takes, so 10,000 authorizations stay cheap.
    A killed process loses at most that last moment; ``close`` loses nothing.
    """

    def __init__(self, directory: Path | None = None, *, quiet_s: float = _QUIET_S) -> None:
        self.lock = threading.RLock()
        self._directory = directory
        self._quiet_s = quiet_s
        self._sections: dict[str, dict[str, Any]] = {}
        self._dirty: set[str] = set()
        self._wake = threading.Event()
        self._closing = False
        self._writer: threading.Thread | None = None
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
            self._writer = threading.Thread(target=self._write_on, name="state", daemon=True)
            self._writer.start()

    def section(self, name: str) -> dict[str, Any]:
        """Return the live section ``name``, read from disk the first time.

        Change it under ``lock`` and call :meth:`changed`, or use :meth:`changing`. Keys are
        strings, values whatever JSON knows.
        """
        with self.lock:
            if name not in self._sections:
                self._sections[name] = self._stored(name)
            return self._sections[name]

    def changed(self, name: str) -> None:
        """Say that section ``name`` has to be written."""
        with self.lock:
            self._dirty.add(name)
        self._wake.set()

    @contextmanager
    def changing(self, name: str) -> Iterator[dict[str, Any]]:
        """Hold the lock over a change of section ``name`` and mark it for writing."""
        with self.lock:
            yield self.section(name)
            self.changed(name)

    def flush(self) -> None:
        """Write every changed section now."""
        if self._directory is None:
            return
        with self.lock:
            waiting = {name: orjson.dumps(self._sections[name]) for name in self._dirty}
            self._dirty.clear()
            # Written under the lock: an older content must never replace a newer one.
            for name, content in waiting.items():
                write_atomically(self._directory / f"{name}.json", content)

    def close(self) -> None:
        """Write what is left and stop writing."""
        self._closing = True
        self._wake.set()
        if self._writer is not None:
            self._writer.join()
        self.flush()

    def _stored(self, name: str) -> dict[str, Any]:
        if self._directory is None:
            return {}
        path = self._directory / f"{name}.json"
        if not path.exists():
            return {}
        content: dict[str, Any] = orjson.loads(path.read_bytes())
        return content

    def _write_on(self) -> None:
        while not self._closing:
            self._wake.wait()
            self._wake.clear()
            began = time.monotonic()
            self.flush()
            pause = max(self._quiet_s, 20 * (time.monotonic() - began))
            ends = time.monotonic() + pause
            while not self._closing and time.monotonic() < ends:
                time.sleep(min(0.1, pause))


def write_atomically(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Replace ``path`` by ``content`` so that a reader sees the old or the new file, never half.

    The file is readable by its owner only unless ``mode`` says otherwise.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    beside.replace(path)
