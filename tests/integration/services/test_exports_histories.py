"""Random histories, exported as known at each moment, beside what a slow oracle was told."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given

from dcarbon.services import exports_blocks, exports_csv, exports_plan
from dcarbon.services.exports import Format
from dcarbon.services.exports_plan import Wish
from dcarbon.services.runtime import Runtime
from tests.integration.services.conftest import Resident, Settle
from tests.integration.services.exporting import Rows, rows_of
from tests.integration.services.histories import DIRECTIONS, History, histories, steady
from tests.integration.services.test_histories_against_an_oracle import World

pytestmark = pytest.mark.database


@pytest.fixture
def ann(settle: Settle) -> Resident:
    return settle("ann")


def exported(world: World, at: datetime, *, cut: datetime | None = None) -> Rows:
    """Return the rows of the world's meter as known at a moment, in one export or in two."""
    history = world.history
    ends = [history.start, *([cut] if cut else []), history.end]
    rows: Rows = []
    for start, end in pairwise(ends):
        with world.runtime.sessions() as session:
            meters = (world.meter(session).id,)
            wish = Wish(start.isoformat(), end.isoformat(), None, meters, at.isoformat())
            now = world.now + timedelta(days=1)
            plan = exports_plan.of(session, wish, actor=world.ann.actor, now=now)
        found = exports_blocks.blocks(world.runtime.sessions, plan)
        part = rows_of(b"".join(exports_csv.chunks(found)), Format.CSV)
        assert len(part) == plan.readings
        rows += part
    return rows


def told(rows: Rows) -> set[tuple[Any, ...]]:
    names = ("direction", "utc_start", "duration_s", "value", "quality_code", "restated")
    return {tuple(row[name] for name in names) for row in rows}


@steady
@given(history=histories())
def test_an_export_tells_what_was_known_at_any_time(
    runtime: Runtime, ann: Resident, history: History
) -> None:
    world = World(runtime, ann, history)

    for payload in history.payloads:
        at = payload.at
        changed = {
            (change.direction, change.start, change.length_s)
            for change in world.oracle.changes
            if change.at <= at
        }
        known = world.oracle.at(at)
        expected = {
            (one.value, start, length, value, quality, (one.value, start, length) in changed)
            for one in DIRECTIONS
            for start, (length, value, quality) in world.oracle.line(known, one.value).items()
            if history.start <= start < history.end
        }
        rows = exported(world, at)
        assert told(rows) == expected
        assert len(rows) == len(expected)


@steady
@given(history=histories())
def test_two_exports_of_neighbouring_ranges_are_one(
    runtime: Runtime, ann: Resident, history: History
) -> None:
    """A cut within an hour that quarter hours tell of, too, changes nothing about either."""
    world = World(runtime, ann, history)
    cut = history.start + timedelta(days=1, hours=3, minutes=30)

    assert told(exported(world, world.now, cut=cut)) == told(exported(world, world.now))
