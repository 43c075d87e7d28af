"""Clients that cost little: one thread, raw sockets, answers counted but never parsed.

What is parsed and compared is compared before anything is measured; here only the status and the
length are looked at. Runs in a process of its own.
"""

from __future__ import annotations

import resource
import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle

_BUFFER = 1 << 20
_LONGEST_S = 120.0


class NotAnswered(Exception):
    """The server refused, failed or was silent; the text says how."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn of all clients on one route saw."""

    seconds: float
    """From the first request to the last answer."""
    latencies_s: list[float]
    """Of each request, in the order of its answer."""
    bytes_received: int
    """Bodies only."""
    client_cpu_s: float

    @property
    def per_second(self) -> float:
        return len(self.latencies_s) / self.seconds


@dataclass(slots=True)
class _Connection:
    """A keep-alive connection with at most one request under way."""

    socket: socket.socket
    sent_at: float = 0.0
    missing: int = -1
    """Bytes of the body still to come; -1 while the head is not whole."""
    head: bytearray = field(default_factory=bytearray)

    def send(self, request: bytes) -> None:
        self.sent_at = time.perf_counter()
        self.missing = -1
        self.head.clear()
        self.socket.sendall(request)

    def take(self, content: memoryview) -> tuple[bool, int]:
        """Take what arrived; return whether the answer is whole, and how much of it is body."""
        if self.missing >= 0:
            self.missing -= len(content)
            return self.missing == 0, len(content)
        self.head += content
        end = self.head.find(b"\r\n\r\n")
        if end < 0:
            return False, 0
        status, *lines = bytes(self.head[:end]).lower().split(b"\r\n")
        if b" 200 " not in status + b" ":
            raise NotAnswered(bytes(self.head[:600]).decode(errors="replace"))
        lengths = [line[15:] for line in lines if line.startswith(b"content-length:")]
        body = len(self.head) - end - 4
        self.missing = int(lengths[0]) - body
        return self.missing == 0, body


def drive(port: int, token: str, paths: Sequence[str], *, connections: int, seconds: float) -> Turn:
    """Ask for the paths in turn on so many connections at once, for so long.

    Requests under way at the end are waited for and counted. Raises :class:`NotAnswered`.
    """
    requests = cycle(_request(port, token, path) for path in paths)
    before = resource.getrusage(resource.RUSAGE_SELF)
    opened = [socket.create_connection(("127.0.0.1", port)) for _ in range(connections)]
    try:
        began = time.perf_counter()
        latencies, received = _ask(opened, requests, until=began + seconds)
        took = time.perf_counter() - began
    finally:
        for one in opened:
            one.close()
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Turn(took, latencies, received, cpu)


def fetch(port: int, token: str, path: str) -> bytes:
    """Return one whole answer, its head included."""
    with socket.create_connection(("127.0.0.1", port)) as one:
        one.sendall(_request(port, token, path).replace(b"keep-alive", b"close"))
        return b"".join(iter(lambda: one.recv(_BUFFER), b""))


def _request(port: int, token: str, path: str) -> bytes:
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: application/json\r\n"
        f"Authorization: Bearer {token}\r\nConnection: keep-alive\r\n\r\n"
    ).encode()


def _ask(
    opened: Sequence[socket.socket], requests: Iterator[bytes], *, until: float
) -> tuple[list[float], int]:
    buffer = memoryview(bytearray(_BUFFER))
    latencies: list[float] = []
    received = 0
    with selectors.DefaultSelector() as selector:
        for one in opened:
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = _Connection(one)
            selector.register(one, selectors.EVENT_READ, connection)
            connection.send(next(requests))
        while selector.get_map():
            for key, _ in _ready(selector):
                connection = key.data
                count = connection.socket.recv_into(buffer)
                if not count:
                    raise NotAnswered("the connection was closed")
                is_whole, body = connection.take(buffer[:count])
                received += body
                if not is_whole:
                    continue
                now = time.perf_counter()
                latencies.append(now - connection.sent_at)
                if now < until:
                    connection.send(next(requests))
                else:
                    selector.unregister(connection.socket)
    return latencies, received


def _ready(
    selector: selectors.BaseSelector,
) -> list[tuple[selectors.SelectorKey, int]]:
    ready = selector.select(_LONGEST_S)
    if not ready:
        raise NotAnswered(f"no answer in {_LONGEST_S:.0f} s")
    return ready
