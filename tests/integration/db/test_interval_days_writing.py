"""Writing interval days: what is written, what is left alone, what is refused."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from psycopg.errors import ForeignKeyViolation
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from dcarbon.db.base import new_id
from dcarbon.db.interval_days_reading import exponent_of, read_series, restatements
from dcarbon.db.interval_days_writing import SeriesReadings, Touched, write
from dcarbon.db.tables import IntervalDay, IntervalDayHistory, Series
from dcarbon.domain.errors import ContractViolation, DCarbonError
from tests.integration.db.conftest import Place

pytestmark = pytest.mark.database

DAY = datetime(2026, 5, 4, tzinfo=UTC)
WHOLE_DAY: list[int | None] = list(range(100, 196))
T1 = datetime(2026, 5, 6, 4, tzinfo=UTC)
T2 = T1 + timedelta(days=1)

Make = Callable[..., SeriesReadings]


def values_of(place: Place, batch: SeriesReadings) -> list[Decimal]:
    with place.sessions() as session:
        table = read_series(session, batch.series_id, DAY, DAY + timedelta(days=1))
    return [Decimal(value).scaleb(exponent_of(table)) for value in table["value"].to_pylist()]


def test_a_written_day_says_what_was_new(place: Place, statement: Make) -> None:
    batch = statement(place.series(), DAY, WHOLE_DAY)

    outcome = place.write(batch, at=T1)

    assert (outcome.days_written, outcome.days_unchanged) == (1, 0)
    assert (outcome.readings_new, outcome.readings_restated) == (96, 0)
    assert outcome.touched == (Touched(batch.series_id, DAY.date(), DAY.date()),)


def test_an_unchanged_repeat_touches_no_row_and_writes_next_to_no_wal(
    place: Place, statement: Make
) -> None:
    batch = statement(place.series(), DAY, WHOLE_DAY * 60)
    place.write(batch, at=T1)
    state = text("select xmin::text, ctid::text from interval_days order by utc_day")
    position = text("select pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
    with place.sessions() as session:
        before, began = session.execute(state).all(), session.scalar(position)
        session.commit()

        outcome = write(session, [batch], recorded_at=T2)
        session.commit()

        wal = session.scalar(position) - began
        assert session.execute(state).all() == before
    assert (outcome.days_unchanged, outcome.readings_unchanged) == (60, 5760)
    assert wal < 5760


def test_a_narrower_repeat_inside_a_stored_day_changes_nothing(
    place: Place, statement: Make
) -> None:
    batch = statement(place.series(), DAY, WHOLE_DAY)
    place.write(batch, at=T1)
    part = replace(
        batch, start=batch.start[10:20], value=batch.value[10:20], quality=batch.quality[10:20]
    )

    outcome = place.write(part, at=T2)

    assert (outcome.days_written, outcome.readings_unchanged) == (0, 10)


def test_a_restated_reading_keeps_the_earlier_state_in_the_history(
    place: Place, statement: Make
) -> None:
    batch = statement(place.series(), DAY, WHOLE_DAY)
    place.write(batch, at=T1)
    restated = statement(batch.series_id, DAY, [7, *WHOLE_DAY[1:]])

    outcome = place.write(restated, at=T2)

    with place.sessions() as session:
        earlier = session.query(IntervalDayHistory).one()
        current = session.query(IntervalDay).one()
        changes = restatements(session, batch.series_id, DAY, DAY + timedelta(hours=1))
    assert (outcome.readings_restated, outcome.readings_unchanged) == (1, 95)
    assert (earlier.readings[0], earlier.recorded_at, earlier.superseded_at) == (100, T1, T2)
    assert (earlier.payload_id, earlier.restated_slots) == (batch.payload_id, 1)
    assert (current.readings[0], current.recorded_at) == (7, T2)
    assert changes == [(DAY, 100, 7, 0, T2, batch.payload_id, restated.payload_id)]


def test_filling_a_missing_reading_is_no_restatement(place: Place, statement: Make) -> None:
    gap: list[int | None] = [*WHOLE_DAY[:40], None, *WHOLE_DAY[41:]]
    batch = statement(place.series(), DAY, gap)
    place.write(batch, at=T1)

    outcome = place.write(statement(batch.series_id, DAY, WHOLE_DAY), at=T2)

    with place.sessions() as session:
        assert session.query(IntervalDayHistory).one().restated_slots == 0
        assert restatements(session, batch.series_id, DAY, DAY + timedelta(days=1)) == []
    assert (outcome.readings_new, outcome.readings_restated) == (1, 0)


def test_a_missing_reading_never_erases_a_stored_one(place: Place, statement: Make) -> None:
    batch = statement(place.series(), DAY, WHOLE_DAY)
    place.write(batch, at=T1)
    gap: list[int | None] = [None, 5, *[None] * 94]

    place.write(statement(batch.series_id, DAY, gap), at=T2)

    assert values_of(place, batch) == [100, 5, *WHOLE_DAY[2:]]


def test_another_exponent_for_the_same_quantities_changes_nothing(
    place: Place, statement: Make
) -> None:
    batch = statement(place.series(), DAY, [5, 70, 0], exponent=0)
    place.write(batch, at=T1)

    finer = place.write(statement(batch.series_id, DAY, [5000, 70_000, 0], exponent=-3), at=T2)
    coarser = place.write(statement(batch.series_id, DAY, [None, 7], exponent=1), at=T2)

    assert (finer.days_written, coarser.days_written) == (0, 0)


def test_a_finer_statement_keeps_every_digit(place: Place, statement: Make) -> None:
    batch = statement(place.series(), DAY, [2_000_000_000, 3], exponent=3)
    place.write(batch, at=T1)

    place.write(statement(batch.series_id, DAY, [None, 3_000_001], exponent=-3), at=T2)

    assert values_of(place, batch) == [Decimal(2000000000000), Decimal("3000.001")]


@pytest.mark.parametrize("value", [2**31, -(2**31), 10**15 + 1, 2**63 - 1, -(2**63) + 1])
def test_a_value_too_big_for_a_slot_is_kept_exactly(
    place: Place, statement: Make, value: int
) -> None:
    batch = statement(place.series(), DAY, [value, None, 1], exponent=-3)

    place.write(batch, at=T1)

    assert values_of(place, batch) == [Decimal(value).scaleb(-3), Decimal("0.001")]
    with place.sessions() as session:
        stored = session.query(IntervalDay).one()
        viewed = session.scalars(text("select value from intervals order by start_utc")).all()
    assert set(stored.readings) == {None}
    assert viewed == [Decimal(value).scaleb(-3), Decimal("0.001")]


def test_a_big_round_value_takes_a_coarser_exponent(place: Place, statement: Make) -> None:
    batch = statement(place.series(), DAY, [9_000_000_000_000, 1_000_000], exponent=-6)

    place.write(batch, at=T1)

    with place.sessions() as session:
        stored = session.query(IntervalDay).one()
    assert (stored.readings[:2], stored.exponent) == ([9_000_000, 1], 0)
    assert stored.wide_readings is None


def test_values_no_common_exponent_can_hold_are_refused(place: Place, statement: Make) -> None:
    series_id = place.series()
    place.write(statement(series_id, DAY, [9 * 10**18 + 1], exponent=0), at=T1)

    with pytest.raises(ContractViolation) as refused:
        place.write(statement(series_id, DAY, [None, 1], exponent=-3), at=T2)

    assert refused.value.code == "value_too_large"


def test_starts_off_the_grid_are_refused_with_their_number(place: Place, statement: Make) -> None:
    batch = statement(place.series(), DAY, WHOLE_DAY)
    start = batch.start.copy()
    start[[3, 5]] += 120

    with pytest.raises(ContractViolation, match="2 of 96") as refused:
        place.write(replace(batch, start=start), at=T1)

    assert refused.value.code == "off_grid"


def test_starts_a_second_off_are_put_on_the_grid(place: Place, statement: Make) -> None:
    batch = statement(place.series(), DAY, WHOLE_DAY)
    jittered = batch.start + np.tile([-1, 0, 1], 32)

    place.write(replace(batch, start=jittered), at=T1)
    again = place.write(batch, at=T2)

    assert (again.days_written, again.days_unchanged) == (0, 1)


@pytest.mark.parametrize("start", [-86_400, 9_000_000_000_000])
def test_absurd_times_are_refused(place: Place, statement: Make, start: int) -> None:
    batch = statement(place.series(), DAY, [1])

    with pytest.raises(ContractViolation) as refused:
        place.write(replace(batch, start=np.array([start])), at=T1)

    assert refused.value.code == "absurd_time"


def test_of_two_values_for_one_slot_the_later_wins_and_is_counted(
    place: Place, statement: Make
) -> None:
    first = statement(place.series(), DAY, WHOLE_DAY)
    second = statement(first.series_id, DAY, [1, 101])

    outcome = place.write(first, second, at=T1)

    assert (outcome.readings_overruled, outcome.readings_new) == (1, 96)
    assert values_of(place, first)[:2] == [1, 101]


def test_a_day_from_two_payloads_names_both(place: Place, statement: Make) -> None:
    first = statement(place.series(), DAY, WHOLE_DAY[:48])
    second = statement(first.series_id, DAY + timedelta(hours=12), WHOLE_DAY[48:])

    place.write(first, second, at=T1)

    with place.sessions() as session:
        day = session.query(IntervalDay).one()
    assert day.payload_id == second.payload_id
    assert day.other_payload_ids == [first.payload_id]


def test_qualities_are_kept_once_when_equal_and_by_slot_when_not(
    place: Place, statement: Make
) -> None:
    series_id = place.series()
    place.write(statement(series_id, DAY, WHOLE_DAY, quality=17), at=T1)
    tomorrow = DAY + timedelta(days=1)
    place.write(statement(series_id, tomorrow, [1, 2, 3], quality=[8, -1, 17]), at=T1)

    with place.sessions() as session:
        same, mixed = session.query(IntervalDay).order_by(IntervalDay.utc_day)
        table = read_series(session, series_id, tomorrow, tomorrow + timedelta(days=1))

    assert (same.quality, same.qualities) == (17, None)
    assert mixed.quality is None
    assert table["quality"].to_pylist() == [8, None, 17]


def test_a_quality_that_is_not_stated_leaves_the_stated_one(place: Place, statement: Make) -> None:
    batch = statement(place.series(), DAY, WHOLE_DAY, quality=17)
    place.write(batch, at=T1)

    outcome = place.write(statement(batch.series_id, DAY, WHOLE_DAY), at=T2)

    assert outcome.days_written == 0


def test_another_quality_moves_the_earlier_state_but_restates_nothing(
    place: Place, statement: Make
) -> None:
    batch = statement(place.series(), DAY, WHOLE_DAY, quality=8)
    place.write(batch, at=T1)

    outcome = place.write(statement(batch.series_id, DAY, WHOLE_DAY, quality=17), at=T2)

    with place.sessions() as session:
        assert session.query(IntervalDayHistory).one().quality == 8
    assert (outcome.days_written, outcome.readings_restated) == (1, 0)


def test_writes_at_the_same_instant_lose_no_state(place: Place, statement: Make) -> None:
    series_id = place.series()
    for value in (1, 2, 3):
        place.write(statement(series_id, DAY, [value]), at=T1)

    with place.sessions() as session:
        later = T1 + timedelta(seconds=1)
        known = read_series(session, series_id, DAY, later, as_known_at=later)
        changes = restatements(session, series_id, DAY, DAY + timedelta(days=1))
    assert known["value"].to_pylist() == [3]
    assert [(change.old, change.new) for change in changes] == [(1, 2), (2, 3)]


def test_the_span_of_a_series_only_widens(place: Place, statement: Make) -> None:
    batch = statement(place.series(), DAY, WHOLE_DAY)
    place.write(batch, at=T1)
    place.write(statement(batch.series_id, DAY - timedelta(days=2), [1, 2]), at=T2)
    place.write(statement(batch.series_id, DAY, [100]), at=T2)

    with place.sessions() as session:
        series = session.get_one(Series, batch.series_id)
    assert series.first_start == DAY - timedelta(days=2)
    assert series.last_end == DAY + timedelta(days=1)


def test_a_batch_of_another_interval_length_than_its_series_is_refused(
    place: Place, statement: Make
) -> None:
    batch = statement(place.series(3600), DAY, WHOLE_DAY)

    with pytest.raises(DCarbonError, match="not of 900 s"):
        place.write(batch, at=T1)


def test_a_refused_write_leaves_nothing_of_its_own_behind(place: Place, statement: Make) -> None:
    good = statement(place.series(), DAY, WHOLE_DAY)
    bad = replace(statement(place.series(), DAY, [1]), start=np.array([7]))

    with pytest.raises(ContractViolation):
        place.write(good, bad, at=T1)

    assert values_of(place, good) == []


def test_many_series_are_written_together(place: Place, statement: Make) -> None:
    series = [place.series() for _ in range(5)]
    hourly = place.series(3600)
    batches = [statement(one, DAY, [n, n + 1]) for n, one in enumerate(series)]

    outcome = place.write(*batches, statement(hourly, DAY, [9], interval_s=3600), at=T1)

    assert outcome.days_written == 6
    assert [values_of(place, batch) for batch in batches] == [[n, n + 1] for n in range(5)]
    assert {touched.series_id for touched in outcome.touched} == {*series, hourly}


def test_two_writers_of_one_day_both_end_right(place: Place, statement: Make) -> None:
    series_id = place.series()
    place.write(statement(series_id, DAY, [1]), at=T1)
    morning = statement(series_id, DAY, WHOLE_DAY[:48])
    evening = statement(series_id, DAY + timedelta(hours=12), WHOLE_DAY[48:])
    other_started, errors = threading.Event(), []

    def write_evening() -> None:
        other_started.set()
        try:
            place.write(evening, at=T2)
        except Exception as error:  # noqa: BLE001 — whatever it was must reach the assertion
            errors.append(error)

    with place.sessions.begin() as session:
        write(session, [morning], recorded_at=T2)
        other = threading.Thread(target=write_evening)
        other.start()
        other_started.wait()
        other.join(timeout=0.3)
        assert other.is_alive()  # it waits for the first to commit
    other.join(timeout=60)

    assert errors == []
    assert values_of(place, morning) == WHOLE_DAY
    with place.sessions() as session:
        states = session.query(IntervalDayHistory).order_by(IntervalDayHistory.superseded_at).all()
    assert [state.superseded_at for state in states] == [T2, T2 + timedelta(microseconds=1)]


def test_no_readings_are_no_work(place: Place, statement: Make) -> None:
    empty = statement(place.series(), DAY, [])

    outcome = place.write(empty, at=T1)

    assert outcome.touched == ()
    assert outcome.days_written == 0


def test_an_unknown_payload_is_refused_by_the_database(place: Place, statement: Make) -> None:
    batch = statement(place.series(), DAY, [1], payload_id=new_id())

    with pytest.raises(ForeignKeyViolation, match="landed_payloads"):
        place.write(batch, at=T1)


@pytest.mark.parametrize("table", ["series", "landed_payloads"])
def test_what_interval_days_refer_to_cannot_be_deleted(
    place: Place, statement: Make, table: str
) -> None:
    place.write(statement(place.series(), DAY, [1]), at=T1)

    with place.sessions() as session, pytest.raises(IntegrityError, match="interval_days"):
        session.execute(text(f"delete from {table}"))


@pytest.mark.parametrize("column", ["series_id", "payload_id"])
def test_an_interval_day_cannot_come_to_refer_to_nothing(
    place: Place, statement: Make, column: str
) -> None:
    place.write(statement(place.series(), DAY, [1]), at=T1)

    with place.sessions() as session, pytest.raises(IntegrityError, match="is not in table"):
        session.execute(text(f"update interval_days set {column} = gen_random_uuid()"))


def month(place: Place, value: int, *, quality: int = -1, days: int = 31) -> SeriesReadings:
    series_id = place.series(0)
    return SeriesReadings(
        series_id,
        0,
        np.array([int(datetime(2026, 1, 1, 8, tzinfo=UTC).timestamp())], np.int64),
        np.array([value], np.int64),
        -2,
        np.array([quality], np.int16),
        place.payload(),
        duration_s=np.array([days * 86_400], np.int32),
    )


JANUARY = datetime(2026, 1, 1, tzinfo=UTC)
FEBRUARY = datetime(2026, 2, 1, tzinfo=UTC)


def test_a_period_reads_back_with_its_length(place: Place) -> None:
    batch = month(place, 4210)

    outcome = place.write(batch, at=T1)

    with place.sessions() as session:
        table = read_series(session, batch.series_id, JANUARY, FEBRUARY)
        viewed = session.execute(text("select value, duration_s from intervals")).one()
        series = session.get_one(Series, batch.series_id)
    assert (outcome.days_written, outcome.readings_new) == (1, 1)
    assert outcome.touched == (Touched(batch.series_id, date(2026, 1, 1), date(2026, 1, 1)),)
    assert table.to_pylist() == [
        {
            "start": datetime(2026, 1, 1, 8, tzinfo=UTC),
            "duration_s": 31 * 86_400,
            "value": 4210,
            "quality": None,
        }
    ]
    assert exponent_of(table) == -2
    assert tuple(viewed) == (Decimal("42.1"), 31 * 86_400)
    assert series.last_end == datetime(2026, 2, 1, 8, tzinfo=UTC)


def test_a_period_stated_again_changes_nothing(place: Place) -> None:
    batch = month(place, 4210, quality=17)
    place.write(batch, at=T1)

    coarser = replace(batch, value=np.array([421]), exponent=-1, quality=np.array([-1], np.int16))
    outcome = place.write(coarser, at=T2)

    assert (outcome.days_written, outcome.readings_unchanged) == (0, 1)


def test_a_restated_period_is_known_as_it_was(place: Place) -> None:
    batch = month(place, 4210)
    place.write(batch, at=T1)

    outcome = place.write(replace(batch, value=np.array([4300])), at=T2)

    with place.sessions() as session:
        then = read_series(session, batch.series_id, JANUARY, FEBRUARY, as_known_at=T1)
        now = read_series(session, batch.series_id, JANUARY, FEBRUARY)
        before = read_series(
            session, batch.series_id, JANUARY, FEBRUARY, as_known_at=T1 - timedelta(seconds=1)
        )
        changes = restatements(session, batch.series_id, JANUARY, FEBRUARY)
    assert outcome.readings_restated == 1
    assert (then["value"].to_pylist(), now["value"].to_pylist()) == ([4210], [4300])
    assert before.num_rows == 0
    assert [(change.old, change.new, change.superseded_at) for change in changes] == [
        (4210, 4300, T2)
    ]


def test_a_period_without_its_length_is_refused(place: Place) -> None:
    with pytest.raises(ContractViolation) as refused:
        place.write(replace(month(place, 1), duration_s=None), at=T1)

    assert refused.value.code == "no_duration"
