"""The whole product in one process, with its logs at their most talkative, at real utilities."""

from __future__ import annotations

import io
import logging
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog

from dcarbon import logs, settings
from dcarbon.services.runtime import Runtime, open_runtime
from dcarbon_sandbox.clock import SandboxClock
from dcarbon_sandbox.product_settings import product_settings
from dcarbon_sandbox.server import Running
from tests.integration.collection.conftest import sandbox
from tests.integration.pipelines.conftest import dagster_databases, dagster_template, instance
from tests.integration.tokens.witness import Witness

__all__ = ["dagster_databases", "dagster_template", "instance", "sandbox"]

_SANDBOX_THREADS = ("CP Server", "web")
_MAIL_SINK = "mail.log"


@pytest.fixture
def clock() -> SandboxClock:
    """A time that is over wherever this runs: Dagster has partitions for days gone by only."""
    return SandboxClock(datetime(2026, 3, 10, 18, tzinfo=UTC))


@pytest.fixture
def platform_token(sandbox: Running) -> str:
    """A token of ours at UtilityAPI that is nobody else's word."""
    token = secrets.token_urlsafe(24)
    set_platform_token(sandbox, token)
    return token


def set_platform_token(at: Running, token: str) -> None:
    answer = at.app.test_client().patch("/sandbox/utilityapi/settings", json={"token": token})
    assert answer.status_code == 200, answer.text


@pytest.fixture
def runtime(
    database_url: str,
    tmp_path: Path,
    sandbox: Running,
    clock: SandboxClock,
    platform_token: str,
) -> Iterator[Runtime]:
    fast = {f"DCARBON_PROVIDERS__{key}__OVERRIDES__PER_SECOND": "20" for key in ("PGE", "SDGE")}
    ours = {"DCARBON_PROVIDERS__UTILITYAPI__API_TOKEN": platform_token}
    chosen = settings.load(
        {**product_settings(sandbox.endpoints), **fast, **ours},
        directory=tmp_path,
        database_url=database_url,
        seal_keys_file=tmp_path / "seal.keys",
        history_days=2,
        rotation_days=1,
        admin_session_max_hours=1000,
    )
    with open_runtime(chosen, clock=clock.now) as runtime:
        yield runtime


@pytest.fixture
def witness(runtime: Runtime, sandbox: Running) -> Witness:
    seen = Witness(sandbox)
    credentials = runtime.providers.credentials("utilityapi")
    for name in ("api_token", "webhook_secret"):
        secret = getattr(credentials, name)
        seen.tell(name, secret.reveal())
    return seen


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Everything the product logs, as its processes write it, at DEBUG; not the sandbox's own."""
    written = io.StringIO()
    with ExitStack() as ours:
        for name in logs.OURS:
            ours.enter_context(_let_through(name))
        ours.enter_context(_logging_to(written))
        yield written


@contextmanager
def _logging_to(stream: io.StringIO) -> Iterator[None]:
    root, configured = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = []
    logs.configure("DEBUG")
    # Loggers of modules would remember this for all tests after.
    structlog.configure(**{**structlog.get_config(), "cache_logger_on_first_use": False})
    (handler,) = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(stream)
    handler.addFilter(_is_ours)
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.configure(**configured)


@contextmanager
def _let_through(name: str) -> Iterator[None]:
    """A test before may have opened a runtime as a process of Dagster's does: it logs by itself."""
    logger = logging.getLogger(name)
    handlers, level, propagate = logger.handlers[:], logger.level, logger.propagate
    logger.handlers[:], logger.propagate = [], True
    logger.setLevel(logging.NOTSET)
    try:
        yield
    finally:
        logger.handlers[:], logger.propagate = handlers, propagate
        logger.setLevel(level)


def _is_ours(record: logging.LogRecord) -> bool:
    thread = record.threadName or ""
    return not thread.startswith(_SANDBOX_THREADS) and record.name != _MAIL_SINK
