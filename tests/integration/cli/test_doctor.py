"""``dcarbon doctor`` as people and programs see it, before all is set up and when all fails."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dcarbon.cli import dcarbon
from dcarbon.db.sealing import KeyRing
from dcarbon.settings import PREFIX


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith((PREFIX, "DAGSTER_"))]:
        monkeypatch.delenv(name)


def doctor(*arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(dcarbon, ["doctor", *arguments], env=environ)


def test_before_anything_is_set_up_nothing_is_wrong_and_nothing_is_made(tmp_path: Path) -> None:
    result = doctor()

    assert result.exit_code == 0, result.output
    assert "OK       Database: There is no database yet." in result.stdout
    assert "Warning  Utilities: No utility is set up." in result.stdout
    assert "         To do: Set what a utility gave you" in result.stdout
    assert re.fullmatch(r"no problems, \d warnings, \d+ OK\.", result.stdout.splitlines()[-1])
    assert list(tmp_path.iterdir()) == []


def test_with_wrong_settings_it_says_which_and_that_the_rest_has_to_wait() -> None:
    result = doctor(DCARBON_NONSENSE="hidden", DCARBON_WEB_PORT="hidden")

    assert result.exit_code == 1
    assert "Problem  Settings: A setting is wrong. DCARBON_NONSENSE is not a" in result.stdout
    assert "Problem  Settings: A setting is wrong. DCARBON_WEB_PORT:" in result.stdout
    assert "hidden" not in result.output


def test_with_the_database_down_everything_else_is_looked_at(tmp_path: Path) -> None:
    keys = KeyRing.generate().reveal()
    given = {
        "DCARBON_DATABASE_URL": "postgresql://u:hidden@127.0.0.1:1/d",
        "DCARBON_SEAL_KEYS": keys,
        "DCARBON_METRICS_TOKEN": "hidden-hidden-hidden",
        "DCARBON_MAIL_PASSWORD": "hidden",
        "DCARBON_PUBLIC_URL": "http://127.0.0.1:1",
        "DCARBON_DAGSTER_URL": "http://127.0.0.1:1",
        "DCARBON_DIRECTORY": str(tmp_path),
    }

    result = doctor("--json", **given)

    document = json.loads(result.stdout)
    codes = [finding["code"] for finding in document["findings"]]
    assert result.exit_code == 1
    assert document["state"] == "wrong"
    assert {"python_good", "database_refused", "providers_none", "dagster_silent"} <= set(codes)
    refused = document["findings"][codes.index("database_refused")]
    assert refused["part"] == "database"
    assert refused["what_to_do"].startswith("Start PostgreSQL there")
    assert document["findings"][0]["what_to_do"] is None
    assert "hidden" not in result.output
    assert keys.partition(":")[2] not in result.output


@pytest.mark.database
def test_a_database_of_ones_own_is_looked_into(database_url: str, tmp_path: Path) -> None:
    given = {
        "DCARBON_DATABASE_URL": database_url,
        "DCARBON_SEAL_KEYS": KeyRing.generate().reveal(),
        "DCARBON_PUBLIC_URL": "http://127.0.0.1:1",
        "DCARBON_DAGSTER_URL": "http://127.0.0.1:1",
        "DCARBON_DIRECTORY": str(tmp_path / "files"),
    }

    result = doctor(**given)

    assert result.exit_code == 1
    assert "OK       Database: The database fits. Role " in result.stdout
    assert "OK       Landing zone: The landing zone can be used." in result.stdout
    assert "Problem  Pipelines (Dagster): Dagster was never seen." in result.stdout
    assert "Problem  Mail: No mail server is set." in result.stdout
