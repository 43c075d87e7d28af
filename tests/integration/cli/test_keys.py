"""``dcarbon keys``: what it does to a key file, and what it tells whom."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from dcarbon.db import sealing, sealing_keys
from dcarbon.db.sealing import KeyRing
from dcarbon.settings import PREFIX
from tests.support.commands import run

pytestmark = pytest.mark.database


@pytest.fixture
def file(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A key file that the settings name, of an installation that was started once."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DCARBON_DATABASE_URL", database_url)
    monkeypatch.setenv("DCARBON_SEAL_KEYS_FILE", str(tmp_path / "seal.keys"))
    monkeypatch.setenv("COLUMNS", "200")
    assert run("facility", "list").exit_code == 0
    return tmp_path / "seal.keys"


def test_a_key_is_added_listed_put_in_force_and_the_old_one_may_go(
    file: Path, engine: Engine
) -> None:
    (old,) = sealing.load(file).ids
    assert run("keys", "new", "--add").exit_code == 0
    new, behind = sealing.load(file).ids
    waiting = run("keys", "list").stdout
    with engine.begin() as connection:  # as a rotation that was interrupted after its first step
        connection.execute(text("update sealing_keys set is_in_force = false, replaced_at = now()"))
        connection.execute(
            text("insert into sealing_keys values (:id, :proof, true, '2026-01-01', null)"),
            {"id": new, "proof": sealing_keys.proof_of(sealing.load(file))},
        )

    rotated = run("keys", "rotate")
    after = run("keys", "list").stdout

    assert behind == old
    assert f"{new} is there but does not seal yet" in waiting
    assert rotated.exit_code == 0, rotated.output
    assert f"{new} is in force. Sealed anew: nothing." in rotated.stderr
    assert f"{old} seals nothing any more" in after
    assert not [key for key in sealing.load(file).reveal().split(",") if key[9:] in after]


def test_without_the_key_every_command_says_which_and_the_list_still_works(file: Path) -> None:
    (old,) = sealing.load(file).ids
    sealing.replace(file, KeyRing.generate())

    refused = run("facility", "list")
    listed = run("keys", "list")
    given_up = run("keys", "give-up", old)

    assert refused.exit_code == 1
    assert f"The key '{old}', which is in force, is not in" in " ".join(refused.stderr.split())
    assert "(seal_key_missing)" in refused.stderr
    assert "missing here" in listed.stdout
    assert f"dcarbon keys give-up {old}" in listed.stdout
    assert given_up.stdout == "Given up: nothing was sealed with it.\n"
    assert run("facility", "list").exit_code == 0


def test_with_keys_in_the_environment_a_rotation_asks_whether_all_have_it(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = KeyRing.generate().joined(sealing.load(file))
    monkeypatch.delenv("DCARBON_SEAL_KEYS_FILE")
    monkeypatch.setenv("DCARBON_SEAL_KEYS", ring.reveal())

    added = run("keys", "new", "--add")
    asked = run("keys", "rotate", answer="n\n")

    assert added.exit_code == 2
    assert "put the new one there yourself" in added.stderr
    assert asked.exit_code == 1
    assert "Has every process been restarted with the new key in DCARBON_SEAL_KEYS?" in asked.stderr


def test_only_an_administrator_can_answer_for_a_rotation(file: Path) -> None:
    refused = run("keys", "rotate", "--by", "nobody@example.test")

    assert refused.exit_code == 1
    assert "(no_such_administrator)" in refused.stderr
    assert file.exists()
