"""Counters that several processes add to and any of them can sum (decision 0024).

A process has a file of its own, mapped into memory and locked while it lives: adding is a write to
memory, and nobody waits for anybody. Where a process has ended, the next one takes over its file
and goes on from its counts, so sums never fall and files never become more than processes.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import threading
from pathlib import Path

import numpy as np
import structlog
from numpy.typing import NDArray

_CELL_BYTES = 8
_SUFFIX = ".counts"
_MOST = 1024
"""Processes that share."""

log = structlog.get_logger(__name__)


class SharedCounts:
    """``size`` counters of 64 bits, all zero at first. Safe to use from several threads.

    Processes with the same ``layout`` in the same folder share; files of other layouts that
    nobody holds are removed. A folder that cannot be written leaves the process alone with its
    counts, which the log says.
    """

    def __init__(self, folder: Path, *, layout: str, size: int) -> None:
        self._pattern = f"{layout}.*{_SUFFIX}"
        self._folder, self._size, self._lock = folder, size, threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _remove_left_behind(folder, layout)
            self._memory = _take(folder, layout, size * _CELL_BYTES)
            self._is_shared = True
        except OSError as error:
            log.warning("metrics_not_shared", error=type(error).__name__)
            self._memory = mmap.mmap(-1, size * _CELL_BYTES)
            self._is_shared = False
        self._cells = memoryview(self._memory).cast("Q")

    def add(self, *amounts: tuple[int, int]) -> None:
        """Add to cells: ``(cell, amount)``, together."""
        with self._lock:
            for cell, amount in amounts:
                self._cells[cell] += amount

    def sums(self) -> NDArray[np.uint64]:
        """Return every counter summed over all processes that share, those that ended too."""
        if not self._is_shared:
            return np.frombuffer(self._memory, dtype=np.uint64).copy()
        total = np.zeros(self._size, dtype=np.uint64)
        for path in self._folder.glob(self._pattern):
            content = path.read_bytes()
            if len(content) == self._size * _CELL_BYTES:
                total += np.frombuffer(content, dtype=np.uint64)
        return total


def _take(folder: Path, layout: str, length: int) -> mmap.mmap:
    """Return the memory of the first file that no living process has."""
    for place in range(_MOST):
        path = folder / f"{layout}.{place}{_SUFFIX}"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if not _is_mine(descriptor):
                continue
            # A hole would end the process when the disk is full and somebody writes to it.
            os.posix_fallocate(descriptor, 0, length)
            # The mapping keeps the file open, and with it the lock, until the process ends.
            return mmap.mmap(descriptor, length)
        finally:
            os.close(descriptor)
    raise OSError("every file has a process")


def _is_mine(descriptor: int) -> bool:
    """Lock a file; one that is removed meanwhile is nobody's."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return os.fstat(descriptor).st_nlink > 0


def _remove_left_behind(folder: Path, layout: str) -> None:
    for path in folder.glob(f"*{_SUFFIX}"):
        if path.name.startswith(f"{layout}."):
            continue
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            path.unlink(missing_ok=True)
