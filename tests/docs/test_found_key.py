"""What the runbook of a lost key says to type puts a key that was found behind those there are."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest

from tests.docs.blocks import Document

FILE = ".dcarbon/seal.keys"


@pytest.mark.parametrize(
    ("there", "then"),
    [("new", "new,found"), ("newest,newer", "newest,newer,found"), (None, "found")],
)
def test_a_key_that_was_found_is_put_behind_those_there_are(
    tmp_path: Path, there: str | None, then: str
) -> None:
    blocks = Document("docs/runbooks/key-lost.md").blocks
    (words,) = (block.text for block in blocks if "found.keys" in block.text)
    place = tmp_path / FILE
    place.parent.mkdir()
    if there is not None:
        place.write_text(there)
    (tmp_path / "found.keys").write_text("found\n")

    # What follows shows the keys of an installation, which there is not.
    subprocess.run(
        ["/bin/sh", "-eu", "-c", f"dcarbon() {{ :; }}\n{words}"], cwd=tmp_path, check=True
    )

    assert place.read_text().strip() == then
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
