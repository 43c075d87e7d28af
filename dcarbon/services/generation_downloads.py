"""The files of a final report: the registry's file, the statement, the evidence; each audited."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import IO
from uuid import UUID

from sqlalchemy.orm import Session

from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.errors import InvalidTransition
from dcarbon.services import (
    audit,
    generation_evidence,
    generation_reports,
    generation_statements,
    report_figures,
)
from dcarbon.services.actors import Actor
from dcarbon.services.evidence_contents import Final
from dcarbon.services.generation_statements import Made
from dcarbon.services.runtime import Runtime

CSV, PDF, ZIP = "text/csv", "application/pdf", "application/zip"


@dataclass(frozen=True, slots=True)
class Download:
    """One file, whole in memory."""

    name: str
    media_type: str
    content: bytes


def registry_file(runtime: Runtime, report_id: UUID, *, actor: Actor) -> Download:
    """Return the file as the registry takes it.

    Raises :class:`InvalidTransition` (``report_not_final``), :class:`NotFound` for others'.
    """
    with runtime.sessions.begin() as session:
        final, facility_id = _final(session, report_id, actor=actor)
        made = Download(final.figures.file_name, CSV, final.figures.filing.given)
        _record(session, runtime, final, made, facility_id=facility_id, actor=actor)
    return made


def statement(runtime: Runtime, report_id: UUID, *, actor: Actor) -> Download:
    """Return the statement as PDF. Raises as :func:`registry_file`."""
    with runtime.sessions.begin() as session:
        final, facility_id = _final(session, report_id, actor=actor)
        about = Made(final.report_id, final.sequence, final.finalised_at, final.as_known_at)
        name = f"{final.figures.file_name.removesuffix('.csv')}-statement.pdf"
        made = Download(name, PDF, generation_statements.pdf(final.figures, about))
        _record(session, runtime, final, made, facility_id=facility_id, actor=actor)
    return made


def evidence(runtime: Runtime, report_id: UUID, *, actor: Actor) -> tuple[str, IO[bytes]]:
    """Return the evidence's name and a file of it at its beginning, which the caller closes.

    Raises as :func:`registry_file`, and :class:`EvidenceDiffers`, :class:`PayloadMissing`,
    :class:`PayloadCorrupt`.
    """
    target = tempfile.TemporaryFile()  # noqa: SIM115 — the caller sends it and closes it
    try:
        with runtime.sessions.begin() as session:
            final, facility_id = _final(session, report_id, actor=actor)
            generation_evidence.write(session, runtime.landing, final, target)
            name = Download(final.zip_name, ZIP, b"")
            _record(session, runtime, final, name, facility_id=facility_id, actor=actor)
    except BaseException:
        target.close()
        raise
    return final.zip_name, target


def _final(session: Session, report_id: UUID, *, actor: Actor) -> tuple[Final, UUID]:
    report, unit = generation_reports.report_of(session, report_id, actor=actor)
    if report.state != "final":
        raise InvalidTransition("not final", code="report_not_final")
    assert report.as_known_at is not None
    assert report.finalised_at is not None
    assert report.csv_sha256 is not None
    final = Final(
        report_id=report.id,
        sequence=report.sequence,
        figures=report_figures.read(report.figures),
        as_known_at=report.as_known_at,
        finalised_at=report.finalised_at,
        csv_sha256=report.csv_sha256,
    )
    return final, unit.facility_id


def _record(
    session: Session,
    runtime: Runtime,
    final: Final,
    made: Download,
    *,
    facility_id: UUID,
    actor: Actor,
) -> None:
    audit.record(
        session,
        AuditEvent.GENERATION_REPORT_DOWNLOADED,
        actor=actor,
        at=runtime.now(),
        facility_id=facility_id,
        report=str(final.report_id),
        file=made.name,
    )
