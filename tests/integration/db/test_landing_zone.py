"""The landing zone keeps bytes as they came, once, and notices when they are no longer the same."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dcarbon.db.landing_zone import LandingZone
from dcarbon.domain.errors import PayloadCorrupt, PayloadMissing

CONTENT = b"<feed>" + bytes(range(256)) * 500 + b"</feed>"


@pytest.fixture
def zone(tmp_path: Path) -> LandingZone:
    return LandingZone(tmp_path / "landing")


def path_of(tmp_path: Path, digest: bytes) -> Path:
    name = digest.hex()
    return tmp_path / "landing" / name[:2] / name[2:4] / f"{name}.zst"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=st.binary(max_size=5000))
def test_bytes_come_back_as_they_were(zone: LandingZone, content: bytes) -> None:
    digest = zone.put(content)

    assert digest == hashlib.sha256(content).digest()
    assert zone.get(digest) == content


def test_bytes_are_kept_compressed_under_their_hash(zone: LandingZone, tmp_path: Path) -> None:
    digest = zone.put(CONTENT)

    assert path_of(tmp_path, digest).stat().st_size < len(CONTENT) / 10


def test_the_same_bytes_are_written_once(zone: LandingZone, tmp_path: Path) -> None:
    first = zone.put(CONTENT)
    written = path_of(tmp_path, first).stat()

    second = zone.put(CONTENT)

    assert second == first
    assert path_of(tmp_path, first).stat().st_mtime_ns == written.st_mtime_ns
    assert path_of(tmp_path, first).stat().st_ino == written.st_ino


def test_a_file_lands_like_its_bytes_and_leaves_nothing_half_written(
    zone: LandingZone, tmp_path: Path
) -> None:
    file = tmp_path / "large.xml"
    file.write_bytes(os.urandom(1000) * 5000)

    digests = [zone.put_file(file), zone.put_file(file), zone.put(file.read_bytes())]

    assert digests == [hashlib.sha256(file.read_bytes()).digest()] * 3
    assert zone.get(digests[0]) == file.read_bytes()
    assert list((tmp_path / "landing" / "arriving").iterdir()) == []


def test_a_file_that_cannot_be_read_leaves_nothing(zone: LandingZone, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        zone.put_file(tmp_path / "absent.xml")

    assert list(tmp_path.rglob("*.zst")) == []
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_stream_gives_the_bytes_in_pieces(zone: LandingZone) -> None:
    digest = zone.put(CONTENT)

    with zone.open(digest) as stream:
        pieces = list(iter(lambda: stream.read(1000), b""))

    assert b"".join(pieces) == CONTENT
    assert len(pieces) > 100


def test_bytes_that_never_landed_are_missing(zone: LandingZone) -> None:
    digest = hashlib.sha256(b"never").digest()

    with pytest.raises(PayloadMissing) as missing:
        zone.get(digest)

    assert missing.value.code == "payload_missing"
    assert not zone.exists(digest)


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "replaced", "plain"])
def test_damaged_bytes_are_never_returned(zone: LandingZone, tmp_path: Path, damage: str) -> None:
    digest = zone.put(CONTENT)
    path = path_of(tmp_path, digest)
    stored = path.read_bytes()
    middle = len(stored) // 2
    other = path_of(tmp_path, zone.put(b"other bytes")).read_bytes()
    path.write_bytes(
        {
            "empty": b"",
            "cut": stored[:middle],
            "flipped": stored[:middle] + bytes([stored[middle] ^ 255]) + stored[middle + 1 :],
            "replaced": other,
            "plain": CONTENT,
        }[damage]
    )

    with pytest.raises(PayloadCorrupt) as corrupt:
        zone.get(digest)

    assert corrupt.value.code == "payload_corrupt"


def test_many_writers_of_the_same_bytes_agree(zone: LandingZone, tmp_path: Path) -> None:
    digests: list[bytes] = []
    writers = [threading.Thread(target=lambda: digests.append(zone.put(CONTENT))) for _ in range(8)]

    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert len(set(digests)) == 1
    assert len(digests) == 8
    assert zone.get(digests[0]) == CONTENT
    assert len(list(tmp_path.rglob("*.zst"))) == 1


def test_a_uri_names_the_same_place_as_a_directory(tmp_path: Path) -> None:
    digest = LandingZone(tmp_path / "landing").put(CONTENT)

    by_uri = LandingZone((tmp_path / "landing").as_uri())

    assert by_uri.get(digest) == CONTENT


def test_a_file_system_that_is_not_the_local_one_keeps_bytes_too(tmp_path: Path) -> None:
    file = tmp_path / "feed.xml"
    file.write_bytes(CONTENT)
    remote = LandingZone("mock:///landing")  # Arrow's own, in memory

    digest = remote.put(CONTENT)

    assert remote.put_file(file) == digest
    assert remote.get(digest) == CONTENT
    with pytest.raises(PayloadMissing):
        remote.get(hashlib.sha256(b"never").digest())


def test_bytes_set_aside_are_gone_can_come_back_and_are_deleted_for_good(tmp_path: Path) -> None:
    zone = LandingZone(tmp_path)
    digest, other = zone.put(b"one"), zone.put(b"two")

    zone.set_aside(digest)
    assert not zone.exists(digest)
    zone.bring_back(digest)
    assert zone.get(digest) == b"one"
    zone.set_aside(digest)
    zone.put(b"one")
    zone.bring_back(digest)  # landed again meanwhile: one copy is enough
    assert zone.get(digest) == b"one"
    zone.set_aside(digest)
    zone.delete_aside(digest)
    zone.delete_aside(digest)
    zone.bring_back(digest)

    assert zone.get(other) == b"two"
    assert len(list(tmp_path.rglob("*.zst"))) == 1
