"""Locks that all processes respect, for work that no transaction may span, such as a provider call.

However many a process holds, they lie on one connection: with one each, a night in which every
token has ended takes all connections of the pool for locks, and none is left to do the work with.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

_TAKE = text("select pg_try_advisory_lock(:key)")
_LEAVE = text("select pg_advisory_unlock(:key)")
_FIRST_LOOK_S, _LONGEST_LOOK_S = 0.02, 1.0
"""How soon to look again at a lock that another process holds."""


class HeldLocks:
    """A process's session-level advisory locks; safe to use from all threads.

    They end with the connection: should it break, others may take them. Whoever needs to know looks
    at what the lock protects before writing. ``close`` lets go of all.
    """

    def __init__(self, engine: Engine, *, sleep: Callable[[float], None] = time.sleep) -> None:
        """Take ``engine`` for the one connection; nothing is opened before the first lock."""
        self._engine, self._sleep = engine, sleep
        self._talking = threading.Lock()
        self._connection: Connection | None = None
        self._in_line: dict[int, tuple[threading.Lock, int]] = {}

    @contextmanager
    def hold(self, key: int) -> Iterator[None]:
        """Wait for the lock of a signed 64-bit number and hold it over the block."""
        with self._first_of_this_process(key):
            self._take(key)
            try:
                yield
            finally:
                self._leave(key)

    def close(self) -> None:
        with self._talking:
            self._drop()

    @contextmanager
    def _first_of_this_process(self, key: int) -> Iterator[None]:
        """Let one thread through: to the server all of a connection's threads are one holder."""
        with self._talking:
            lock, users = self._in_line.get(key, (threading.Lock(), 0))
            self._in_line[key] = (lock, users + 1)
        try:
            with lock:
                yield
        finally:
            with self._talking:
                lock, users = self._in_line.pop(key)
                if users > 1:
                    self._in_line[key] = (lock, users - 1)

    def _take(self, key: int) -> None:
        wait = _FIRST_LOOK_S
        while not self._is_taken(key):
            self._sleep(wait)
            wait = min(2 * wait, _LONGEST_LOOK_S)

    def _is_taken(self, key: int) -> bool:
        with self._talking:
            try:
                return self._ask(key)
            except DBAPIError as error:
                self._drop()
                if not error.connection_invalidated:
                    raise
            # The server was restarted: its locks are gone, and so is the connection.
            return self._ask(key)

    def _ask(self, key: int) -> bool:
        if self._connection is None:
            plainly = self._engine.execution_options(isolation_level="AUTOCOMMIT")
            self._connection = plainly.connect()
        return bool(self._connection.scalar(_TAKE, {"key": key}))

    def _leave(self, key: int) -> None:
        with self._talking:
            if self._connection is None:
                return
            try:
                self._connection.execute(_LEAVE, {"key": key})
            except DBAPIError:
                # A connection that broke has taken its locks with it.
                self._drop()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            # Not back to the pool: what it holds would be held for ever.
            connection.invalidate()
            connection.close()
