"""Signs of life: pipelines and mailer write down that they work, the System page looks."""

from __future__ import annotations

from datetime import timedelta

from dcarbon.db import heartbeats
from dcarbon.services.runtime import Runtime

EVERY = timedelta(seconds=30)
SILENT_AFTER = timedelta(minutes=3)
"""The mailer looks once a minute while the mail server does not answer."""


def give(runtime: Runtime, process: str) -> None:
    """Write down that this process works: ``heartbeats.PIPELINES`` or ``MAILER``."""
    with runtime.sessions.begin() as session:
        heartbeats.beat(session, process, now=runtime.now())
