"""Links lead to where the running product really is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dcarbon.cli import opening
from dcarbon.services.running_stack import RunningStack, announced

WEB = "http://127.0.0.1:8123"


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunningStack:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("DCARBON_")]:
        monkeypatch.delenv(name)
    (tmp_path / ".dcarbon").mkdir()
    return RunningStack(os.getpid(), WEB, "http://127.0.0.1:3000", None)


def test_a_link_leads_to_the_port_that_was_free(stack: RunningStack, tmp_path: Path) -> None:
    before = opening.chosen_here().public_url
    with announced(tmp_path / ".dcarbon", stack):
        during = opening.chosen_here().public_url

    assert (before, during) == ("http://127.0.0.1:8000", WEB)


def test_an_address_that_is_set_stays(
    stack: RunningStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DCARBON_PUBLIC_URL", "https://dcarbon.example.test")

    with announced(tmp_path / ".dcarbon", stack):
        assert opening.chosen_here().public_url == "https://dcarbon.example.test"
