"""The doctor goes on where the user who runs it may not look."""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dcarbon import settings
from dcarbon.domain.errors import SettingsInvalid
from dcarbon.domain.system_words import State
from dcarbon.services.doctor import examining
from dcarbon.services.doctor.examining import Subject

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)


def close(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse to say anything of what is in a folder, as the system does for another user's.

    Taking its rights away would not stop root, as whom tests may run.
    """
    stat = Path.stat

    def refused(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        if folder in path.absolute().parents:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return stat(path, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(Path, "stat", refused)


@pytest.mark.parametrize(
    "words", ["files", "disks", "keys", "the database and what is in it"], ids=str
)
def test_a_place_of_another_user_is_named_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    """``Path.exists`` raises where the folder may not be entered."""
    monkeypatch.chdir(tmp_path)
    directory = tmp_path / "closed"
    chosen = settings.load({"DCARBON_DIRECTORY": str(directory / "of-dcarbon")})
    looks = dict(examining.looks(Subject(chosen, {}, None, NOW)))
    close(directory, monkeypatch)

    (found,) = looks[words]()

    assert (found.code, found.state) == ("place_closed", State.WRONG)
    assert f"{directory}{os.sep}" in found.text.what_happened
    assert f"in full: {words}." in found.text.what_happened
    assert "as the user DCarbon runs as" in found.text.what_to_do


def test_a_settings_file_of_another_user_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "closed" / "dcarbon.toml"

    def refused(path: Path, *_: object, **__: object) -> str:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_text", refused)
    close(file.parent, monkeypatch)

    with pytest.raises(SettingsInvalid) as raised:
        settings.load({settings.FILE_VARIABLE: str(file)})

    assert raised.value.display_message.endswith("dcarbon.toml cannot be read: Permission denied.")
