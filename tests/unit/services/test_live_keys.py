"""A running process seals with the key that is in force, and never with one only it has."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy.exc import OperationalError

from dcarbon.db import sealing, sealing_keys
from dcarbon.db.sealing import KeyRing
from dcarbon.db.sealing_keys import SealingKey
from dcarbon.domain.errors import SealBroken
from dcarbon.services.live_keys import GOOD_FOR_S, GivenKeys, LiveKeys

ROW = UUID(int=1)
OLD = KeyRing({"old": bytes(32)})
NEW = KeyRing({"new": bytes([1]) * 32})
WRONG = KeyRing({"new": bytes([2]) * 32})


class House:
    """What is in force in the database, a key file, and a process between them."""

    def __init__(self, file: Path, ring: KeyRing) -> None:
        self.now = 0.0
        self.is_away = False
        self.in_force = OLD
        sealing.load_or_create(file)
        sealing.replace(file, ring)
        self.file = file
        given = GivenKeys(ring, str(file), file)
        self.keys = LiveKeys(given, self._read, monotonic=lambda: self.now)

    def _read(self) -> SealingKey:
        if self.is_away:
            raise OperationalError("select", {}, Exception("away"))
        return SealingKey(
            key_id=self.in_force.current_id,
            proof=sealing_keys.proof_of(self.in_force),
            is_in_force=True,
            in_force_since=datetime(2026, 1, 1, tzinfo=UTC),
        )

    def change(self, ring: KeyRing) -> None:
        self.in_force = ring
        self.now += GOOD_FOR_S + 1


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "keys", OLD)


def test_a_key_that_comes_into_force_is_taken_up_from_the_file(house: House) -> None:
    before = house.keys.current_id
    sealing.replace(house.file, NEW.joined(OLD))

    house.change(NEW)

    assert (before, house.keys.current_id) == ("old", "new")
    assert NEW.open(house.keys.seal(b"token", bound_to=ROW), bound_to=ROW) == b"token"
    assert house.keys.open(OLD.seal(b"token", bound_to=ROW), bound_to=ROW) == b"token"


def test_what_is_first_in_the_settings_does_not_seal_before_it_is_in_force(tmp_path: Path) -> None:
    house = House(tmp_path / "keys", NEW.joined(OLD))

    assert house.keys.current_id == "old"
    assert house.keys.derived("web forms") == [
        *OLD.derived("web forms"),
        *NEW.derived("web forms"),
    ]


@pytest.mark.parametrize("in_file", [OLD, WRONG.joined(OLD)], ids=["missing", "wrong"])
def test_a_process_without_the_right_key_goes_on_with_the_one_everybody_has(
    house: House, in_file: KeyRing
) -> None:
    sealing.replace(house.file, in_file)

    house.change(NEW)

    assert OLD.open(house.keys.seal(b"token", bound_to=ROW), bound_to=ROW) == b"token"


def test_a_secret_sealed_with_a_key_of_later_opens_once_the_key_is_in_the_file(
    house: House,
) -> None:
    sealed = NEW.seal(b"token", bound_to=ROW)
    with pytest.raises(SealBroken) as missing:
        house.keys.open(sealed, bound_to=ROW)
    sealing.replace(house.file, NEW.joined(OLD))

    opened = house.keys.open(sealed, bound_to=ROW)

    assert (missing.value.code, opened) == ("seal_key_missing", b"token")


def test_while_the_database_is_away_the_key_seen_last_seals(house: House) -> None:
    sealing.replace(house.file, NEW.joined(OLD))
    house.change(NEW)
    assert house.keys.current_id == "new"
    house.is_away = True

    house.change(OLD)

    assert house.keys.current_id == "new"


def test_keys_in_the_environment_are_not_looked_for_in_a_file() -> None:
    keys = LiveKeys(GivenKeys(OLD, "DCARBON_SEAL_KEYS"), lambda: None)

    with pytest.raises(SealBroken):
        keys.open(NEW.seal(b"token", bound_to=ROW), bound_to=ROW)
    assert "***" in repr(keys)
