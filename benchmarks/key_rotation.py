"""Changing the sealing key with many grants stored, while a process goes on opening them.

Run as ``python -m benchmarks.key_rotation``; ``SIZE=1000`` for fewer grants. Everything goes
through the product's services; the half minute in which other processes follow is left out.
"""

from __future__ import annotations

import os
import secrets
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from benchmarks.harness import report
from dcarbon import settings
from dcarbon.db import embedded, migrate, sealing
from dcarbon.db import engine as database
from dcarbon.db.authorizations import Authorization, shard_of
from dcarbon.db.base import new_id
from dcarbon.db.facilities import Facility
from dcarbon.db.sealing import KeyRing
from dcarbon.domain.errors import SealBroken
from dcarbon.domain.secrets import Secret
from dcarbon.providers.green_button.token_response import TokenSet
from dcarbon.services import grants, key_rotation
from dcarbon.services.actors import SYSTEM
from dcarbon.services.runtime import Runtime, open_runtime

SIZE = "10000"
_TOKEN_BYTES = 600
"""As long as tokens that carry claims are."""
GOAL = "every grant sealed anew, none ever unreadable, no reader waits for more than a second"
_MOST_WAIT_S = 1.0


def main() -> None:
    """Store grants, change the key, and time both sides."""
    size = int(os.environ.get("SIZE", SIZE))
    with (
        tempfile.TemporaryDirectory(prefix="dcarbon-keys-") as name,
        embedded.server(Path(name)) as urls,
    ):
        owner = database.create(urls[embedded.PRODUCT_DATABASE])
        migrate.upgrade(owner)
        owner.dispose()
        chosen = settings.load(
            {},
            directory=Path(name),
            database_url=urls[embedded.PRODUCT_DATABASE],
            seal_keys_file=Path(name) / "seal.keys",
        )
        with open_runtime(chosen) as runtime:
            identities = _fill(runtime, size)
            started = _start_s(chosen)
            file = runtime.keys.given.file
            assert file is not None
            sealing.replace(file, KeyRing.generate().joined(sealing.load(file)))
            with _reading(runtime, identities) as readers, open_runtime(chosen) as rotating:
                began = time.perf_counter()
                done = key_rotation.rotate(rotating, actor=SYSTEM, sleep=lambda _seconds: None)
                took = time.perf_counter() - began
    figures = {
        "grants": size,
        "sealed_anew": done.resealed["grants"],
        "rotation_s": round(took, 2),
        "grants_per_s": round(size / took),
        "opened_meanwhile": len(readers.waits),
        "not_opened": readers.refused,
        "longest_open_ms": round(max(readers.waits, default=0.0) * 1000, 1),
        "start_with_keys_checked_s": round(started, 2),
        "load": os.getloadavg()[0],
    }
    is_whole = done.is_whole and done.resealed["grants"] == size and not readers.refused
    is_met = is_whole and bool(readers.waits) and max(readers.waits) < _MOST_WAIT_S
    report("key_rotation", figures, GOAL, is_met)


@dataclass
class _Readers:
    """How long each grant took to open, in seconds, and how many could not be."""

    waits: list[float] = field(default_factory=list)
    refused: int = 0


def _fill(runtime: Runtime, size: int) -> list[UUID]:
    now, identities = runtime.now(), [new_id() for _ in range(size)]
    with runtime.sessions.begin() as session:
        facility = Facility(id=new_id(), name="Mill", account_kind="commercial")
        session.add(facility)
        session.flush()
        session.add_all(
            Authorization(
                id=identity,
                facility_id=facility.id,
                method="green_button",
                provider="sdge",
                utility="San Diego Gas & Electric",
                status="authorized",
                shard=shard_of(identity),
            )
            for identity in identities
        )
        session.flush()
        for identity in identities:
            token, refresh = (Secret(secrets.token_urlsafe(_TOKEN_BYTES)) for _ in range(2))
            tokens = TokenSet(token, now + timedelta(days=1), refresh_token=refresh)
            grants.store(session, runtime.keys, identity, tokens, now=now)
    return identities


def _start_s(chosen: settings.Settings) -> float:
    began = time.perf_counter()
    with open_runtime(chosen):
        return time.perf_counter() - began


@contextmanager
def _reading(runtime: Runtime, identities: list[UUID]) -> Iterator[_Readers]:
    """Open one grant after the other meanwhile, as syncs do."""
    readers = _Readers()
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            for identity in identities[:: max(1, len(identities) // 100)]:
                began = time.perf_counter()
                try:
                    grants.access_token(runtime, identity)
                except SealBroken:
                    readers.refused += 1
                readers.waits.append(time.perf_counter() - began)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield readers
    finally:
        stop.set()
        thread.join()


if __name__ == "__main__":
    main()
