"""``dcarbon psql``: psql's own arguments, output and exit status, on the database in use."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from dcarbon.cli.psql import command


def test_sql_goes_to_the_database_in_use(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DCARBON_DATABASE_URL", database_url)

    done = CliRunner().invoke(command, ["-X", "-At", "-c", "select 40 + 2"])
    refused = CliRunner().invoke(command, ["-X", "-At", "-c", "select nothing_of_the_kind"])

    assert (done.exit_code, refused.exit_code) == (0, 1)
    assert capfd.readouterr().out.strip() == "42"
