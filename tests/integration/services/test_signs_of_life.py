"""Pipelines and mailer say that they work, in the database, where the System page looks."""

from __future__ import annotations

import threading

import dagster as dg
import pytest

from dcarbon.cli import mailer
from dcarbon.db import heartbeats
from dcarbon.services.runtime import Runtime
from sensors.signs_of_life import pipelines_live
from tests.integration.conftest import NOW

pytestmark = pytest.mark.database


class OneRound(threading.Event):
    """Set as soon as somebody waits for it."""

    def wait(self, timeout: float | None = None) -> bool:
        del timeout
        self.set()
        return True


def test_each_process_writes_its_last_sign_of_life(runtime: Runtime) -> None:
    mailer.run(runtime, OneRound())
    with dg.build_sensor_context(resources={"runtime": runtime}) as context:
        said = pipelines_live(context)

    assert isinstance(said, dg.SkipReason)
    with runtime.sessions() as session:
        assert heartbeats.newest(session) == {heartbeats.MAILER: NOW, heartbeats.PIPELINES: NOW}
