"""A reported month whose readings change: one draft with the full new total, one mail, no doubt."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import select

from dcarbon.db.generation_reports import GenerationReport, LedgerEntry
from dcarbon.db.mails import Mail
from dcarbon.domain.certificates import WH_PER_MWH
from dcarbon.domain.errors import InvalidTransition
from dcarbon.services import (
    generation_adjustments,
    generation_downloads,
    generation_reports,
    report_figures,
)
from dcarbon.services.generation_adjustments import Round
from tests.integration.services.conftest import MovableClock, Settle, entries, events
from tests.integration.services.generation.conftest import FEBRUARY, LAST
from tests.support import solar_month
from tests.support.solar_month import Roof

pytestmark = pytest.mark.database
DAY = date(2026, 2, 10)


@pytest.fixture
def report(roof: Roof, clock: MovableClock) -> UUID:
    """February is final; time goes on, since what changes later is known later."""
    made = generation_reports.prepare(roof.runtime, roof.unit_id, FEBRUARY, actor=roof.actor)
    generation_reports.finalise(roof.runtime, made, actor=roof.actor)
    clock.advance(timedelta(hours=1))
    return made


def restate(roof: Roof, clock: MovableClock, noon_wh: int) -> None:
    """Let the utility state another export for noon of one day."""

    def hour(direction: str, at: datetime) -> int:
        is_noon = direction == "received" and at.hour == 12
        return noon_wh if is_noon else solar_month.sunny(direction, at)

    clock.advance(timedelta(minutes=1))
    roof.take_in(solar_month.feed(DAY, DAY, hour))


def look(roof: Roof) -> Round:
    return generation_adjustments.look(roof.runtime)


def drafts(roof: Roof) -> list[GenerationReport]:
    with roof.runtime.sessions() as session:
        return list(
            session.scalars(select(GenerationReport).where(GenerationReport.state == "draft"))
        )


def mails(roof: Roof) -> list[Mail]:
    with roof.runtime.sessions() as session:
        return list(session.scalars(select(Mail).where(Mail.kind == "adjustment_opened")))


def test_while_nothing_changed_nothing_is_looked_at(roof: Roof, report: UUID) -> None:
    assert look(roof) == Round()
    assert drafts(roof) == []


def test_a_restatement_opens_one_draft_with_the_full_total_and_tells_once(
    roof: Roof, report: UUID, clock: MovableClock
) -> None:
    restate(roof, clock, 30_000)

    assert look(roof) == Round(opened=1)
    assert look(roof) == Round()

    (draft,) = drafts(roof)
    figures = report_figures.read(draft.figures)
    assert (draft.sequence, draft.corrects_id, draft.prepared_by) == (1, report, None)
    assert draft.reported_wh == 11_760_000 - 50_000
    assert figures.filing.corrects_wh == 11_760_000
    assert figures.filing.given == b"805,805,02/2026,02/01/2026,02/28/2026,11.710,Adjustment"
    (mail,) = mails(roof)
    words = " ".join(mail.text_body.split())
    assert "11.760 MWh were reported; what we know now comes to 11.710 MWh" in words
    assert f"/generation-reports/{draft.id}" in words
    assert "for another 710 days" in words
    (entry,) = (one for one in entries(roof.runtime) if one.event == "adjustment_opened")
    assert entry.details["reported_wh"] - entry.details["wh"] == 50_000


def test_a_restatement_that_leaves_the_number_opens_nothing(
    roof: Roof, report: UUID, clock: MovableClock
) -> None:
    """400 Wh are less than the file can say."""
    restate(roof, clock, 80_400)

    assert look(roof) == Round()


def test_a_later_change_goes_into_the_open_draft_without_another_mail(
    roof: Roof, report: UUID, clock: MovableClock
) -> None:
    restate(roof, clock, 30_000)
    look(roof)
    restate(roof, clock, 20_000)

    assert look(roof) == Round(updated=1)

    (draft,) = drafts(roof)
    assert draft.reported_wh == 11_760_000 - 60_000
    assert len(mails(roof)) == 1


def test_a_number_that_comes_back_withdraws_the_draft(
    roof: Roof, report: UUID, clock: MovableClock
) -> None:
    restate(roof, clock, 30_000)
    look(roof)
    restate(roof, clock, 80_000)

    assert look(roof) == Round(withdrawn=1)

    assert drafts(roof) == []
    assert events(roof.runtime)[-1] == "adjustment_withdrawn"
    assert look(roof) == Round()


def test_a_final_correction_takes_back_what_was_too_much(
    roof: Roof, report: UUID, clock: MovableClock
) -> None:
    """11.760 MWh reported and 11 certificates; 10.600 is right, so the ledger owes 0.400."""

    def hour(direction: str, at: datetime) -> int:
        return solar_month.sunny(direction, at) if at.hour != 11 else 0

    clock.advance(timedelta(minutes=1))
    roof.take_in(solar_month.feed(FEBRUARY, date(2026, 2, 17), hour))
    look(roof)
    (draft,) = drafts(roof)

    generation_reports.finalise(roof.runtime, draft.id, actor=roof.actor)

    with roof.runtime.sessions() as session:
        one, two = session.scalars(select(LedgerEntry).order_by(LedgerEntry.sequence))
    right = 11_760_000 - 17 * 70_000
    assert (two.carried_wh, two.change_wh) == (760_000, right - 11_760_000)
    assert (two.certificates, two.remainder_wh) == (0, right - 11 * WH_PER_MWH)
    assert two.remainder_wh == -430_000
    made = generation_downloads.registry_file(roof.runtime, draft.id, actor=roof.actor)
    assert made.content.endswith(b",10.570,Adjustment")
    assert made.name == "mrets-805-2026-02-adjustment-1.csv"
    assert look(roof) == Round()
    assert one.certificates == 11


def test_the_first_report_stays_what_it_was_byte_for_byte(
    roof: Roof, report: UUID, clock: MovableClock
) -> None:
    runtime, actor = roof.runtime, roof.actor
    before = (
        generation_downloads.registry_file(runtime, report, actor=actor),
        generation_downloads.statement(runtime, report, actor=actor),
        _evidence(roof, report),
    )
    restate(roof, clock, 30_000)
    look(roof)
    (draft,) = drafts(roof)
    generation_reports.finalise(runtime, draft.id, actor=actor)

    assert before == (
        generation_downloads.registry_file(runtime, report, actor=actor),
        generation_downloads.statement(runtime, report, actor=actor),
        _evidence(roof, report),
    )


def _evidence(roof: Roof, report: UUID) -> bytes:
    _, file = generation_downloads.evidence(roof.runtime, report, actor=roof.actor)
    with file:
        return file.read()


def test_a_correction_without_a_difference_is_no_correction(roof: Roof, report: UUID) -> None:
    with pytest.raises(InvalidTransition) as refused:
        generation_reports.prepare(roof.runtime, roof.unit_id, FEBRUARY, actor=roof.actor)

    assert refused.value.code == "nothing_to_correct"


def test_a_correction_keeps_the_registry_of_the_report_it_corrects(
    roof: Roof, report: UUID, clock: MovableClock
) -> None:
    from dcarbon.services import generating_units  # noqa: PLC0415

    generating_units.change(
        roof.runtime, roof.unit_id, answers={"registry": "wregis"}, actor=roof.actor
    )
    restate(roof, clock, 30_000)
    look(roof)

    assert [draft.registry_key for draft in drafts(roof)] == ["mrets"]


def test_days_that_remain_are_counted_from_the_months_end() -> None:
    left = generation_adjustments.remaining(
        "mrets", month=FEBRUARY, nameplate_kw=Decimal(500), today=LAST
    )

    assert left is not None
    assert (left.days, left.last_day) == (730, date(2028, 2, 28))
    assert left.window.source.dated == date(2025, 7, 28)


def test_a_registry_without_a_published_window_has_no_countdown() -> None:
    found = generation_adjustments.remaining(
        "ncrets", month=FEBRUARY, nameplate_kw=Decimal(5), today=LAST
    )

    assert found is None


def test_everybody_at_the_facility_is_told_and_nobody_else(
    roof: Roof, report: UUID, clock: MovableClock, settle: Settle
) -> None:
    settle("ben")
    restate(roof, clock, 30_000)

    look(roof)

    assert [mail.to_address for mail in mails(roof)] == ["ann@example.test"]
