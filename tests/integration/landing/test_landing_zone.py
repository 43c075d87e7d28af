"""The landing zone keeps bytes as they came, once, and notices when they are no longer the same."""

from __future__ import annotations

import hashlib
import io
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dcarbon.db.landing_zone import LandingZone
from dcarbon.domain.errors import PayloadCorrupt, PayloadMissing
from tests.integration.landing.conftest import Stored, name_of

CONTENT = b"<feed>" + bytes(range(256)) * 500 + b"</feed>"


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=20
)
@given(content=st.binary(max_size=5000))
def test_bytes_come_back_as_they_were(zone: LandingZone, content: bytes) -> None:
    digest = zone.put(content)

    assert digest == hashlib.sha256(content).digest()
    assert zone.get(digest) == content


def test_bytes_are_kept_compressed_under_their_hash(stored: Stored) -> None:
    digest = stored.zone.put(CONTENT)

    assert stored.names() == [name_of(digest)]
    assert len(stored.read(digest)) < len(CONTENT) / 10


def test_the_same_bytes_are_written_once(stored: Stored) -> None:
    first = stored.zone.put(CONTENT)
    stored.write(first, b"a mark")

    second = stored.zone.put(CONTENT)

    assert second == first
    assert stored.read(first) == b"a mark"


def test_a_file_lands_like_its_bytes_and_leaves_nothing_half_written(
    stored: Stored, tmp_path: Path
) -> None:
    zone, file = stored.zone, tmp_path / "large.xml"
    file.write_bytes(os.urandom(1000) * 5000)

    digests = [zone.put_file(file), zone.put_file(file), zone.put(file.read_bytes())]

    assert digests == [hashlib.sha256(file.read_bytes()).digest()] * 3
    assert zone.get(digests[0]) == file.read_bytes()
    assert stored.names() == [name_of(digests[0])]


def test_a_file_of_many_parts_lands_whole(in_bucket: Stored, tmp_path: Path) -> None:
    file = tmp_path / "large.xml"
    file.write_bytes(os.urandom(11 << 20))  # does not compress: more than one part of an upload

    digest = in_bucket.zone.put_file(file)

    assert in_bucket.zone.get(digest) == file.read_bytes()
    assert in_bucket.zone.put(file.read_bytes()) == digest


def test_a_file_that_cannot_be_read_leaves_nothing(stored: Stored, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        stored.zone.put_file(tmp_path / "absent.xml")

    assert stored.names() == []


class Breaking(io.BytesIO):
    """A stream that fails after its first bytes, as a disk does."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() or len(self.getvalue()) < (size or 0):
            raise OSError(5, "Input/output error")
        return super().read(size)


@pytest.mark.parametrize("size", [3 << 20, 9 << 20], ids=["held", "passing by"])
def test_a_stream_that_fails_in_the_middle_leaves_nothing(stored: Stored, size: int) -> None:
    source = cast("BinaryIO", Breaking(os.urandom(size)))

    with pytest.raises(OSError, match="Input/output error"):
        stored.zone.put_stream(source)

    assert stored.names() == []


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
def test_damaged_bytes_are_never_returned(stored: Stored, damage: str) -> None:
    digest = stored.zone.put(CONTENT)
    kept = stored.read(digest)
    middle = len(kept) // 2
    other = stored.read(stored.zone.put(b"other bytes"))
    stored.write(
        digest,
        {
            "empty": b"",
            "cut": kept[:middle],
            "flipped": kept[:middle] + bytes([kept[middle] ^ 255]) + kept[middle + 1 :],
            "replaced": other,
            "plain": CONTENT,
        }[damage],
    )

    with pytest.raises(PayloadCorrupt) as corrupt:
        stored.zone.get(digest)

    assert corrupt.value.code == "payload_corrupt"


def test_many_writers_of_the_same_bytes_agree(stored: Stored) -> None:
    zone = stored.zone
    digests: list[bytes] = []
    writers = [threading.Thread(target=lambda: digests.append(zone.put(CONTENT))) for _ in range(8)]

    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert len(set(digests)) == 1
    assert len(digests) == 8
    assert zone.get(digests[0]) == CONTENT
    assert stored.names() == [name_of(digests[0])]


def test_what_is_kept_is_listed_by_shelf(stored: Stored) -> None:
    zone = stored.zone
    digests = sorted(zone.put(b"%d" % number) for number in range(9))
    zone.set_aside(digests[0])
    with stored.files.open_output_stream("arriving/of-a-killed-process") as stream:
        stream.write(b"half of it")

    listed = [digest for shelf in zone.shelves() for digest in zone.digests(shelf)]

    assert listed == digests[1:]
    assert zone.digests("00") == []


def test_what_never_arrived_is_swept_away_after_a_while(stored: Stored) -> None:
    digest = stored.zone.put(CONTENT)
    with stored.files.open_output_stream("arriving/of-a-killed-process") as stream:
        stream.write(b"half of it")

    assert stored.zone.sweep(datetime.now(UTC) - timedelta(hours=1)) == 0
    assert len(stored.names()) == 2
    assert stored.zone.sweep(datetime.now(UTC) + timedelta(hours=1)) == 1
    assert stored.names() == [name_of(digest)]


def test_bytes_set_aside_are_gone_can_come_back_and_are_deleted_for_good(stored: Stored) -> None:
    zone = stored.zone
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
    assert stored.names() == [name_of(other)]


def test_bytes_that_nobody_wants_back_are_removed_at_once(stored: Stored) -> None:
    digest, other = stored.zone.put(b"one"), stored.zone.put(b"two")

    stored.zone.remove(digest)

    assert stored.names() == [name_of(other)]
    stored.zone.bring_back(digest)
    assert not stored.zone.exists(digest)


def test_a_uri_names_the_same_place_as_a_directory(tmp_path: Path) -> None:
    digest = LandingZone(tmp_path / "landing").put(CONTENT)

    by_uri = LandingZone((tmp_path / "landing").as_uri())

    assert by_uri.get(digest) == CONTENT
