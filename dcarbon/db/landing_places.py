"""Places that payloads land in: a folder, or a bucket of an object store.

A place keeps whole compressed files under names such as ``ab/cd/abcd….zst``. What a name has to do
with the bytes is the business of ``landing_zone``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import pyarrow as pa
from pyarrow import fs

from dcarbon.db.base import new_id
from dcarbon.domain.errors import LandingUnavailable

ARRIVING = "arriving"
_CODEC = "zstd"
_FAILURES = (OSError, pa.ArrowException)
_REASONS = {
    "NO_SUCH_BUCKET": "the bucket does not exist",
    "ACCESS_DENIED": "the credentials do not give the right to do this",
    "INVALID_ACCESS_KEY_ID": "the credentials are refused",
    "SIGNATURE_DOES_NOT_MATCH": "the credentials are refused",
    "INVALID_CLIENT_TOKEN_ID": "the credentials are refused",
    "NETWORK_CONNECTION": "it does not answer",
    "REQUEST_TIMEOUT": "it does not answer",
    "SLOW_DOWN": "it asks us to slow down",
    "SERVICE_UNAVAILABLE": "it is out of service",
    "INTERNAL_FAILURE": "it has a fault of its own",
}
"""What the object store says, in words; anything else is shown as it is."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file of a place: its name there and when it was written."""

    name: str
    written_at: datetime


class Place(Protocol):
    """Where files are kept. Everything but :meth:`open` raises :class:`LandingUnavailable` when
    the place cannot be used; a file appears under its name only when it is whole.
    """

    root: str

    def exists(self, name: str) -> bool: ...

    def open(self, name: str) -> Any:
        """Return a stream of the bytes as they were before they were compressed.

        Raises ``FileNotFoundError`` as well.
        """

    def put(self, name: str, content: bytes) -> None: ...

    def arrive(self, chunks: Iterable[bytes]) -> str:
        """Write a file whose name is not known yet; return a passing one for :meth:`move`.

        Nothing is left of it when ``chunks`` or the place fails.
        """

    def move(self, old: str, new: str) -> None: ...

    def delete(self, name: str) -> None: ...

    def files(self, folder: str) -> Iterator[StoredFile]:
        """Yield the files below a folder, none where there is no such folder."""

    def folders(self) -> list[str]:
        """Return the names of the folders that the place is made of."""

    def look(self) -> None:
        """Ask the place for a sign of life."""


class _Files:
    """What a folder and a bucket do alike."""

    def __init__(self, files: fs.FileSystem, root: str) -> None:
        self._files, self.root = files, root

    def open(self, name: str) -> Any:
        try:
            return self._files.open_input_stream(f"{self.root}/{name}", compression=_CODEC)
        except FileNotFoundError:
            raise
        except _FAILURES as error:
            raise _unavailable(self.root, error) from error

    def arrive(self, chunks: Iterable[bytes]) -> str:
        name = f"{ARRIVING}/{new_id().hex}"
        path = f"{self.root}/{name}"
        with _reaching(self.root):
            stream = self._files.open_output_stream(path, compression=_CODEC)
        try:
            for chunk in chunks:
                with _reaching(self.root):
                    stream.write(chunk)
            with _reaching(self.root):
                stream.close()
        except BaseException:
            for leave in (stream.close, lambda: self._files.delete_file(path)):
                with suppress(*_FAILURES):
                    leave()
            raise
        return name

    def delete(self, name: str) -> None:
        with _reaching(self.root):
            self._files.delete_file(f"{self.root}/{name}")

    def files(self, folder: str) -> Iterator[StoredFile]:
        selector = fs.FileSelector(f"{self.root}/{folder}", recursive=True, allow_not_found=True)
        with _reaching(self.root):
            found = self._files.get_file_info(selector)
        for info in found:
            if info.type == fs.FileType.File:
                yield StoredFile(info.path.removeprefix(f"{self.root}/"), info.mtime)

    def folders(self) -> list[str]:
        with _reaching(self.root):
            found = self._files.get_file_info(fs.FileSelector(self.root, allow_not_found=True))
        return [info.base_name for info in found if info.type == fs.FileType.Directory]


