"""Landing zones to test: one in a folder and one in an object store, and what is stored there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pyarrow import fs

from dcarbon.db.base import new_id
from dcarbon.db.landing_zone import LandingZone
from tests.support import object_store as support
from tests.support.object_store import ObjectStore


@dataclass(frozen=True, slots=True)
class Stored:
    """A landing zone, its address, and its files as they lie there."""

    zone: LandingZone
    address: str
    files: fs.FileSystem

    def names(self) -> list[str]:
        """Return every file, also what is aside or has not arrived."""
        found = self.files.get_file_info(fs.FileSelector("", recursive=True, allow_not_found=True))
        return sorted(info.path for info in found if info.type == fs.FileType.File)

    def read(self, digest: bytes) -> bytes:
        with self.files.open_input_stream(name_of(digest), compression=None) as stream:
            content: bytes = stream.read()
        return content

    def write(self, digest: bytes, content: bytes) -> None:
        with self.files.open_output_stream(name_of(digest), compression=None) as stream:
            stream.write(content)


def name_of(digest: bytes) -> str:
    name = digest.hex()
    return f"{name[:2]}/{name[2:4]}/{name}.zst"


@pytest.fixture(scope="session")
def object_store() -> Iterator[ObjectStore]:
    with support.started() as store:
        yield store


@pytest.fixture
def in_folder(tmp_path: Path) -> Stored:
    folder = tmp_path / "landing"
    folder.mkdir()
    return Stored(
        LandingZone(folder), str(folder), fs.SubTreeFileSystem(str(folder), fs.LocalFileSystem())
    )


@pytest.fixture
def in_bucket(object_store: ObjectStore) -> Stored:
    prefix = f"of/{new_id().hex}"
    address = object_store.uri(prefix)
    return Stored(LandingZone(address), address, object_store.files(prefix))


@pytest.fixture(params=["folder", "bucket"])
def stored(request: pytest.FixtureRequest) -> Stored:
    """The same promises are kept in a folder and in an object store."""
    found: Stored = request.getfixturevalue(f"in_{request.param}")
    return found


@pytest.fixture
def zone(stored: Stored) -> LandingZone:
    return stored.zone
