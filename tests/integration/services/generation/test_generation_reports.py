"""Reports: what is final stays, what is less than a MWh is carried, strangers see nothing."""

from __future__ import annotations

import threading
from datetime import date, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from dcarbon.db.base import new_id
from dcarbon.db.generation_reports import GenerationReport, LedgerEntry
from dcarbon.domain.certificates import WH_PER_MWH
from dcarbon.domain.errors import InvalidInput, InvalidTransition, NotFound
from dcarbon.services import generation_downloads, generation_reports, report_figures
from dcarbon.services.report_figures import Figures
from tests.integration.services.conftest import MovableClock, Settle, entries, events
from tests.integration.services.generation.conftest import FEBRUARY, LAST
from tests.support import solar_month
from tests.support.solar_month import Roof

pytestmark = pytest.mark.database
JANUARY = date(2026, 1, 1)


def prepared(roof: Roof, month: date = FEBRUARY) -> UUID:
    return generation_reports.prepare(roof.runtime, roof.unit_id, month, actor=roof.actor)


def final(roof: Roof, month: date = FEBRUARY) -> UUID:
    report = prepared(roof, month)
    generation_reports.finalise(roof.runtime, report, actor=roof.actor)
    return report


def row(roof: Roof, report: UUID) -> GenerationReport:
    with roof.runtime.sessions() as session:
        return session.get_one(GenerationReport, report)


def figures(roof: Roof, report: UUID) -> Figures:
    return report_figures.read(row(roof, report).figures)


def ledger(roof: Roof) -> list[LedgerEntry]:
    with roof.runtime.sessions() as session:
        return list(session.scalars(select(LedgerEntry).order_by(LedgerEntry.sequence)))


def refusal(roof: Roof, report: UUID) -> InvalidTransition:
    with pytest.raises(InvalidTransition) as caught:
        generation_reports.finalise(roof.runtime, report, actor=roof.actor)
    return caught.value


def test_a_draft_holds_the_hourly_export_of_the_month(roof: Roof) -> None:
    report = prepared(roof)

    found = figures(roof, report)
    assert found.mwh == "11.760"
    assert len(found.filing.days) == 28
    assert found.filing.register_wh == 28 * 6 * 80_000
    assert found.preflight.errors == ()
    assert "only the hourly positive flow to the grid counts" in found.sentence
    assert row(roof, report).state == "draft"


def test_the_file_of_a_final_report_is_what_the_registry_takes(roof: Roof) -> None:
    report = final(roof)

    made = generation_downloads.registry_file(roof.runtime, report, actor=roof.actor)

    assert made.content == b"805,805,02/2026,02/01/2026,02/28/2026,11.760"
    assert made.name == "mrets-805-2026-02.csv"
    assert row(roof, report).csv_sha256 == figures(roof, report).csv_sha256
    assert events(roof.runtime)[-3:] == [
        "generation_report_prepared",
        "generation_report_finalised",
        "generation_report_downloaded",
    ]
    assert entries(roof.runtime)[-2].details["sha256"] == figures(roof, report).csv_sha256.hex()


def test_what_is_less_than_a_mwh_is_carried_to_the_next_report(
    roof: Roof, clock: MovableClock
) -> None:
    final(roof)
    clock.advance(timedelta(days=31))
    roof.take_in(solar_month.feed(date(2026, 3, 1), date(2026, 3, 31)))
    final(roof, date(2026, 3, 1))

    one, two = ledger(roof)

    # March has 31 days; on the 8th the clocks change at night, which takes no sun away.
    assert (one.certificates, one.remainder_wh) == (11, 760_000)
    assert (two.carried_wh, two.change_wh) == (760_000, 31 * 6 * 70_000)
    assert (two.certificates, two.remainder_wh) == (13, 780_000)
    total = one.change_wh + two.change_wh
    assert (one.certificates + two.certificates) * WH_PER_MWH + two.remainder_wh == total


def test_an_error_stops_a_report_and_says_what_to_do(roof: Roof) -> None:
    """In January the meter counted for nothing yet; in March the month is not over."""
    report = prepared(roof, date(2026, 3, 1))

    refused = refusal(roof, report)

    assert refused.code == "report_has_errors"
    assert "The month is not over" in refused.display_message
    assert row(roof, report).state == "draft"
    assert ledger(roof) == []


def test_a_missing_hour_stops_a_report_with_the_day_and_the_reason(
    roof: Roof, clock: MovableClock
) -> None:
    def but_one(direction: str, hour: datetime) -> int | None:
        is_gap = direction == "received" and hour.day == 5 and hour.hour == 12
        return None if is_gap else solar_month.sunny(direction, hour)

    clock.advance(timedelta(days=31))
    roof.take_in(solar_month.feed(date(2026, 3, 1), date(2026, 3, 31), but_one))
    report = prepared(roof, date(2026, 3, 1))

    refused = refusal(roof, report)

    assert "Mar 5, 2026" in refused.display_message
    assert "1 of 24 hours lack readings" in refused.display_message


