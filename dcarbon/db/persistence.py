"""Writing down what cannot be had a second time: the database may be away, the answer may not."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from dcarbon.db.engine import Sessions

T = TypeVar("T")

LONGEST_S = 900.0
PAUSE_S = 0.1


def insist(sessions: Sessions, write: Callable[[Session], T], *, limit_s: float = LONGEST_S) -> T:
    """Run ``write`` in a transaction, again for as long as the database is out of reach.

    It may be run twice with effect, when the connection ends during a commit: it has to be safe to
    repeat. After ``limit_s`` seconds the last error is raised.
    """
    deadline = time.monotonic() + limit_s
    while True:
        try:
            with sessions.begin() as session:
                return write(session)
        except (InterfaceError, OperationalError):
            if time.monotonic() > deadline:
                raise
            time.sleep(PAUSE_S)
