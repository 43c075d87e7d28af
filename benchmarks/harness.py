"""What every benchmark shares: fair timing, memory of a fresh process, and the closing report.

A benchmark is run as ``python -m benchmarks.NAME``. Its last line is one JSON object, so that a
figure can be read by a program; everything before it is for people.
"""

from __future__ import annotations

import gc
import json
import multiprocessing
import multiprocessing.connection
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

_LAUNCHER = """
import json, os, subprocess, sys, time
began = time.perf_counter()
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(child.pid, 0)
print(json.dumps([time.perf_counter() - began, usage.ru_maxrss * 1024, status]))
"""

MEGABYTE = 1_000_000
_LARGE_REQUEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Usage:
    """What a piece of work cost in a process of its own."""

    seconds: float
    over_rest: int
    """Peak resident bytes above the process as it rested before the work; for a command line,
    which has no resting point, the whole peak."""
    peak: int
    """Peak resident bytes of the whole process."""
    outcome: str
    """``str()`` of what the work returned, ``Type: text`` of what it raised, or how it ended."""
    finished: bool = True
    """False when it was stopped at the time limit or died."""


def interleaved(funcs: Mapping[str, Callable[[], object]], rounds: int = 5) -> dict[str, float]:
    """Time every function once a round, after one untimed call each; return median seconds.

    Rivals share each round, so that a slow minute of the machine slows all of them alike. Each
    pays for tidying up what it freed: the C library puts that off until the next large request,
    which would otherwise be charged to whoever comes next.
    """
    for function in funcs.values():
        function()
    times: dict[str, list[float]] = {name: [] for name in funcs}
    for _ in range(rounds):
        for name, function in funcs.items():
            gc.collect()
            began = time.perf_counter()
            function()
            bytearray(_LARGE_REQUEST)
            times[name].append(time.perf_counter() - began)
    return {name: statistics.median(values) for name, values in times.items()}


def peak_memory(
    work: Sequence[str] | Callable[[], object],
    *,
    warm_up: Callable[[], object] | None = None,
    limit_s: float = 600.0,
) -> Usage:
    """Run ``work`` in a fresh process and say what it cost.

    A callable must be importable by name (a module-level function or a ``functools.partial`` of
    one); ``warm_up`` runs before it, unmeasured, so that imports and pools count as resting size.
    A command line is measured whole. Linux only: it reads ``/proc``.
    """
    if callable(work):
        return _measure_callable(work, warm_up, limit_s)
    return _measure_command(work, limit_s)


def report(
    name: str,
    figures: Mapping[str, object],
    goal: str,
    holds: bool,  # noqa: FBT001 — the last of four plain words, none of them swappable with it
) -> None:
    """Print the figures as a table, then as the last line the whole result as one JSON object."""
    table = Table(title=name, show_header=False)
    for label, value in figures.items():
        table.add_row(label, _shown(value))
    table.add_row("goal", goal)
    table.add_row("holds", "yes" if holds else "NO")
    show(table)
    line = {"name": name, "figures": dict(figures), "goal": goal, "holds": holds}
    print(json.dumps(line, default=str), flush=True)


def show(table: Table) -> None:
    """Print a rich table, as wide as it needs to be when the output is not a terminal."""
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(table)


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)


def _measure_command(argv: Sequence[str], limit_s: float) -> Usage:
    # A child starts with its parent's peak as its own (ru_maxrss survives exec), so a small
    # process stands between this one and the command.
    launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, *argv]
    try:
        done = subprocess.run(launcher, stdout=subprocess.PIPE, timeout=limit_s, check=True)
    except subprocess.TimeoutExpired:
        return Usage(limit_s, 0, 0, "stopped at the time limit", finished=False)
    seconds, peak, status = json.loads(done.stdout)
    code = os.waitstatus_to_exitcode(status)
    return Usage(seconds, peak, peak, f"exit status {code}", finished=code >= 0)


def _measure_callable(
    work: Callable[[], object], warm_up: Callable[[], object] | None, limit_s: float
) -> Usage:
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_measured, args=(sender, work, warm_up))
    process.start()
    sender.close()
    try:
        if not receiver.poll(limit_s):
            return Usage(limit_s, 0, 0, "stopped at the time limit", finished=False)
        answer: Usage = receiver.recv()
    except EOFError:
        process.join()
        return Usage(0.0, 0, 0, f"died with exit status {process.exitcode}", finished=False)
    else:
        return answer
    finally:
        process.kill()
        process.join()


def _measured(
    sender: multiprocessing.connection.Connection,
    work: Callable[[], object],
    warm_up: Callable[[], object] | None,
) -> None:
    if warm_up is not None:
        warm_up()
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # resets the peak counter
    resting = _status_bytes("VmRSS")
    began = time.perf_counter()
    try:
        outcome = str(work())
    except Exception as error:  # noqa: BLE001 — whatever it raised is the result being measured
        outcome = f"{type(error).__name__}: {error}"
    seconds = time.perf_counter() - began
    peak = _status_bytes("VmHWM")
    sender.send(Usage(seconds, max(0, peak - resting), peak, outcome[:500]))


def _status_bytes(field: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(field)
