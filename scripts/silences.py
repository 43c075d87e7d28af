"""Record how long a command is silent: silences.py [--terminal] [--limit S] COMMAND...

Shows the longest silences with what was written before each, and ends with status 1 when one was
longer than the limit (5 s). ``--terminal`` gives the command a terminal, else it writes to a pipe.
``--until WORDS`` sends Ctrl-C once these were written: for what runs until it is told to stop.
"""

from __future__ import annotations

import argparse
import os
import re
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field

_SHOWN = 5
_KEPT = 4_000
_CHUNK = 1 << 16
_CODES = re.compile(rb"\x1b(\[[0-9;?]*[A-Za-z]|[78])|[\x00-\x08\x0b-\x1f]")


@dataclass
class Record:
    """Silences in seconds, each with the last words before it."""

    silences: list[tuple[float, str]] = field(default_factory=list)
    status: int = 0

    @property
    def longest(self) -> float:
        return max((length for length, _ in self.silences), default=0.0)


def record(command: list[str], *, terminal: bool, until: str | None = None) -> Record:
    """Run the command to its end and return its silences, the start and the end included."""
    read, written = os.openpty() if terminal else os.pipe()
    process = subprocess.Popen(  # noqa: S603 — what whoever calls this names
        command, stdin=subprocess.DEVNULL, stdout=written, stderr=written, start_new_session=True
    )
    os.close(written)
    found, last, tail = Record(), time.monotonic(), b""
    while True:
        if select.select([read], [], [], 0.2)[0]:
            chunk = _read(read)
            now = time.monotonic()
            found.silences.append((now - last, _words(tail)))
            last, tail = now, (tail + chunk)[-_KEPT:]
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
            if not chunk:
                break
            if until and until.encode() in tail:
                until = None
                process.send_signal(signal.SIGINT)
        elif process.poll() is not None:
            found.silences.append((time.monotonic() - last, _words(tail)))
            break
    os.close(read)
    found.status = process.wait()
    return found


def _read(source: int) -> bytes:
    try:
        return os.read(source, _CHUNK)
    except OSError:  # a terminal whose other end is closed
        return b""


def _words(tail: bytes) -> str:
    """Return the last line that was written, without what steers a terminal."""
    lines = _CODES.sub(b"", tail.replace(b"\r", b"\n")).decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "(the start)")


def _main() -> int:
    parser = argparse.ArgumentParser(description="Record how long a command is silent.")
    parser.add_argument("--terminal", action="store_true")
    parser.add_argument("--until", help="send Ctrl-C once this was written")
    parser.add_argument("--limit", type=float, default=5.0, metavar="S")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    chosen = parser.parse_args()
    began = time.monotonic()
    found = record(chosen.command, terminal=chosen.terminal, until=chosen.until)
    where = "on a terminal" if chosen.terminal else "piped"
    print(f"\n{' '.join(chosen.command)} ({where}): {time.monotonic() - began:.0f} s,", end=" ")  # noqa: T201
    print(f"status {found.status}, the longest silence {found.longest:.1f} s")  # noqa: T201
    for length, words in sorted(found.silences, reverse=True)[:_SHOWN]:
        print(f"  {length:5.1f} s after: {words[:100]}")  # noqa: T201
    return 1 if found.longest > chosen.limit else 0


if __name__ == "__main__":
    sys.exit(_main())
