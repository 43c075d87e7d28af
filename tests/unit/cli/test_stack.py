"""What the parts of the stack are told, and which ports they get."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from dcarbon import settings
from dcarbon.cli.stack import free_port, public_url, settings_file
from dcarbon.settings import FILE_VARIABLE

WEB = "http://127.0.0.1:8123"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_public_address_is_where_the_web_app_came_up_unless_it_is_set() -> None:
    plain = settings.load({})
    chosen = settings.load({"DCARBON_PUBLIC_URL": "https://dcarbon.example/"})

    assert public_url(plain, WEB) == WEB
    assert public_url(chosen, WEB) == "https://dcarbon.example"


@pytest.mark.parametrize("name", ["dcarbon.toml", "other.toml"])
def test_every_part_reads_the_same_settings_file(tmp_path: Path, name: str) -> None:
    """Parts work in the directory of embedded defaults, where a relative name means nothing."""
    (tmp_path / name).write_text("history_days = 10\n")
    environ = {} if name == "dcarbon.toml" else {FILE_VARIABLE: name}

    assert settings_file(environ) == {FILE_VARIABLE: str(tmp_path / name)}


def test_without_a_settings_file_nothing_is_said_of_one() -> None:
    assert settings_file({}) == {}


def test_a_port_that_is_taken_is_replaced() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])

        found = free_port(port)

    assert found not in {0, port}
    assert free_port(found) == found
