"""Random histories of statements, kept by the store and by a slow dictionary, read the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.orm import Session

from dcarbon.db.interval_days_reading import exponent_of, read_series, restatements
from dcarbon.db.interval_days_writing import SeriesReadings
from dcarbon.domain.calendar import day_bounds
from tests.integration.db.conftest import Place

pytestmark = pytest.mark.database

FIRST = datetime(2026, 3, 7, tzinfo=UTC)  # the day before clocks go forward in California
DAYS = 3
END = FIRST + timedelta(days=DAYS)
CLOCK = datetime(2026, 4, 1, tzinfo=UTC)

Reading = tuple[Decimal, int | None]


@dataclass(frozen=True)
class Statement:
    """Slots since FIRST with value, quality and jitter in seconds, at one exponent."""

    exponent: int
    readings: list[tuple[int, int, int, int]]


def statements(interval_s: int) -> st.SearchStrategy[Statement]:
    slots = DAYS * 86_400 // interval_s
    run = st.tuples(st.integers(0, slots - 1), st.integers(1, slots)).map(
        lambda span: range(span[0], min(slots, span[0] + span[1]))
    )
    values = st.one_of(
        st.integers(-5, 5),
        st.sampled_from([0, 100, 2**31 - 1, 2**31, -(2**31), 3_000_000_000, 10**12 + 1]),
    )
    scattered = st.lists(st.integers(0, slots - 1), max_size=6)

    @st.composite
    def build(draw: st.DrawFn) -> Statement:
        pattern = draw(st.lists(values, min_size=1, max_size=4))
        qualities = draw(st.lists(st.sampled_from([-1, 0, 8, 17]), min_size=1, max_size=3))
        chosen = [*draw(run), *draw(scattered)] if draw(st.booleans()) else draw(scattered)
        jitter = draw(st.sampled_from([-1, 0, 0, 0, 1]))
        readings = [
            (slot, pattern[n % len(pattern)], qualities[n % len(qualities)], jitter)
            for n, slot in enumerate(chosen)
        ]
        return Statement(draw(st.integers(-3, 2)), readings)

    return build()


@st.composite
def histories(draw: st.DrawFn) -> tuple[int, list[list[Statement]]]:
    """An interval length, and writes of one or more statements each."""
    interval_s = draw(st.sampled_from([900, 3600]))
    write = st.lists(statements(interval_s), min_size=1, max_size=2)
    return interval_s, draw(st.lists(write, min_size=1, max_size=5))


class Oracle:
    """Every reading as last stated after each write, and every change of a quantity."""

    def __init__(self, interval_s: int) -> None:
        self.interval_s = interval_s
        self.states: list[dict[datetime, Reading]] = [{}]
        self.changes: list[tuple[datetime, Decimal, Decimal]] = []

    def write(self, stated: Sequence[Statement]) -> None:
        incoming: dict[datetime, Reading] = {}
        for one in stated:
            for slot, value, stated_quality, _ in one.readings:
                start = FIRST + timedelta(seconds=slot * self.interval_s)
                quantity = Decimal(value).scaleb(one.exponent)
                incoming[start] = quantity, None if stated_quality == -1 else stated_quality
        state = dict(self.states[-1])
        for start, (quantity, incoming_quality) in sorted(incoming.items()):
            before = state.get(start)
            quality = incoming_quality
            if before is not None and before[0] != quantity:
                self.changes.append((start, before[0], quantity))
            if before is not None and before[0] == quantity and quality is None:
                quality = before[1]
            state[start] = quantity, quality
        self.states.append(state)


def batch(stated: Statement, series_id: UUID, interval_s: int, payload_id: UUID) -> SeriesReadings:
    base = int(FIRST.timestamp())
    starts = [base + slot * interval_s + jitter for slot, _, _, jitter in stated.readings]
    return SeriesReadings(
        series_id,
        interval_s,
        np.array(starts, np.int64),
        np.array([value for _, value, _, _ in stated.readings], np.int64),
        stated.exponent,
        np.array([quality for _, _, quality, _ in stated.readings], np.int16),
        payload_id,
    )


def as_dictionary(table: pa.Table) -> dict[datetime, Reading]:
    exponent = exponent_of(table)
    found = {
        row["start"]: (Decimal(row["value"]).scaleb(exponent), row["quality"])
        for row in table.to_pylist()
    }
    assert len(found) == table.num_rows
    assert list(found) == sorted(found)
    return found


def of_view(session: Session, series_id: UUID) -> dict[datetime, Reading]:
    rows = session.execute(
        text("select start_utc, value, quality from intervals where series_id = :series"),
        {"series": series_id},
    )
    return {row.start_utc: (row.value, row.quality) for row in rows}


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(history=histories())
def test_every_history_reads_back_as_stated_now_and_as_known_at_any_time(
    place: Place, history: tuple[int, list[list[Statement]]]
) -> None:
    interval_s, writes = history
    series_id, payload_id = place.series(interval_s), place.payload()
    oracle = Oracle(interval_s)

    for number, stated in enumerate(writes, start=1):
        batches = [batch(one, series_id, interval_s, payload_id) for one in stated]
        place.write(*batches, at=CLOCK + timedelta(hours=number))
        oracle.write(stated)

    with place.sessions() as session:
        now = as_dictionary(read_series(session, series_id, FIRST, END))
        known = [
            as_dictionary(
                read_series(
                    session, series_id, FIRST, END, as_known_at=CLOCK + timedelta(hours=number)
                )
            )
            for number in range(len(writes) + 1)
        ]
        view = of_view(session, series_id)
        changes = [
            (
                one.start,
                Decimal(one.old).scaleb(one.exponent),
                Decimal(one.new).scaleb(one.exponent),
            )
            for one in restatements(session, series_id, FIRST, END)
        ]
    assert now == oracle.states[-1]
    assert known == oracle.states
    assert view == oracle.states[-1]
    assert sorted(changes) == sorted(oracle.changes)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(history=histories())
def test_stating_the_last_state_again_writes_nothing(
    place: Place, history: tuple[int, list[list[Statement]]]
) -> None:
    interval_s, writes = history
    series_id, payload_id = place.series(interval_s), place.payload()
    for number, stated in enumerate(writes):
        batches = [batch(one, series_id, interval_s, payload_id) for one in stated]
        place.write(*batches, at=CLOCK + timedelta(hours=number))

    again = place.write(*batches, at=CLOCK + timedelta(days=1))

    assert (again.days_written, again.readings_new, again.readings_restated) == (0, 0, 0)
    assert again.touched == ()


@pytest.mark.parametrize("interval_s", [900, 3600])
def test_the_local_days_around_a_clock_change_read_back_whole(
    place: Place, interval_s: int
) -> None:
    zone = ZoneInfo("America/Los_Angeles")
    series_id = place.series(interval_s)
    slots = DAYS * 86_400 // interval_s
    stated = Statement(0, [(slot, slot, -1, 0) for slot in range(slots)])
    place.write(batch(stated, series_id, interval_s, place.payload()), at=CLOCK)
    start, end = day_bounds(datetime(2026, 3, 8, tzinfo=UTC).date(), zone)

    with place.sessions() as session:
        table = read_series(session, series_id, start, end)

    assert table.num_rows == 23 * 3600 // interval_s
    assert table["start"][0].as_py() == start
