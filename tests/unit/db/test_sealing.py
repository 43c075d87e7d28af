"""Sealed secrets open with the right key for the right row, and in no other way."""

from __future__ import annotations

import base64
import pickle
import threading
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcarbon.db.sealing import KeyRing, load, load_or_create, replace
from dcarbon.domain.errors import SealBroken, SettingsInvalid

ROW = UUID(int=1)
OTHER_ROW = UUID(int=2)
RING = KeyRing({"k1": bytes(32)})


@given(secret=st.binary(max_size=300), row=st.uuids())
def test_what_was_sealed_opens_again(secret: bytes, row: UUID) -> None:
    assert RING.open(RING.seal(secret, bound_to=row), bound_to=row) == secret


def test_a_seal_does_not_open_for_another_row() -> None:
    sealed = RING.seal(b"token", bound_to=ROW)

    with pytest.raises(SealBroken):
        RING.open(sealed, bound_to=OTHER_ROW)


@given(data=st.data())
def test_no_byte_of_a_seal_can_be_changed(data: st.DataObject) -> None:
    sealed = bytearray(RING.seal(b"token", bound_to=ROW))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))

    with pytest.raises(SealBroken):
        RING.open(bytes(sealed), bound_to=ROW)


@given(length=st.integers(0, 20))
def test_a_cut_seal_is_broken(length: int) -> None:
    sealed = RING.seal(b"token", bound_to=ROW)[:length]

    with pytest.raises(SealBroken):
        RING.open(sealed, bound_to=ROW)


def test_the_same_secret_never_seals_to_the_same_bytes() -> None:
    assert RING.seal(b"token", bound_to=ROW) != RING.seal(b"token", bound_to=ROW)


def test_a_new_key_seals_while_the_old_one_still_opens() -> None:
    sealed_before = RING.seal(b"token", bound_to=ROW)
    ring = KeyRing({"k2": bytes([2]) * 32, "k1": bytes(32)})

    assert ring.open(sealed_before, bound_to=ROW) == b"token"
    assert not ring.is_current(sealed_before)
    assert ring.is_current(ring.seal(b"token", bound_to=ROW))
    assert ring.current_id == "k2"


def test_a_seal_under_a_key_that_is_gone_says_which_key_it_needs() -> None:
    sealed = RING.seal(b"token", bound_to=ROW)

    with pytest.raises(SealBroken, match="k1") as broken:
        KeyRing({"k2": bytes(32)}).open(sealed, bound_to=ROW)

    assert broken.value.code == "seal_key_missing"


def test_another_key_of_the_same_id_opens_nothing_and_says_which_it_is() -> None:
    sealed = RING.seal(b"token", bound_to=ROW)

    with pytest.raises(SealBroken, match="k1") as broken:
        KeyRing({"k1": bytes([9]) * 32}).open(sealed, bound_to=ROW)

    assert broken.value.code == "seal_broken"


def test_any_key_of_a_ring_can_be_the_one_that_seals() -> None:
    ring = RING.joined(KeyRing({"k2": bytes([2]) * 32, "k1": bytes([9]) * 32}))

    assert (ring.ids, ring.sealing_with("k2").ids) == (["k1", "k2"], ["k2", "k1"])
    assert ring.open(RING.seal(b"token", bound_to=ROW), bound_to=ROW) == b"token"


def test_a_ring_never_shows_or_pickles_its_keys() -> None:
    ring = KeyRing({"k1": b"\xaa" * 32})

    assert repr(ring) == str(ring) == "KeyRing(k1: ***)"
    with pytest.raises(TypeError):
        pickle.dumps(ring)


def test_a_generated_ring_parses_from_what_it_reveals() -> None:
    ring = KeyRing.generate()

    again = KeyRing.parse(ring.reveal())

    assert again.open(ring.seal(b"token", bound_to=ROW), bound_to=ROW) == b"token"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "k1",
        "k1:",
        "k1:not base64",
        "k1:" + base64.b64encode(bytes(31)).decode(),
        ":" + base64.b64encode(bytes(32)).decode(),
        f"k1:{base64.b64encode(bytes(32)).decode()},k1:{base64.b64encode(bytes(32)).decode()}",
        "schlüssel:" + base64.b64encode(bytes(32)).decode(),
        "k" * 33 + ":" + base64.b64encode(bytes(32)).decode(),
    ],
)
def test_an_unusable_ring_is_refused_without_showing_keys(text: str) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        KeyRing.parse(text)

    assert "DCARBON_SEAL_KEYS" in refused.value.display_message
    assert base64.b64encode(bytes(32)).decode() not in refused.value.display_message


def test_a_key_file_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "seal"

    first, second = load_or_create(path), load_or_create(path)

    assert path.stat().st_mode & 0o777 == 0o600
    assert second.open(first.seal(b"token", bound_to=ROW), bound_to=ROW) == b"token"
    assert [one.name for one in path.parent.iterdir()] == ["seal"]


def test_a_key_file_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "seal"
    load_or_create(path)
    path.chmod(0o644)

    with pytest.raises(SettingsInvalid, match="chmod 600"):
        load_or_create(path)


def test_a_key_file_is_replaced_as_a_whole_and_stays_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "seal"
    before = load_or_create(path)

    replace(path, RING.joined(before))

    assert load(path).ids == ["k1", before.current_id]
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["seal"]


def test_processes_that_start_together_end_with_the_same_key(tmp_path: Path) -> None:
    path = tmp_path / "seal"
    rings: list[KeyRing] = []
    starts = [threading.Thread(target=lambda: rings.append(load_or_create(path))) for _ in range(8)]

    for start in starts:
        start.start()
    for start in starts:
        start.join()

    assert len({ring.current_id for ring in rings}) == 1
    assert len(rings) == 8
