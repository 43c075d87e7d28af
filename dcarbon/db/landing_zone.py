"""The landing zone: every provider response byte for byte, compressed and named by its SHA-256.

Knows nothing of the database: which payload came from whom is in ``payloads``.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import pyarrow as pa
from pyarrow import fs

from dcarbon.db.base import new_id
from dcarbon.domain.errors import PayloadCorrupt, PayloadMissing

_CODEC = "zstd"
_CHUNK = 1 << 20
_ASIDE = "leaving"


class LandingZone:
    """Content-addressed store on a local directory, or on any URI ``pyarrow.fs`` understands.

    Safe to use from several threads and processes at once: a name says what the bytes are, and a
    file appears under its name only when it is whole.
    """

    def __init__(self, uri_or_path: str | Path) -> None:
        place = str(uri_or_path)
        if len(urlsplit(place).scheme) > 1:
            self._files, self._root = fs.FileSystem.from_uri(place)
        else:
            self._files, self._root = fs.LocalFileSystem(), str(Path(place).absolute())
        self._is_local = isinstance(self._files, fs.LocalFileSystem)

    def put(self, content: bytes) -> bytes:
        """Store ``content`` durably unless it is here already; return its SHA-256 digest."""
        digest = hashlib.sha256(content).digest()
        if not self.exists(digest):
            with self._arriving() as (temporary, stream):
                stream.write(content)
            self._settle(temporary, digest)
        return digest

    def put_file(self, path: Path) -> bytes:
        """Store a file of any size in bounded memory; return the SHA-256 digest of its bytes."""
        hasher = hashlib.sha256()
        with path.open("rb") as source, self._arriving() as (temporary, stream):
            while chunk := source.read(_CHUNK):
                hasher.update(chunk)
                stream.write(chunk)
        if self.exists(hasher.digest()):
            self._files.delete_file(temporary)
        else:
            self._settle(temporary, hasher.digest())
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
            source = self._files.open_input_stream(self._path(digest), compression=_CODEC)
        except FileNotFoundError as error:
            raise PayloadMissing(f"no payload {digest.hex()}") from error
        with source:
            yield io.BufferedReader(_Verified(source, digest), buffer_size=_CHUNK)

    def exists(self, digest: bytes) -> bool:
        info = self._files.get_file_info(self._path(digest))
        return bool(info.type == fs.FileType.File)

    def set_aside(self, digest: bytes) -> None:
        """Take bytes out of the way before they are deleted for good: :meth:`get` no longer finds
        them, the same bytes landing again are written anew, and they can be brought back.
        """
        self._files.create_dir(f"{self._root}/{_ASIDE}", recursive=True)
        self._files.move(self._path(digest), self._aside(digest))

    def bring_back(self, digest: bytes) -> None:
        """Undo :meth:`set_aside`; harmless where nothing was set aside."""
        if not self._is_aside(digest):
            return
        if self.exists(digest):
            self._files.delete_file(self._aside(digest))
        else:
            self._settle(self._aside(digest), digest)

    def delete_aside(self, digest: bytes) -> None:
        """Delete bytes that were set aside, for good; harmless where there are none."""
        if self._is_aside(digest):
            self._files.delete_file(self._aside(digest))

    def _is_aside(self, digest: bytes) -> bool:
        info = self._files.get_file_info(self._aside(digest))
        return bool(info.type == fs.FileType.File)

    def _aside(self, digest: bytes) -> str:
        return f"{self._root}/{_ASIDE}/{digest.hex()}.zst"

    def _path(self, digest: bytes) -> str:
        name = digest.hex()
        return f"{self._root}/{name[:2]}/{name[2:4]}/{name}.zst"

    @contextmanager
    def _arriving(self) -> Iterator[tuple[str, Any]]:
        """Yield the name of a temporary file and a stream into it; it is gone after a failure."""
        folder = f"{self._root}/arriving"
        self._files.create_dir(folder, recursive=True)
        temporary = f"{folder}/{new_id().hex}"
        try:
            with self._files.open_output_stream(temporary, compression=_CODEC) as stream:
                yield temporary, stream
        except BaseException:
            self._files.delete_file(temporary)
            raise

    def _settle(self, temporary: str, digest: bytes) -> None:
        path = self._path(digest)
        folder = path.rpartition("/")[0]
        self._files.create_dir(folder, recursive=True)
        if self._is_local:
            _sync(temporary)
        self._files.move(temporary, path)
        if self._is_local:
            # A new name lives in its folder; a new folder lives in the one above.
            for level in (folder, os.path.dirname(folder), self._root):  # noqa: PTH120 — pyarrow path
                _sync(level)


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
            raise PayloadCorrupt(f"payload {self._digest.hex()} cannot be decompressed") from error
        if chunk:
            self._hasher.update(chunk)
            buffer[: len(chunk)] = chunk
        elif self._hasher.digest() != self._digest:
            raise PayloadCorrupt(f"payload {self._digest.hex()} has other bytes than its name says")
        return len(chunk)


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
