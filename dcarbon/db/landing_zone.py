"""The landing zone: every provider response byte for byte, compressed and named by its SHA-256.

Knows nothing of the database: which payload came from whom is in ``payloads``. Where the bytes are
kept is ``landing_places``, how that is written in the settings ``landing_addresses``.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from dcarbon.db import landing_addresses, landing_places
from dcarbon.db.landing_places import ARRIVING
from dcarbon.domain.errors import PayloadCorrupt, PayloadMissing

_CHUNK = 1 << 20
_HELD_WHOLE = 8 << 20
"""Bytes up to which a stream is held: its hash is known before it is written, so it needs no
passing name."""
_ASIDE = "leaving"
_NAME = re.compile(r"[0-9a-f]{2}/[0-9a-f]{2}/([0-9a-f]{64})\.zst")
SHELVES = tuple(f"{number:02x}" for number in range(256))
"""The folders that payloads are spread over: the first byte of their hashes, as two digits."""


class LandingZone:
    """Content-addressed store in a folder, or in an object store by its URI.

    Safe to use from several threads, processes and machines at once: a name says what the bytes
    are, and a file appears under its name only when it is whole. Whatever asks the place raises
    :class:`LandingUnavailable` when it cannot be used.
    """

    def __init__(self, uri_or_path: str | Path) -> None:
        self._place = landing_addresses.place(uri_or_path)
        self.folder = landing_addresses.folder_of(uri_or_path)
        """The folder of this machine, ``None`` for an object store."""
        self.address = str(self.folder or uri_or_path)
        self.shown = landing_addresses.shown(self.address)
        """Where it is, as people may see it."""

    def put(self, content: bytes) -> bytes:
        """Store ``content`` durably unless it is here already; return its SHA-256 digest."""
        digest = hashlib.sha256(content).digest()
        if not self.exists(digest):
            self._place.put(_name(digest), content)
        return digest

    def put_file(self, path: Path) -> bytes:
        """Store a file of any size in bounded memory; return the SHA-256 digest of its bytes."""
        with path.open("rb") as source:
            return self.put_stream(source)

    def put_stream(self, source: BinaryIO) -> bytes:
        """Store what a stream holds in bounded memory; return the SHA-256 digest of it.

        Nothing is stored when the stream fails.
        """
        beginning = source.read(_HELD_WHOLE + 1)
        if len(beginning) <= _HELD_WHOLE:
            return self.put(beginning)
        hasher = hashlib.sha256()

        def hashed() -> Iterator[bytes]:
            chunk = beginning
            while chunk:
                hasher.update(chunk)
                yield chunk
                chunk = source.read(_CHUNK)

        arrived = self._place.arrive(hashed())
        if self.exists(hasher.digest()):
            self._place.delete(arrived)
        else:
            self._place.move(arrived, _name(hasher.digest()))
        return hasher.digest()

    def get(self, digest: bytes) -> bytes:
        """Return the bytes of this digest.

        Raises :class:`PayloadMissing`, or :class:`PayloadCorrupt` when they are no longer the same.
        """
        with self.open(digest) as stream:
            return stream.read()

    @contextmanager
    def open(self, digest: bytes) -> Iterator[BinaryIO]:
        """Open the bytes of this digest as a stream, for payloads too large to hold.

        The hash is checked when the end is reached: only then were the bytes the right ones.
        Raises :class:`PayloadMissing` here and :class:`PayloadCorrupt` while reading.
        """
        try:
            source = self._place.open(_name(digest))
        except FileNotFoundError as error:
            self._place.look()  # where the whole bucket is missing, no payload is lost
            raise PayloadMissing(f"no payload {digest.hex()}") from error
        with source:
            yield io.BufferedReader(_Verified(source, digest), buffer_size=_CHUNK)

    def exists(self, digest: bytes) -> bool:
        return self._place.exists(_name(digest))

    def shelves(self) -> list[str]:
        """Return those of :data:`SHELVES` that hold something, with one question."""
        return sorted(set(self._place.folders()).intersection(SHELVES))

    def digests(self, shelf: str) -> list[bytes]:
        """Return what is kept on a shelf, in order. What is aside is not counted."""
        names = (_NAME.fullmatch(file.name) for file in self._place.files(shelf))
        return sorted(bytes.fromhex(name[1]) for name in names if name)

    def set_aside(self, digest: bytes) -> None:
        """Take bytes out of the way before they are deleted for good: :meth:`get` no longer finds
        them, the same bytes landing again are written anew, and they can be brought back.
        """
        self._place.move(_name(digest), _aside(digest))

    def bring_back(self, digest: bytes) -> None:
        """Undo :meth:`set_aside`; harmless where nothing was set aside."""
        if not self._place.exists(_aside(digest)):
            return
        if self.exists(digest):
            self._place.delete(_aside(digest))
        else:
            self._place.move(_aside(digest), _name(digest))

    def delete_aside(self, digest: bytes) -> None:
        """Delete bytes that were set aside, for good; harmless where there are none."""
        if self._place.exists(_aside(digest)):
            self._place.delete(_aside(digest))

    def remove(self, digest: bytes) -> None:
        """Delete bytes that are here for good and at once, where nobody may want them back."""
        self._place.delete(_name(digest))

    def sweep(self, before: datetime) -> int:
        """Delete what began to arrive before this time and never did, since a process was killed;
        return how many. A time too near deletes what is arriving now.
        """
        left = [file for file in self._place.files(ARRIVING) if file.written_at < before]
        for file in left:
            self._place.delete(file.name)
        return len(left)

    def look(self) -> None:
        """Ask the object store for a sign of life; nothing is asked of a folder."""
        self._place.look()


def _name(digest: bytes) -> str:
    name = digest.hex()
    return f"{name[:2]}/{name[2:4]}/{name}.zst"


def _aside(digest: bytes) -> str:
    return f"{_ASIDE}/{digest.hex()}.zst"


class _Verified(io.RawIOBase):
    """Hashes what is read and refuses the end of a stream whose hash is not ``digest``."""

    def __init__(self, source: Any, digest: bytes) -> None:
        self._source, self._digest, self._hasher = source, digest, hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            chunk = self._source.read(len(buffer))
        except (OSError, pa.ArrowException) as error:
            landing_places.require_reached(error)
            raise PayloadCorrupt(f"payload {self._digest.hex()} cannot be decompressed") from error
        if chunk:
            self._hasher.update(chunk)
            buffer[: len(chunk)] = chunk
        elif self._hasher.digest() != self._digest:
            raise PayloadCorrupt(f"payload {self._digest.hex()} has other bytes than its name says")
        return len(chunk)
