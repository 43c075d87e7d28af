"""Generation reports of a unit and month, and the ledger of what is carried from one to the next.

A report is a draft, then final. Triggers (migration 0006) refuse any change of a final report and
of the ledger.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    Numeric,
    Text,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from dcarbon.db.base import Base, Id, Instant
from dcarbon.db.derived_energy import MonthlyGeneration


class GenerationReport(Base):
    """What a unit reports for a month: ``sequence`` 0 is the report, the others correct it."""

    __tablename__ = "generation_reports"
    __table_args__ = (
        CheckConstraint("extract(day from month) = 1", name="first_of_month"),
        CheckConstraint("state in ('draft', 'final', 'withdrawn')", name="state"),
        CheckConstraint("(sequence > 0) = (corrects_id is not null)", name="corrects_one"),
        CheckConstraint(
            "(state = 'final') = (finalised_at is not null) and "
            "(state = 'final') = (csv_sha256 is not null) and "
            "(state = 'final') = (as_known_at is not null)",
            name="final_is_whole",
        ),
        Index(
            "uq_generation_reports_draft",
            "generating_unit_id",
            "month",
            unique=True,
            postgresql_where="state = 'draft'",
        ),
        Index(
            "uq_generation_reports_final",
            "generating_unit_id",
            "month",
            "sequence",
            unique=True,
            postgresql_where="state = 'final'",
        ),
    )

    id: Mapped[Id]
    generating_unit_id: Mapped[UUID] = mapped_column(ForeignKey("generating_units.id"))
    month: Mapped[date]
    sequence: Mapped[int]
    corrects_id: Mapped[UUID | None] = mapped_column(ForeignKey("generation_reports.id"))
    state: Mapped[str] = mapped_column(Text)
    registry_key: Mapped[str] = mapped_column("registry", Text)
    """Key of the registry's profile. SQLAlchemy keeps ``registry`` to itself."""
    total_wh: Mapped[Decimal] = mapped_column(Numeric(30, 9))
    """Exactly what the readings come to."""
    reported_wh: Mapped[int] = mapped_column(BigInteger)
    """What the file says: ``total_wh`` cut at the file's last decimal."""
    step_wh: Mapped[int]
    """The smallest amount the file can say."""
    figures: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """Everything the page, the file and the statement show: unit, claims, days, checks."""
    prepared_at: Mapped[Instant]
    prepared_by: Mapped[UUID | None] = mapped_column(ForeignKey("people.id"))
    """``None``: opened by the system, because readings of a reported month changed."""
    as_known_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """The readings as stored at this time make the same report again, byte for byte."""
    finalised_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    finalised_by: Mapped[UUID | None] = mapped_column(ForeignKey("people.id"))
    csv_sha256: Mapped[bytes | None] = mapped_column(LargeBinary)


class LedgerEntry(Base):
    """What one final report added: whole MWh as certificates, the rest carried to the next."""

    __tablename__ = "generation_ledger_entries"
    __table_args__ = (
        CheckConstraint(
            "carried_wh + change_wh = certificates::bigint * 1000000 + remainder_wh",
            name="nothing_lost",
        ),
        CheckConstraint("certificates >= 0 and remainder_wh < 1000000", name="whole_mwh"),
        Index("uq_generation_ledger_entries_report", "report_id", unique=True),
    )

    generating_unit_id: Mapped[UUID] = mapped_column(
        ForeignKey("generating_units.id"), primary_key=True
    )
    registry_key: Mapped[str] = mapped_column("registry", Text, primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    report_id: Mapped[UUID] = mapped_column(ForeignKey("generation_reports.id"))
    carried_wh: Mapped[int] = mapped_column(BigInteger)
    """The remainder of the entry before."""
    change_wh: Mapped[int] = mapped_column(BigInteger)
    """A report's total; for a correction the new total less the old one."""
    certificates: Mapped[int]
    remainder_wh: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[Instant]


def reports_of(session: Session, unit_id: UUID) -> list[GenerationReport]:
    """Return drafts and final reports of a unit, by month, then in order of correction."""
    query = select(GenerationReport).where(
        GenerationReport.generating_unit_id == unit_id, GenerationReport.state != "withdrawn"
    )
    order = (GenerationReport.month, GenerationReport.sequence, GenerationReport.id)
    return list(session.scalars(query.order_by(*order)))


def draft_of(session: Session, unit_id: UUID, month: date) -> GenerationReport | None:
    """Return the open draft of a month, locked until the transaction ends."""
    return session.scalar(
        select(GenerationReport)
        .where(
            GenerationReport.generating_unit_id == unit_id,
            GenerationReport.month == month,
            GenerationReport.state == "draft",
        )
        .with_for_update()
    )


def latest_final(session: Session, unit_id: UUID, month: date) -> GenerationReport | None:
    """Return the report that holds for a month: the last correction, or the first report."""
    return session.scalar(
        select(GenerationReport)
        .where(
            GenerationReport.generating_unit_id == unit_id,
            GenerationReport.month == month,
            GenerationReport.state == "final",
        )
        .order_by(GenerationReport.sequence.desc())
        .limit(1)
    )


def last_entry(session: Session, unit_id: UUID, registry_key: str) -> LedgerEntry | None:
    return session.scalar(
        select(LedgerEntry)
        .where(LedgerEntry.generating_unit_id == unit_id, LedgerEntry.registry_key == registry_key)
        .order_by(LedgerEntry.sequence.desc())
        .limit(1)
    )


def differing(session: Session, *, limit: int) -> list[tuple[UUID, date]]:
    """Return units and months of which the stored month is not what its report says any more.

    A month whose open draft says so already is left out, one that has come back to the reported
    number while a correction is open is in. Reads the stored months, so it costs the same however
    many readings there are.
    """
    newer = aliased(GenerationReport)
    draft = aliased(GenerationReport)
    report, month = GenerationReport, MonthlyGeneration
    known = month.value * func.power(Decimal(10), month.exponent)
    says = func.div(known, report.step_wh) * report.step_wh
    query = (
        select(report.generating_unit_id, report.month)
        .join(
            month,
            (month.generating_unit_id == report.generating_unit_id) & (month.month == report.month),
        )
        .outerjoin(
            draft,
            (draft.generating_unit_id == report.generating_unit_id)
            & (draft.month == report.month)
            & (draft.state == "draft"),
        )
        .where(
            report.state == "final",
            ~select(newer.id)
            .where(
                newer.generating_unit_id == report.generating_unit_id,
                newer.month == report.month,
                newer.state == "final",
                newer.sequence > report.sequence,
            )
            .exists(),
            says.is_distinct_from(func.coalesce(draft.reported_wh, report.reported_wh)),
        )
        .order_by(func.random())  # so that months that fail again and again hold up no others
        .limit(limit)
    )
    return [(unit_id, of_month) for unit_id, of_month in session.execute(query)]
