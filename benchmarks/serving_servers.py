"""The production server as a process of its own, and what it and the database use of the machine.

Only Linux: processor time and memory are read from ``/proc``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from dcarbon.cli.stack import PROJECT, free_port

_PROCESSES = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
_START_LIMIT_S = 120.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running granian."""

    port: int
    pid: int

    def cpu_s(self) -> float:
        """Return the processor time of the server and its workers so far, in seconds."""
        return sum(_cpu_s(pid) for pid in _family(self.pid))

    def peak_bytes(self) -> int:
        """Return the peak resident memory of the largest worker."""
        return max(_peak_bytes(pid) for pid in _family(self.pid) if pid != self.pid)


@contextmanager
def granian(
    application: str, environment: Mapping[str, str], *, workers: int, log: Path
) -> Iterator[Server]:
    """Serve an application as ``docs/guides/api.md`` says to; yield once all workers are up."""
    port = free_port(0)
    command = [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--factory",
        "--host", "127.0.0.1", "--port", str(port), "--workers", str(workers),
        "--blocking-threads", "1", "--no-ws", application,
    ]  # fmt: skip
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command, env={**os.environ, **environment}, cwd=PROJECT, stdout=stream, stderr=stream
        )
        try:
            _wait_for(process, port, workers, log)
            yield Server(port, process.pid)
        finally:
            process.terminate()
            process.wait()


def database_cpu_s(postmaster: int) -> float:
    """Return the processor time of the database's living processes so far, in seconds."""
    return sum(_cpu_s(pid) for pid in _family(postmaster))


def database_read_bytes(postmaster: int) -> int:
    """Return how much the database's living processes have had fetched from the disk so far."""
    files = [_PROCESSES / str(pid) / "io" for pid in _family(postmaster)]
    lines = [line for file in files for line in file.read_text(encoding="ascii").splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("read_bytes:"))


def load() -> float:
    """Return how many processes wanted to run, on average over the last minute."""
    return os.getloadavg()[0]


def _wait_for(process: subprocess.Popen[bytes], port: int, workers: int, log: Path) -> None:
    deadline = time.monotonic() + _START_LIMIT_S
    while time.monotonic() < deadline and process.poll() is None:
        if log.read_bytes().count(b"Started worker") >= workers:
            answer = httpx2.get(f"http://127.0.0.1:{port}/readyz", trust_env=False)
            if answer.is_success:
                return
        time.sleep(0.2)
    raise SystemExit(log.read_text(errors="replace")[-2_000:])


def _family(parent: int) -> list[int]:
    """Return a process and its children."""
    everybody = [int(entry.name) for entry in _PROCESSES.iterdir() if entry.name.isdecimal()]
    return [pid for pid in everybody if pid == parent or _stat(pid)[1:2] == [str(parent)]]


def _cpu_s(pid: int) -> float:
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / _TICKS if fields else 0.0


def _stat(pid: int) -> list[str]:
    """Return the fields after the name, from the state on; none when it has ended."""
    try:
        content = (_PROCESSES / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return content.rpartition(")")[2].split()


def _peak_bytes(pid: int) -> int:
    for line in (_PROCESSES / str(pid) / "status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise LookupError(pid)
