"""What is asked and answered about generation reports. Amounts are exact decimals, as text."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from dcarbon.domain.preflight import Finding
from dcarbon.services.generation_report_views import (
    CorrectionView,
    LedgerView,
    MonthView,
    ReportView,
    UnitReports,
)
from dcarbon_api.fields import AnswerModel, RequestModel

_Mwh = Annotated[str, Field(examples=["12.345"], description="MWh, as an exact decimal.")]


class NewReport(RequestModel):
    """Which month of which unit is to be put together."""

    generating_unit_id: UUID
    month: Annotated[str, StringConstraints(max_length=16)] = Field(examples=["2026-03"])


class CheckAnswer(AnswerModel):
    """What one check found."""

    code: str = Field(examples=["days_incomplete"])
    title: str
    words: str = Field(description="What is wrong and what to do; empty when it passed.")

    @classmethod
    def of(cls, found: Finding) -> CheckAnswer:
        return cls.model_validate(found)


class ChecksAnswer(AnswerModel):
    """The checks before a report. Errors stop it, warnings do not."""

    errors: list[CheckAnswer]
    warnings: list[CheckAnswer]
    passed: list[CheckAnswer]


class ReportedDay(AnswerModel):
    """One meter on one local day."""

    meter_id: UUID
    day: date
    basis: str = Field(examples=["hourly_export"])
    wh: str = Field(description="Wh, as an exact decimal.")
    is_complete: bool
    is_estimated: bool
    reason: str


class LedgerAnswer(AnswerModel):
    """What one final report added: whole MWh as certificates, the rest carried on."""

    report_id: UUID
    month: date
    sequence: int
    carried: _Mwh
    change: _Mwh
    certificates: int
    remainder: _Mwh
    at: datetime

    @classmethod
    def of(cls, line: LedgerView) -> LedgerAnswer:
        return cls(
            report_id=line.report_id,
            month=line.month,
            sequence=line.sequence,
            carried=_mwh(line.carried_wh),
            change=_mwh(line.change_wh),
            certificates=line.certificates,
            remainder=_mwh(line.remainder_wh),
            at=line.at,
        )


class ReportAnswer(AnswerModel):
    """One report of a unit and month."""

    id: UUID
    generating_unit_id: UUID
    facility_id: UUID
    month: date
    sequence: int = Field(description="0 is the report, the others correct it.")
    state: str = Field(examples=["draft", "final", "withdrawn"])
    registry: str
    registry_is_confirmed: bool = Field(description="Whether its file format is documented.")
    reported: _Mwh
    corrects: _Mwh | None = Field(description="What was reported before, of a correction.")
    sentence: str = Field(description="What is claimed, under which rule.")
    file_name: str
    file_sha256: str | None = Field(description="Of the registry's file, once it is final.")
    prepared_at: datetime
    as_known_at: datetime | None
    finalised_at: datetime | None
    checks: ChecksAnswer
    days: list[ReportedDay]
    ledger: LedgerAnswer | None

    @classmethod
    def of(cls, view: ReportView) -> ReportAnswer:
        figures, filing = view.figures, view.figures.filing
        checks = figures.preflight
        return cls(
            id=view.id,
            generating_unit_id=view.unit_id,
            facility_id=view.facility_id,
            month=view.month,
            sequence=view.sequence,
            state=view.state,
            registry=filing.profile.key,
            registry_is_confirmed=filing.profile.is_confirmed,
            reported=figures.mwh,
            corrects=None if filing.corrects_wh is None else _mwh(filing.corrects_wh),
            sentence=figures.sentence,
            file_name=figures.file_name,
            file_sha256=view.csv_sha256.hex() if view.csv_sha256 else None,
            prepared_at=view.prepared_at,
            as_known_at=view.as_known_at,
            finalised_at=view.finalised_at,
            checks=ChecksAnswer(
                errors=[CheckAnswer.of(one) for one in checks.errors],
                warnings=[CheckAnswer.of(one) for one in checks.warnings],
                passed=[CheckAnswer.of(one) for one in checks.passed],
            ),
            days=[
                ReportedDay(
                    meter_id=UUID(day.meter_id),
                    day=day.day,
                    basis=day.basis,
                    wh=f"{day.wh:f}",
                    is_complete=day.is_complete,
                    is_estimated=day.is_estimated,
                    reason=day.reason,
                )
                for day in filing.days
            ],
            ledger=LedgerAnswer.of(view.entry) if view.entry else None,
        )


class MonthAnswer(AnswerModel):
    """How one month of a unit stands."""

    month: date
    state: str = Field(
        examples=["not_over", "incomplete", "ready", "draft", "reported", "adjustment_open"]
    )
    known: _Mwh | None = Field(description="What is known now; `null`: not added up yet.")
    reported: _Mwh | None
    days_complete: int
    days_expected: int
    report_id: UUID | None
    draft_id: UUID | None
    report_by: date | None = Field(description="By the registry's text we go by; `null`: unknown.")

    @classmethod
    def of(cls, view: MonthView) -> MonthAnswer:
        return cls(
            month=view.month,
            state=view.state,
            known=None if view.wh is None else f"{view.wh.scaleb(-6):f}",
            reported=None if view.reported_wh is None else _mwh(view.reported_wh),
            days_complete=view.days_complete,
            days_expected=view.days_expected,
            report_id=view.report_id,
            draft_id=view.draft_id,
            report_by=view.report_by,
        )


class CorrectionAnswer(AnswerModel):
    """An open correction of a reported month."""

    report_id: UUID
    month: date
    reported: _Mwh
    known: _Mwh = Field(description="The full corrected total, which the file will say.")
    last_day: date | None = Field(description="Until when it is taken; `null`: not published.")
    days_left: int | None

    @classmethod
    def of(cls, view: CorrectionView) -> CorrectionAnswer:
        return cls(
            report_id=view.report_id,
            month=view.month,
            reported=_mwh(view.reported_wh),
            known=_mwh(view.known_wh),
            last_day=view.remaining.last_day if view.remaining else None,
            days_left=view.remaining.days if view.remaining else None,
        )


class UnitReportsAnswer(AnswerModel):
    """A unit's months, newest first, its ledger in order, its open corrections."""

    generating_unit_id: UUID
    months: list[MonthAnswer]
    ledger: list[LedgerAnswer]
    corrections: list[CorrectionAnswer]

    @classmethod
    def of(cls, view: UnitReports) -> UnitReportsAnswer:
        return cls(
            generating_unit_id=view.unit_id,
            months=[MonthAnswer.of(one) for one in view.months],
            ledger=[LedgerAnswer.of(one) for one in view.ledger],
            corrections=[CorrectionAnswer.of(one) for one in view.corrections],
        )


def _mwh(wh: int) -> str:
    return f"{Decimal(wh).scaleb(-6):.3f}"