class Folder(_Files):
    """A folder of a file system. On this machine a file is on the disk before it has its name."""

    def __init__(self, files: fs.FileSystem, root: str) -> None:
        super().__init__(files, root)
        self._is_local = isinstance(files, fs.LocalFileSystem)

    def exists(self, name: str) -> bool:
        with _reaching(self.root):
            info = self._files.get_file_info(f"{self.root}/{name}")
        return bool(info.type == fs.FileType.File)

    def put(self, name: str, content: bytes) -> None:
        self.move(self.arrive([content]), name)

    def arrive(self, chunks: Iterable[bytes]) -> str:
        with _reaching(self.root):
            self._files.create_dir(f"{self.root}/{ARRIVING}", recursive=True)
        return super().arrive(chunks)

    def move(self, old: str, new: str) -> None:
        source, target = f"{self.root}/{old}", f"{self.root}/{new}"
        folder = target.rpartition("/")[0]
        with _reaching(self.root):
            self._files.create_dir(folder, recursive=True)
            if self._is_local:
                sync(source)
            self._files.move(source, target)
            if self._is_local:
                # A new name lives in its folder; a new folder lives in the one above.
                for level in (folder, os.path.dirname(folder), self.root):  # noqa: PTH120 — pyarrow path
                    sync(level)

    def look(self) -> None:
        """A folder is looked at with its disk (``services.system_machine``)."""


class Bucket(_Files):
    """A place in an object store, which has no folders and writes an object whole or not at all.

    A payload costs one question and one write: no passing object and no folders are made for it.
    """

    def exists(self, name: str) -> bool:
        # Opening asks for the object alone; ``get_file_info`` would also look for a folder.
        try:
            self._files.open_input_file(f"{self.root}/{name}").close()
        except FileNotFoundError:
            return False
        except _FAILURES as error:
            raise _unavailable(self.root, error) from error
        return True

    def put(self, name: str, content: bytes) -> None:
        # Compressed first, then written in one call: closing a stream after half of the bytes, as
        # every failure on the way would, makes an object of that half.
        sink = pa.BufferOutputStream()
        with pa.CompressedOutputStream(sink, _CODEC) as stream:
            stream.write(content)
        path = f"{self.root}/{name}"
        with _reaching(self.root), self._files.open_output_stream(path, compression=None) as target:
            target.write(sink.getvalue())

    def move(self, old: str, new: str) -> None:
        with _reaching(self.root):
            self._files.move(f"{self.root}/{old}", f"{self.root}/{new}")

    def look(self) -> None:
        with _reaching(self.root):
            info = self._files.get_file_info(self.root.partition("/")[0])
        if info.type == fs.FileType.NotFound:
            raise LandingUnavailable(f"{self.root}: no bucket", reason=_REASONS["NO_SUCH_BUCKET"])


def require_reached(error: Exception) -> None:
    """Raise :class:`LandingUnavailable` where reading failed on the way, not in the bytes.

    A decompressor's error has neither a number of the system nor a name of the object store.
    """
    if isinstance(error, OSError) and (error.errno or "AWS Error " in str(error)):
        raise _unavailable("landing zone", error) from error


@contextmanager
def _reaching(root: str) -> Iterator[None]:
    """Tell what a place fails with as :class:`LandingUnavailable`."""
    try:
        yield
    except _FAILURES as error:
        raise _unavailable(root, error) from error


def _unavailable(root: str, error: Exception) -> LandingUnavailable:
    said = str(error)
    token = said.partition("AWS Error ")[2].split(" ")[0]
    number = error.errno if isinstance(error, OSError) else None
    meant = os.strerror(number) if number else type(error).__name__
    return LandingUnavailable(f"{root}: {said}", reason=_REASONS.get(token) or token or meant)


def sync(path: str | os.PathLike[str]) -> None:
    """Have the disk keep a file, or what a folder names, even if the power goes."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
