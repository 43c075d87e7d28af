"""``dcarbon export`` writes a whole file or none."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from dcarbon.db.sealing import KeyRing
from dcarbon.settings import PREFIX
from tests.support.commands import run

pytestmark = pytest.mark.database
DAY = ("--from", "2019-10-03", "--until", "2019-10-04")


@pytest.fixture(autouse=True)
def _house(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, samples: Path
) -> None:
    """A facility with a day of hourly readings; files go to the test's own folder."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DCARBON_DATABASE_URL", database_url)
    monkeypatch.setenv("DCARBON_SEAL_KEYS", KeyRing.generate().reveal())
    monkeypatch.setenv("COLUMNS", "200")
    run("facility", "add", "House", "--owner", "ann@example.test")
    run("import", "--facility", "House", samples / "pge-electric-hourly-1day.xml")


def test_a_day_is_written_to_a_file_named_after_it(tmp_path: Path) -> None:
    result = run("export", "--facility", "House", *DAY)

    assert result.exit_code == 0, result.output
    path = tmp_path / result.stdout.strip()
    assert path.name == "house-5391320451-2019-10-03-to-2019-10-03.csv"
    with path.open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == 24
    assert "24 readings" in result.stderr


def test_a_file_and_a_format_can_be_chosen(tmp_path: Path) -> None:
    result = run("export", "--facility", "House", *DAY, "--format", "parquet", "--output", "day.pq")

    assert result.exit_code == 0, result.output
    assert pq.read_table(tmp_path / "day.pq").num_rows == 24


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--facility", "House", "--from", "soon", "--until", "2019-10-04"), "must be a date"),
        (("--facility", "Barn", *DAY), "no facility"),
        (("--facility", "House", *DAY, "--output", "no/such/folder.csv"), "no such file"),
    ],
)
def test_what_makes_no_sense_is_said_and_leaves_no_file(
    tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    before = set(tmp_path.iterdir())

    result = run("export", *arguments)

    assert result.exit_code == 1
    assert says in " ".join(result.stderr.split()).lower()
    assert set(tmp_path.iterdir()) == before


def test_help_says_what_each_option_means() -> None:
    result = run("export", "--help")

    assert result.exit_code == 0
    assert "--reported-on" in result.output
    assert "csv|zip|xlsx|parquet" in result.output
