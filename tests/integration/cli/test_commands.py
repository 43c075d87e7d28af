"""The commands on a database of one's own: what they do, and how they say what is wrong."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import UUID

import pytest
from click.testing import Result
from sqlalchemy import Engine, func, select, text

from dcarbon.db import engine as database_engine
from dcarbon.db import migrate
from dcarbon.db.interval_days import IntervalDay
from dcarbon.db.payloads import LandedPayload
from dcarbon.db.sealing import KeyRing
from dcarbon.services import api_tokens
from dcarbon.settings import PREFIX
from tests.integration.conftest import NOW
from tests.support.commands import refusal, run

pytestmark = pytest.mark.database

DAY = "pge-electric-hourly-1day.xml"


@pytest.fixture(autouse=True)
def _settings(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but the database and keys is set; files go to the test's own folder."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DCARBON_DATABASE_URL", database_url)
    monkeypatch.setenv("DCARBON_SEAL_KEYS", KeyRing.generate().reveal())
    monkeypatch.setenv("COLUMNS", "200")


def add(name: str = "House", owner: str = "ann@example.test") -> str:
    result = run("facility", "add", name, "--owner", owner)
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


def test_a_facility_is_registered_and_listed() -> None:
    identity = add("Imaginary Widgets Plant")

    result = run("facility", "list")

    assert result.exit_code == 0
    assert str(UUID(identity)) in result.stdout
    assert "Imaginary Widgets Plant" in result.stdout


def test_an_empty_list_says_what_to_do() -> None:
    result = run("facility", "list")

    assert result.exit_code == 0
    assert "dcarbon facility add" in result.stdout


@pytest.mark.parametrize("name", ["[red]House[/]", "[/]", "House [1]"])
def test_brackets_in_a_name_are_shown_as_they_are(name: str) -> None:
    """They would be markup to the library that draws the table."""
    add(name)

    assert name in run("facility", "list").stdout
    assert name in refusal(run("import", "--facility", f"{name} not there", __file__))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("facility", "add", " ", "--owner", "a@example.test"), "give the facility a name"),
        (("facility", "add", "House", "--owner", "ann"), "complete e-mail address"),
        (
            ("facility", "add", "House", "--owner", "a@example.test", "--time-zone", "Mars/Base"),
            "time zone is not known",
        ),
        (("token", "ann"), "complete e-mail address"),
        (("token", "a@example.test", "--name", " "), "needs a name"),
        (("import", "--facility", "Castle", __file__), "There is no facility 'Castle'"),
        (
            ("import", "--facility", "01890000-0000-7000-8000-000000000000", __file__),
            "(not_found)",
        ),
    ],
)
def test_what_makes_no_sense_is_said_in_a_sentence(arguments: tuple[str, ...], words: str) -> None:
    assert words in refusal(run(*arguments))


def test_two_facilities_of_one_name_have_to_be_told_apart() -> None:
    add(owner="ann@example.test")
    add(owner="ben@example.test")

    assert "give the id" in refusal(run("import", "--facility", "House", __file__))


def test_a_token_is_shown_once_and_works(engine: Engine) -> None:
    result = run("token", "ann@example.test", "--scope", "read")

    assert result.exit_code == 0
    holder = api_tokens.authenticate(
        database_engine.sessions(engine), result.stdout.strip(), now=NOW, ip=None
    )
    assert holder is not None
    assert (holder.scopes, holder.is_admin) == (frozenset({"read"}), False)
    assert result.stdout.strip() not in result.stderr


def test_a_file_is_imported_and_again_changes_nothing(samples: Path) -> None:
    identity = add()

    first = run("import", "--facility", identity, samples / DAY)
    again = run("import", "--facility", "House", samples / DAY)

    assert (first.exit_code, again.exit_code) == (0, 0)
    assert _row(first, DAY)[-3:] == ["24", "24", "0"]
    assert _row(again, DAY)[-3:] == ["24", "0", "0"]


def test_a_file_that_cannot_be_read_is_named_and_the_others_go_on(
    samples: Path, tmp_path: Path, engine: Engine
) -> None:
    add()
    bad = tmp_path / "bad[1].xml"
    bad.write_bytes((samples / DAY).read_bytes()[:2000])
    empty = tmp_path / "empty.xml"
    empty.touch()

    result = run("import", "--facility", "House", bad, empty, samples / DAY)

    assert result.exit_code == 1
    assert "not taken in" in " ".join(_row(result, "bad[1].xml"))
    assert "not taken in" in " ".join(_row(result, "empty.xml"))
    assert _row(result, DAY)[-3:] == ["24", "24", "0"]
    with engine.connect() as connection:
        states = connection.execute(select(LandedPayload.state).order_by(LandedPayload.state))
        assert list(states.scalars()) == ["parsed", "unreadable"]
        assert connection.scalar(select(func.count()).select_from(IntervalDay))


def test_a_schema_is_taken_down_and_up_again(engine: Engine) -> None:
    down = run("migrate", "--to", "base")
    behind = run("migrate", "--check")
    refused = run("facility", "list")
    up = run("migrate")
    again = run("migrate")

    assert (down.exit_code, up.exit_code, again.exit_code) == (0, 0, 0)
    assert behind.exit_code == 1
    assert "dcarbon migrate" in refusal(refused)
    assert migrate.current(engine) == migrate.head()
    assert run("migrate", "--check").exit_code == 0
    assert run("facility", "list").exit_code == 0


def test_an_unknown_revision_is_a_wrong_option() -> None:
    result = run("migrate", "--to", "0999")

    assert result.exit_code == 2
    assert "known revisions" in result.stderr


def test_a_schema_of_a_newer_version_is_said_and_left_alone(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))

    words = refusal(run("migrate"))

    assert "newer version" in words
    assert "(schema_ahead)" in words
    assert migrate.current(engine) == "9999"
    assert "(schema_behind)" in refusal(run("facility", "list"))


def _row(result: Result, name: str) -> list[str]:
    """Return the cells of a file's line in the table."""
    (line,) = [line for line in result.stdout.splitlines() if line.startswith(name)]
    return line.split()
