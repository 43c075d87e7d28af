"""What PostgreSQL's programs say of themselves, and what we take for success."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcarbon.db import archives
from dcarbon.domain.errors import DatabaseToolFailed

URL = "postgresql+psycopg://nobody@localhost/none"
BEFORE_17, SINCE_17 = 160_000, 170_000
HARMLESS = 'pg_restore: error: unrecognized configuration parameter "transaction_timeout"'
SERIOUS = "pg_restore: error: could not read from the file"


@pytest.mark.parametrize(
    ("complaint", "end", "server", "succeeds"),
    [
        ("", "exit 0", SINCE_17, True),
        ("", "exit 1", SINCE_17, False),
        (HARMLESS, "exit 1", BEFORE_17, True),
        (HARMLESS, "exit 1", SINCE_17, False),
        (SERIOUS, "exit 1", BEFORE_17, False),
        (HARMLESS, "kill -9 $$", BEFORE_17, False),
    ],
    ids=["well", "without_a_word", "as_always", "new_server", "serious", "killed"],
)
def test_a_restore_succeeds_when_it_came_to_its_end_and_complained_of_nothing_serious(
    complaint: str,
    end: str,
    server: int,
    *,
    succeeds: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program = tmp_path / "pg_restore"
    program.write_text(f"#!/bin/sh\necho '{complaint}' >&2\n{end}\n")
    program.chmod(0o700)
    monkeypatch.setattr(archives, "_tool", lambda _name: str(program))

    if succeeds:
        archives.restore(URL, tmp_path, server=server)
    else:
        with pytest.raises(DatabaseToolFailed, match="pg_restore could not do it"):
            archives.restore(URL, tmp_path, server=server)
