"""Every runtime on one database asks a provider within one common limit."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest

from dcarbon import settings
from dcarbon.domain.errors import ProviderThrottled
from dcarbon.services.runtime import Runtime, open_runtime

pytestmark = pytest.mark.database


def opened(stack: ExitStack, database_url: str, directory: Path, **limits: str) -> Runtime:
    chosen = settings.load(
        {},
        directory=directory,
        database_url=database_url,
        seal_keys_file=directory / "seal.keys",
        providers={"pge": {"client_id": "client-of-tests", "overrides": limits}},
    )
    network = httpx2.MockTransport(lambda _: httpx2.Response(200))
    return stack.enter_context(open_runtime(chosen, networks={"pge": network}))


def ask(runtime: Runtime) -> None:
    runtime.providers.transport("pge").request("GET", "x", accept="*/*")


def test_what_one_process_has_asked_the_other_may_not(database_url: str, tmp_path: Path) -> None:
    limits = {"needs_client_certificate": "false", "per_second": "1000", "per_day": "3"}
    with ExitStack() as stack:
        first, second = (opened(stack, database_url, tmp_path, **limits) for _ in range(2))
        ask(first)
        ask(second)
        ask(first)

        for late in (first, second):
            with pytest.raises(ProviderThrottled) as caught:
                ask(late)

            assert caught.value.retry_after is not None
            assert not caught.value.may_have_arrived


def test_what_was_asked_counts_after_a_restart(database_url: str, tmp_path: Path) -> None:
    limits = {"needs_client_certificate": "false", "per_day": "1"}
    with ExitStack() as stack:
        ask(opened(stack, database_url, tmp_path, **limits))

    with ExitStack() as stack, pytest.raises(ProviderThrottled):
        ask(opened(stack, database_url, tmp_path, **limits))
