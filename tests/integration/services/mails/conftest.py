"""A runtime that sends to an SMTP server of the test, over STARTTLS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dcarbon import settings
from dcarbon.services.runtime import Runtime, open_runtime
from dcarbon_sandbox.authority import Authority, ensure_authority
from dcarbon_sandbox.clock import SandboxClock
from dcarbon_sandbox.product_settings import product_settings
from dcarbon_sandbox.state import SandboxState
from tests.integration.conftest import NOW
from tests.integration.services.mails.parts import (
    Clock,
    Postmaster,
    endpoints,
    serving,
)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return ensure_authority(tmp_path / "authority")


@pytest.fixture
def postmaster(tmp_path: Path) -> Postmaster:
    return Postmaster(SandboxState(tmp_path / "state"), SandboxClock(NOW))


@pytest.fixture
def port(postmaster: Postmaster, authority: Authority) -> Iterator[int]:
    with serving(postmaster, authority) as port:
        yield port


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def runtime(
    database_url: str, tmp_path: Path, clock: Clock, authority: Authority, port: int
) -> Iterator[Runtime]:
    chosen = settings.load(
        product_settings(endpoints(authority, port)),
        directory=tmp_path,
        database_url=database_url,
        seal_keys_file=tmp_path / "seal.keys",
    )
    with open_runtime(chosen, clock=clock) as runtime:
        yield runtime
