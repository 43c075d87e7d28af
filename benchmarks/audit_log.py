"""The audit log under load: chained appends from several processes, and the proof of a long log.

Run as ``python -m benchmarks.audit_log``; ``SIZE=100000`` for fewer than a million entries,
``SECONDS`` for how long each number of processes appends. An append is a transaction of its own
with one entry, through the product's service, on a server that waits for the disk at each commit.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Barrier
from pathlib import Path
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import sessionmaker

from benchmarks.harness import MEGABYTE, peak_memory, report
from dcarbon.db import audit_chain, embedded, migrate, privileges
from dcarbon.db import engine as database
from dcarbon.db.engine import Sessions
from dcarbon.domain import audit_proof
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.services import audit, audit_export
from dcarbon.services.actors import SYSTEM, Actor

SIZE = "1000000"
SECONDS = "10"
PROCESSES = (1, 2, 4, 8, 16)
AT_ONCE = 1_000
LEAST = 2_000
GOAL = (
    f"at least {LEAST:,} appends/s, chained, each committed; the log proven in the database and out"
)
_FIRST = datetime(2026, 1, 1, tzinfo=UTC)
_SIZE_ON_DISK = "select pg_total_relation_size('audit_entries'), pg_relation_size('audit_entries')"


def main() -> None:
    """Fill the log, prove it, prove its export, and append to it from more and more processes."""
    size, seconds = int(os.environ.get("SIZE", SIZE)), float(os.environ.get("SECONDS", SECONDS))
    with (
        tempfile.TemporaryDirectory(prefix="dcarbon-audit-") as name,
        embedded.server(Path(name)) as urls,
    ):
        owner = database.create(urls[embedded.PRODUCT_DATABASE])
        migrate.upgrade(owner)
        url = privileges.as_app(urls[embedded.PRODUCT_DATABASE], owner)
        owner.dispose()
        figures = {**_appends(url, seconds, "when new"), **_long_log(url, size, Path(name))}
        figures |= _appends(url, seconds, f"at {size:,} entries")
    best = max(rate for label, rate in figures.items() if "processes" in label)
    report("audit_log", figures | {"load": os.getloadavg()[0]}, GOAL, best >= LEAST)


def _long_log(url: str, size: int, place: Path) -> dict[str, float]:
    engine = database.create(url)
    sessions = database.sessions(engine)
    began = time.perf_counter()
    _fill(sessions, size)
    filled = time.perf_counter() - began
    with sessions() as session:
        began = time.perf_counter()
        verdict = audit_chain.prove(session)
        proven = time.perf_counter() - began
        disk = session.execute(text(_SIZE_ON_DISK)).one()
        export = place / "export.jsonl"
        began = time.perf_counter()
        with export.open("wb") as file:
            file.writelines(audit_export.lines(session))
        exported = time.perf_counter() - began
    assert not verdict.findings, verdict
    assert verdict.entries >= size, verdict
    engine.dispose()
    outside = _outside(export, audit_proof.Head(verdict.last, verdict.last_hash))
    return {
        "entries": verdict.entries,
        f"appends/s, {AT_ONCE} in a transaction": size / filled,
        "proving in the database, s": proven,
        "entries/s": verdict.entries / proven,
        "exporting, s": exported,
        "export, MB": export.stat().st_size / MEGABYTE,
        "table and indexes, bytes per entry": disk[0] / verdict.entries,
        "table, bytes per entry": disk[1] / verdict.entries,
        **outside,
    }


def _outside(export: Path, head: audit_proof.Head) -> dict[str, float]:
    """Prove the export by the program that is given away, then again with one letter changed."""
    program = export.with_name("verify.py")
    program.write_bytes(Path(audit_proof.__file__).read_bytes())
    command = [sys.executable, "-I", str(program), str(export)]
    usage = peak_memory([*command, "--head", f"{head.seq}:{head.hash}"])
    assert usage.finished, usage
    content = bytearray(export.read_bytes())
    middle = content.index(b'"event":"', len(content) // 2) + len(b'"event":"')
    content[middle] ^= 1
    export.write_bytes(content)
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 1, told
    assert "was edited" in told.stdout, told
    return {
        "stand-alone verifier, s": usage.seconds,
        "stand-alone verifier, MB": usage.peak / MEGABYTE,
    }


def _fill(sessions: Sessions, size: int) -> None:
    for begin in range(0, size, AT_ONCE):
        with sessions.begin() as session:
            some = range(begin, min(begin + AT_ONCE, size))
            audit.append(session, [_entry(number) for number in some])


def _entry(number: int) -> audit_chain.NewEntry:
    return audit.entry(
        AuditEvent.INTERVAL_DATA_IMPORTED,
        actor=Actor(UUID(int=number % 500), ip="192.0.2.7") if number % 3 else SYSTEM,
        at=_FIRST + timedelta(seconds=number),
        facility_id=UUID(int=number % 10_000),
        authorization_id=UUID(int=number % 10_000),
        start="2026-01-01T00:00:00+00:00",
        end="2026-01-02T00:00:00+00:00",
        readings=192,
        new=96,
        restated=0,
        meters=2,
    )


def _appends(url: str, seconds: float, when: str) -> Mapping[str, float]:
    rates = {}
    for count in PROCESSES:
        rates[f"appends/s, {count} processes, {when}"] = _rate(url, count, seconds)
    rates[f"lock held until the disk has it, 8 processes, {when}"] = _rate(
        url, 8, seconds, waits_inside=True
    )
    return rates


def _rate(url: str, count: int, seconds: float, *, waits_inside: bool = False) -> float:
    context = multiprocessing.get_context("spawn")
    barrier, done = context.Barrier(count + 1), context.SimpleQueue()
    hands = [
        context.Process(target=_append, args=(url, seconds, barrier, done, waits_inside))
        for _ in range(count)
    ]
    for hand in hands:
        hand.start()
    barrier.wait()
    began = time.perf_counter()
    total: int = sum(done.get() for _ in hands)
    elapsed = time.perf_counter() - began
    for hand in hands:
        hand.join()
    return total / elapsed


def _append(url: str, seconds: float, barrier: Barrier, done, waits_inside: bool) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001, FBT001 — how a process is given them
    engine = database.create(url, pool_size=1)
    # A factory that nobody watches commits the usual way: the lock goes when the disk has it.
    sessions = sessionmaker(engine) if waits_inside else database.sessions(engine)
    number = os.getpid()
    _one(sessions, number)
    barrier.wait()
    count, until = 0, time.perf_counter() + seconds
    while time.perf_counter() < until:
        _one(sessions, number + count)
        count += 1
    done.put(count)
    engine.dispose()


def _one(sessions: Sessions, number: int) -> None:
    with sessions.begin() as session:
        audit.append(session, [_entry(number)])


if __name__ == "__main__":
    main()
