"""Run a command and never be silent for long: steadily.py WORDS COMMAND...

Says what begins. What the command writes goes through at once. After three seconds without any, a
line says what is under way and for how long; on a terminal it goes again when output comes. Only
the standard library and nothing of the project: it runs before anything is installed.
"""

from __future__ import annotations

import fcntl
import os
import selectors
import signal
import subprocess
import sys
import termios
import time
from contextlib import suppress

SILENT_AT_MOST_S = 3.0
_TIOCGWINSZ_BYTES = 8
_CHUNK = 1 << 16


class Screen:
    """Where the lines go: over what is shown on a terminal, or between the lines of a file."""

    def __init__(self, words: str, *, is_terminal: bool) -> None:
        self._words = words
        self._is_terminal = is_terminal
        self._is_shown = self._is_mid_line = False

    def passed(self, target: int, chunk: bytes) -> None:
        """Write what the command wrote."""
        if self._is_shown:
            # The cursor is where the command left it: what stands behind it is ours.
            _write(1, b"\x1b[K")
            self._is_shown = False
        _write(target, chunk)
        self._is_mid_line = not chunk.endswith(b"\n")

    def waited(self, seconds: float) -> None:
        """Say that the command is at work, though it writes nothing."""
        told = f"  ... still {self._words}, {seconds:.0f} s"
        if self._is_terminal:
            # Keep the cursor, do not wrap, write, and go back.
            _write(1, f"\x1b7\x1b[?7l\x1b[K{told}\x1b[?7h\x1b8".encode())
            self._is_shown = True
            return
        _write(1, f"{chr(10) if self._is_mid_line else ''}{told}\n".encode())
        self._is_mid_line = False


def run(words: str, command: list[str], *, silent_at_most_s: float = SILENT_AT_MOST_S) -> int:
    """Run the command and return its exit status as a shell would say it."""
    _write(1, f"  {words} ...\n".encode())
    pairs = {target: _channel(target) for target in (1, 2)}
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    # Were it ignored, as who started us may have it, the command could not be ended.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    process = subprocess.Popen(  # noqa: S603 — the Makefile's own commands
        command, stdout=pairs[1][1], stderr=pairs[2][1], env=environment
    )
    for _, written in pairs.values():
        os.close(written)
    # Ctrl-C reaches the command by itself; we stay for its last words.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, _frame: process.send_signal(number))
    screen = Screen(words, is_terminal=os.isatty(1))
    sources = {read: target for target, (read, _) in pairs.items()}
    _relay(process, sources, screen, silent_at_most_s)
    status = process.wait()
    return status if status >= 0 else 128 - status


def _channel(target: int) -> tuple[int, int]:
    """Return where to read and where the command writes: a terminal where ours is one."""
    if not os.isatty(target):
        return os.pipe()
    read, written = os.openpty()
    with suppress(OSError):
        size = fcntl.ioctl(target, termios.TIOCGWINSZ, b"\0" * _TIOCGWINSZ_BYTES)
        fcntl.ioctl(written, termios.TIOCSWINSZ, size)
    attributes = termios.tcgetattr(written)
    attributes[1] &= ~termios.OPOST  # our own terminal turns line ends
    termios.tcsetattr(written, termios.TCSANOW, attributes)
    return read, written


def _relay(
    process: subprocess.Popen[bytes], sources: dict[int, int], screen: Screen, most_s: float
) -> None:
    began = heard = told = time.monotonic()
    with selectors.DefaultSelector() as selector:
        for source, target in sources.items():
            selector.register(source, selectors.EVENT_READ, target)
        while selector.get_map():
            ready = selector.select(timeout=min(most_s, 0.5))
            now = time.monotonic()
            for key, _ in ready:
                chunk = _read(key.fd)
                if chunk:
                    screen.passed(key.data, chunk)
                    heard = now
                else:
                    selector.unregister(key.fd)
            if not ready and process.poll() is not None:
                return  # what it left running may hold its output open
            if now - max(heard, told) >= most_s:
                screen.waited(now - began)
                told = now


def _read(source: int) -> bytes:
    try:
        return os.read(source, _CHUNK)
    except OSError:  # a terminal whose other end is closed
        return b""


def _write(target: int, chunk: bytes) -> None:
    while chunk:
        chunk = chunk[os.write(target, chunk) :]


if __name__ == "__main__":
    if len(sys.argv) < 3:  # noqa: PLR2004 — words and a command
        sys.exit("usage: steadily.py WORDS COMMAND...")
    sys.exit(run(sys.argv[1], sys.argv[2:]))