def test_a_number_that_changed_since_it_was_looked_at_is_not_made_final(roof: Roof) -> None:
    report = prepared(roof)

    def brighter(direction: str, hour: datetime) -> int:
        return solar_month.sunny(direction, hour) + (1000 if hour.hour == 12 else 0)

    roof.take_in(solar_month.feed(FEBRUARY, FEBRUARY, lambda d, h: brighter(d, h) * 2))
    refused = refusal(roof, report)

    assert refused.code == "report_changed"
    assert row(roof, report).state == "draft"
    assert figures(roof, report).mwh != "11.760"

    generation_reports.finalise(roof.runtime, report, actor=roof.actor)

    assert row(roof, report).state == "final"


def test_a_final_report_is_not_prepared_again_while_nothing_changed(roof: Roof) -> None:
    final(roof)

    with pytest.raises(InvalidTransition) as refused:
        prepared(roof)

    assert refused.value.code == "nothing_to_correct"


def test_a_final_report_is_made_final_once(roof: Roof) -> None:
    report = final(roof)

    assert refusal(roof, report).code == "report_is_final"
    assert len(ledger(roof)) == 1


def test_two_people_who_press_at_once_make_one_report(roof: Roof) -> None:
    report = prepared(roof)
    refusals: list[str] = []

    def press() -> None:
        try:
            generation_reports.finalise(roof.runtime, report, actor=roof.actor)
        except InvalidTransition as error:
            refusals.append(error.code)

    threads = [threading.Thread(target=press) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert refusals == ["report_is_final"] * 3
    assert len(ledger(roof)) == 1


@pytest.mark.parametrize(
    "change",
    [
        "update generation_reports set reported_wh = 1",
        "update generation_reports set state = 'draft', as_known_at = null",
        "delete from generation_reports",
        "truncate generation_reports, generation_ledger_entries",
        "update generation_ledger_entries set remainder_wh = remainder_wh",
        "delete from generation_ledger_entries",
    ],
)
def test_the_database_itself_keeps_what_was_reported(roof: Roof, change: str) -> None:
    final(roof)

    with roof.runtime.sessions.begin() as session, pytest.raises(ProgrammingError):
        session.execute(text(change))


@pytest.mark.parametrize(("certificates", "remainder"), [(1, 0), (0, 1_000_000), (-1, 2_000_000)])
def test_the_ledger_refuses_what_does_not_add_up(
    roof: Roof, certificates: int, remainder: int
) -> None:
    report = final(roof)
    entry = LedgerEntry(
        generating_unit_id=roof.unit_id,
        registry_key="ncrets",
        sequence=1,
        report_id=report,
        carried_wh=0,
        change_wh=1_000_000 if certificates < 1 else 1,
        certificates=certificates,
        remainder_wh=remainder,
        at=roof.runtime.now(),
    )

    with pytest.raises(IntegrityError), roof.runtime.sessions.begin() as session:
        session.add(entry)


def test_strangers_see_no_report(roof: Roof, settle: Settle) -> None:
    report = final(roof)
    ben = settle("ben").actor
    runtime = roof.runtime

    for attempt in (
        lambda: generation_reports.prepare(runtime, roof.unit_id, FEBRUARY, actor=ben),
        lambda: generation_reports.finalise(runtime, report, actor=ben),
        lambda: generation_downloads.registry_file(runtime, report, actor=ben),
        lambda: generation_downloads.statement(runtime, report, actor=ben),
        lambda: generation_downloads.evidence(runtime, report, actor=ben),
        lambda: generation_reports.finalise(runtime, new_id(), actor=ben),
    ):
        with pytest.raises(NotFound):
            attempt()


def test_a_month_without_a_claim_has_nothing_to_report(roof: Roof) -> None:
    with pytest.raises(InvalidTransition) as refused:
        prepared(roof, JANUARY)

    assert refused.value.code == "month_not_claimed"


@pytest.mark.parametrize("written", ["2026-13", "2026", "next", "2026-3", ""])
def test_what_is_no_month_is_refused(written: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        generation_reports.month_of(written)

    assert refused.value.code == "month_invalid"


def test_a_month_that_has_not_begun_is_refused(roof: Roof) -> None:
    with pytest.raises(InvalidInput) as refused:
        prepared(roof, date(2026, 4, 1))

    assert refused.value.code == "month_invalid"


def test_drafts_are_not_downloaded(roof: Roof) -> None:
    report = prepared(roof)

    with pytest.raises(InvalidTransition) as refused:
        generation_downloads.registry_file(roof.runtime, report, actor=roof.actor)

    assert refused.value.code == "report_not_final"


def test_the_statement_is_the_same_bytes_each_time(roof: Roof, clock: MovableClock) -> None:
    """typst refuses times with microseconds, which a real clock has."""
    clock.advance(timedelta(microseconds=7))
    report = final(roof)

    one, two = (
        generation_downloads.statement(roof.runtime, report, actor=roof.actor).content
        for _ in range(2)
    )

    assert one == two
    assert one.startswith(b"%PDF-")
    assert LAST.strftime("%Y").encode() in one
