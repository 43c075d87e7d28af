"""The commands of a disaster: backup, restore, and a key that is lost."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from dcarbon.db import engine as database
from dcarbon.db import sealing
from dcarbon.db.sealing import KeyRing
from dcarbon.settings import PREFIX
from tests.integration.services.disaster.conftest import Saved
from tests.support.commands import refusal, run

pytestmark = pytest.mark.database

Move = Callable[[], str]


@pytest.fixture(autouse=True)
def _settings(saved: Saved, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The installation to be saved, as its operator has it in the environment."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DCARBON_DATABASE_URL", saved.house.url)
    monkeypatch.setenv("DCARBON_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("DCARBON_SEAL_KEYS_FILE", str(tmp_path / "seal.keys"))
    monkeypatch.setenv("DAGSTER_PG_URL", saved.house.dagster_url)
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def move(
    new_database: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], str]:
    """Go to another machine: nothing is there but an empty database and the backup."""

    def go() -> str:
        url = new_database()
        there = tmp_path / "another-machine"
        monkeypatch.setenv("DCARBON_DATABASE_URL", url)
        monkeypatch.setenv("DCARBON_DIRECTORY", str(there))
        monkeypatch.setenv("DCARBON_SEAL_KEYS_FILE", str(there / "seal.keys"))
        monkeypatch.setenv("DAGSTER_PG_URL", new_database())
        return url

    return go


def test_a_backup_says_what_is_in_it_and_what_is_not(
    saved: Saved, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_PG_URL", saved.house.url.replace("/test_", "/none_"))

    made = run("backup", "backups")
    checked = run("restore", "backups", "--check")

    assert made.exit_code == checked.exit_code == 0, made.output
    key = saved.runtime.keys.current_id
    assert f"It needs these keys to be of full use: {key}." in made.stdout
    assert "NOT in it:\n  the keys that seal tokens" in made.stdout
    assert "Dagster's runs: NOT in it" in made.stdout
    assert made.stdout.endswith("is whole.\n")
    assert checked.stdout.endswith("is whole.\n")
    about = (tmp_path / "backups" / "README.txt").read_text()
    assert "the keys that seal tokens" in about
    secret = sealing.load(tmp_path / "seal.keys").reveal().partition(":")[2].encode()
    files = [file for file in (tmp_path / "backups").rglob("*") if file.is_file()]
    assert not [file for file in files if secret in file.read_bytes()]


def test_refusals_are_sentences(tmp_path: Path, move: Move) -> None:
    assert "(backup_missing)" in refusal(run("restore", "nowhere", "--check"))
    assert run("backup", "backups").exit_code == 0
    assert "There are: 20" in refusal(run("restore", "backups", "--name", "2020-01-01T000000Z"))
    assert "(restore_not_empty)" in refusal(run("restore", "backups"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("Dear Ann")
    assert "(backup_place_taken)" in refusal(run("backup", "mine"))
    move()
    assert "(backup_of_nothing)" in refusal(run("backup", "others"))
    (payload,) = (tmp_path / "backups").glob("payloads/*/*/*.zst")
    payload.write_bytes(b"")
    lacking = run("restore", "backups", "--check")
    assert lacking.exit_code == 1
    assert f"payload {payload.stem} is damaged" in lacking.stdout


def test_what_is_next_is_said_also_when_something_is_lacking(
    saved: Saved, tmp_path: Path, move: Move
) -> None:
    saved.take_in(1)
    lost = next((tmp_path / "landing").glob("??/??/*.zst"))
    lost.unlink()
    assert run("backup", "backups").exit_code == 1
    (damaged,) = (tmp_path / "backups").glob("payloads/*/*/*.zst")
    damaged.write_bytes(b"")
    move()

    restored = run("restore", "backups")

    assert restored.exit_code == 1
    assert f"lost before the backup was made: 1, such as {lost.stem}." in restored.stdout
    assert f"keys are missing here: {saved.runtime.keys.current_id}." in restored.stdout
    assert "What came after the backup is gone" in restored.stdout
    assert restored.stdout.endswith(f":\n  payload {damaged.stem} is damaged\n")


def test_the_drill_with_the_key_and_without(saved: Saved, tmp_path: Path, move: Move) -> None:
    key = saved.runtime.keys.current_id
    kept = (tmp_path / "seal.keys").read_text()
    assert run("backup", "backups").exit_code == 0
    new_keys = tmp_path / "another-machine" / "seal.keys"
    url = move()

    restored = run("restore", "backups")

    assert restored.exit_code == 0, restored.output
    assert f"These keys are missing here: {key}." in restored.stdout
    assert "Dagster's runs: restored too." in restored.stdout
    assert run("audit", "verify").exit_code == 1  # no keys at all: nothing starts
    sealing.load_or_create(new_keys)
    refused = refusal(run("facility", "list"))
    assert refused.startswith(f"Error: The key '{key}', which seals 1 grant")
    assert "(seal_key_missing)" in refused
    assert f"dcarbon keys give-up {key}" in " ".join(run("keys", "list").stdout.split())

    # Found again: put behind the other one, everything goes on as it was.
    sealing.replace(new_keys, sealing.load(new_keys).joined(KeyRing.parse(kept.strip())))
    assert "House of ann" in run("facility", "list").stdout
    assert run("audit", "verify").exit_code == 0

    # Lost for good: the customer is asked, and all that was collected stays.
    new_keys.unlink()
    sealing.load_or_create(new_keys)
    before = counted(url)
    given_up = run("keys", "give-up", key, "--yes")
    assert given_up.exit_code == 0, given_up.output
    assert given_up.stdout.startswith("Given up: 1 grant")
    assert "House of ann" in run("facility", "list").stdout
    after = counted(url)
    assert after == before | {"authorized": 0, "mails": before["mails"] + 1}
    assert run("audit", "verify").exit_code == 0


def counted(url: str) -> dict[str, int]:
    engine = database.create(url)
    asked = {
        "days": "select count(*) from interval_days",
        "payloads": "select count(*) from landed_payloads",
        "authorized": "select count(*) from authorizations where status = 'authorized'",
        "mails": "select count(*) from mails where kind = 'reauthorization_needed'",
    }
    with engine.connect() as connection:
        found = {name: connection.scalar(text(query)) or 0 for name, query in asked.items()}
    engine.dispose()
    return found
