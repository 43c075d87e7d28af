"""What was fetched over real TLS reads the same from its stored bytes, whatever the protocol."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text

from dcarbon.db.payloads import LandedPayload
from dcarbon.services import collection, replaying
from dcarbon.services.fetching import LOOK_AGAIN
from dcarbon.services.replaying import Asked
from dcarbon.services.runtime import Runtime
from dcarbon_sandbox.clock import SandboxClock
from tests.integration.collection.conftest import Make, authorization_of, stored_wh

pytestmark = pytest.mark.database


@pytest.mark.parametrize("provider", ["pge", "sce"])
def test_green_button_payloads_read_again_change_nothing_and_rebuild_everything(
    runtime: Runtime, customer: Make, provider: str
) -> None:
    """PG&E is walked resource by resource: blocks are read beside what describes them."""
    identity = authorization_of(customer("Solar House").authorise(provider, "sunny"))
    collection.collect(runtime, identity)

    _changes_nothing_and_rebuilds(runtime, Asked(identity))


def test_utilityapi_payloads_read_again_change_nothing_and_rebuild_everything(
    runtime: Runtime, customer: Make, clock: SandboxClock
) -> None:
    completed = customer("Hourly House").authorise("utilityapi", "hourly", utility="LADWP")
    identity = authorization_of(completed)
    while collection.collect(runtime, identity).waiting:
        clock.advance(LOOK_AGAIN * 30)

    _changes_nothing_and_rebuilds(runtime, Asked(identity))


def _changes_nothing_and_rebuilds(runtime: Runtime, asked: Asked) -> None:
    before = stored_wh(runtime)
    with runtime.sessions() as session:
        payloads = len(session.scalars(select(LandedPayload.id)).all())

    same = replaying.replay(runtime, asked, apply=False)
    with runtime.sessions.begin() as session:
        session.execute(text("delete from interval_days; delete from period_readings"))
    rebuilt = replaying.replay(runtime, asked, apply=True)

    assert (same.counts["payloads"], same.counts["unreadable_now"]) == (payloads, 0)
    assert (same.counts["changed"], same.counts["new"]) == (0, 0)
    assert same.counts["meters_changed"] == 0
    assert rebuilt.counts["new"] > 0
    assert stored_wh(runtime) == before
