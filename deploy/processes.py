"""Processes that live on when the one that started them ends: started, found again, stopped.

Each leaves a file that says which process it is. Numbers of processes are given out again, so the
file holds the moment of its start, too. Only Linux: that moment is read from ``/proc``.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

_PAUSE_S = 0.1
_LISTENING = "0A"
"""A state in ``/proc/net/tcp``."""
_STATE, _STARTED = 0, 19
"""Fields of ``/proc/PID/stat`` behind the name, which may hold anything: proc(5), less three."""


class NotStarted(Exception):
    """A process did not come up; the text says which, and how its log ends."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process that was started. ``ticks`` is when, since the machine was: kernel ticks."""

    name: str
    pid: int
    ticks: int
    log_from: int = 0
    """Where in its log it began."""

    @property
    def is_alive(self) -> bool:
        return _ticks(self.pid) == self.ticks

    @property
    def is_gone(self) -> bool:
        """Say whether it and all it started have ended; somebody else may have its number."""
        now = _ticks(self.pid)
        return now != self.ticks and (now is not None or not session_of(self.pid))

    def signal(self, number: int) -> None:
        """Signal the process. A kill goes to all it started too: they are one session."""
        now = _ticks(self.pid)
        if now is not None and now != self.ticks:
            return  # somebody else has the number by now
        with suppress(ProcessLookupError):
            if number == signal.SIGKILL:
                os.killpg(self.pid, number)
            else:
                os.kill(self.pid, number)

    def memory_bytes(self) -> int:
        """Return the memory of the process and all it started, what they share counted once."""
        return sum(_proportional(pid) for pid in session_of(self.pid))


@dataclass(frozen=True, slots=True)
class Processes:
    """The processes of one installation, and where they write."""

    home: Path

    def find(self, name: str) -> Process | None:
        """Return the process of that name as it was started last, be it alive or not."""
        with suppress(FileNotFoundError, ValueError, TypeError):
            return Process(**json.loads(self._file(name).read_text(encoding="utf-8")))
        return None

    def is_alive(self, name: str) -> bool:
        process = self.find(name)
        return process is not None and process.is_alive

    def log(self, name: str) -> Path:
        return self.home / "logs" / f"{name}.log"

    def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        directory: Path,
    ) -> Process:
        """Start a process unless it runs; what it says is added to its log."""
        found = self.find(name)
        if found is not None and found.is_alive:
            return found
        for path in (self.log(name), self._file(name)):
            path.parent.mkdir(parents=True, exist_ok=True)
        with self.log(name).open("ab") as stream:
            log_from = stream.tell()
            started = subprocess.Popen(  # noqa: S603 — our own programs
                command,
                env=dict(environment),
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_listen,  # noqa: PLW1509 — one thread here
            )
        started.returncode = 0  # it lives on: nobody here waits for it
        process = Process(name, started.pid, _ticks(started.pid) or 0, log_from)
        beside = self._file(name).with_suffix(".new")
        beside.write_text(json.dumps(asdict(process)), encoding="utf-8")
        beside.replace(self._file(name))
        return process

    def wait(self, name: str, ready: Callable[[], bool], *, limit_s: float) -> None:
        """Wait until a part answers. Raises :class:`NotStarted` when it ends or takes too long."""
        deadline = time.monotonic() + limit_s
        while not ready():
            if not self.is_alive(name):
                raise NotStarted(f"{name} ended by itself.\n{self.end_of_log(name)}")
            if time.monotonic() > deadline:
                raise NotStarted(f"{name} does not answer.\n{self.end_of_log(name)}")
            time.sleep(_PAUSE_S)

    def signal(self, name: str, number: int) -> None:
        process = self.find(name)
        if process is not None:
            process.signal(number)

    def bury(self, name: str, *, patience_s: float) -> bool:
        """Wait until a process that was told to has ended, and end it when it does not.

        Return whether it did by itself.
        """
        process = self.find(name)
        if process is None:
            return True
        deadline = time.monotonic() + patience_s
        while process.is_alive and time.monotonic() < deadline:
            time.sleep(_PAUSE_S)
        by_itself = not process.is_alive
        process.signal(signal.SIGKILL)  # and what it left behind
        while not process.is_gone:
            time.sleep(_PAUSE_S)
        self._file(name).unlink(missing_ok=True)
        return by_itself

    def has_said(self, name: str, *, words: str) -> bool:
        """Say whether a process has written these words since it was started."""
        process = self.find(name)
        if process is None:
            return False
        with self.log(name).open("rb") as stream:
            stream.seek(process.log_from)
            return words.encode() in stream.read()

    def listens(self, name: str, *, port: int) -> bool:
        """Say whether a process, or one it started, listens at a port, and nobody else does."""
        process = self.find(name)
        if process is None:
            return False
        sockets = _listening(port)
        return any(sockets & _sockets(pid) for pid in session_of(process.pid))

    def end_of_log(self, name: str, lines: int = 15) -> str:
        path = self.log(name)
        if not path.exists():
            return ""
        return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])

    def _file(self, name: str) -> Path:
        return self.home / "processes" / f"{name}.json"


def session_of(pid: int) -> list[int]:
    """Return the living processes of the session that ``pid`` began."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            fields = _fields(int(entry.name))
            if fields is not None and fields[3] == str(pid) and fields[_STATE] not in "ZX":
                found.append(int(entry.name))
    return found


def _listening(port: int) -> set[str]:
    """Return the sockets that listen at a port, by the names under which processes hold them."""
    found = set()
    for table in ("tcp", "tcp6"):  # a server of IPv4 may stand in either
        path = Path("/proc/net") / table
        for line in path.read_text(encoding="ascii").splitlines()[1:] if path.exists() else ():
            fields = line.split()
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(f"socket:[{fields[9]}]")
    return found


def _sockets(pid: int) -> set[str]:
    with suppress(OSError):
        return {_held(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()}
    return set()


def _held(entry: Path) -> str:
    with suppress(OSError):  # closed meanwhile
        return str(entry.readlink())
    return ""


def _ticks(pid: int) -> int | None:
    """Return when a process started, ``None`` when there is none or it only waits to be buried."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # ours may be dead and not collected
    fields = _fields(pid)
    return None if fields is None or fields[_STATE] in "ZX" else int(fields[_STARTED])


def _fields(pid: int) -> list[str] | None:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return None


def _proportional(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _listen() -> None:
    """Undo ignored signals inherited from who started us: parts stop on them."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
