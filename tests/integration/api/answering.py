"""A runtime whose utilities answer from memory, for tests that start authorizations in passing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from dcarbon import settings
from dcarbon.services.runtime import Runtime, open_runtime
from tests.integration.conftest import NOW

_CLIENT = {"client_id": "client-of-tests", "client_secret": "not-a-secret"}


@contextmanager
def answering_runtime(database_url: str, directory: Path) -> Iterator[Runtime]:
    """Open a runtime registered at every utility: without a registration, starting is 502."""
    chosen = settings.load(
        {},
        directory=directory,
        database_url=database_url,
        seal_keys_file=directory / "seal.keys",
        providers={
            **dict.fromkeys(("pge", "sce", "sdge"), _CLIENT),
            "utilityapi": {"api_token": "not-a-token"},
        },
    )
    networks = {"utilityapi": httpx2.MockTransport(_utilityapi)}
    with open_runtime(chosen, clock=lambda: NOW, networks=networks) as runtime:
        yield runtime


def _utilityapi(request: httpx2.Request) -> httpx2.Response:
    if request.method == "POST":
        form = {"uid": "560118", "url": "https://utilityapi.com/authorize/of_tests"}
        return httpx2.Response(200, json=form)
    return httpx2.Response(200, json={"authorizations": [], "next": None})
