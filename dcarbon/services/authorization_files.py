"""The record of an authorization as files: CSV and PDF, the same bytes as long as nothing happens.

Each download is in the audit log. Downloads and looks at payloads are left out of the record
itself: with them no two downloads could be the same.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from dcarbon.domain.audit_events import AuditEvent
from dcarbon.services import (
    audit,
    authorization_details,
    authorization_rows,
    authorization_statements,
)
from dcarbon.services.actors import Actor
from dcarbon.services.authorization_details import AuthorizationDetail
from dcarbon.services.generation_downloads import CSV, PDF, Download
from dcarbon.services.runtime import Runtime

LOOKS = (AuditEvent.PAYLOAD_VIEWED.value, AuditEvent.AUTHORIZATION_RECORD_DOWNLOADED.value)


def csv(runtime: Runtime, authorization_id: UUID, *, actor: Actor) -> Download:
    """Return the whole record as one table. Administrators only, else :class:`NotFound`."""
    with runtime.sessions.begin() as session:
        detail = _whole(runtime, session, authorization_id, actor)
        made = Download(_name(detail, "csv"), CSV, authorization_rows.table(detail))
        _record(session, runtime, detail, made, actor=actor)
    return made


def pdf(runtime: Runtime, authorization_id: UUID, *, actor: Actor) -> Download:
    """Return the record as PDF with the table inside. Raises as :func:`csv`."""
    with runtime.sessions.begin() as session:
        detail = _whole(runtime, session, authorization_id, actor)
        content = authorization_statements.pdf(
            detail, csv=authorization_rows.table(detail), csv_name=_name(detail, "csv")
        )
        made = Download(_name(detail, "pdf"), PDF, content)
        _record(session, runtime, detail, made, actor=actor)
    return made


def _whole(
    runtime: Runtime, session: Session, authorization_id: UUID, actor: Actor
) -> AuthorizationDetail:
    return authorization_details.one(
        runtime, session, authorization_id, actor=actor, newest=None, but_events=LOOKS
    )


def _name(detail: AuthorizationDetail, ending: str) -> str:
    return f"authorization-{detail.authorization.id}.{ending}"


def _record(
    session: Session,
    runtime: Runtime,
    detail: AuthorizationDetail,
    made: Download,
    *,
    actor: Actor,
) -> None:
    audit.record(
        session,
        AuditEvent.AUTHORIZATION_RECORD_DOWNLOADED,
        actor=actor,
        at=runtime.now(),
        facility_id=detail.facility.id,
        authorization_id=detail.authorization.id,
        file=made.name,
        bytes=len(made.content),
    )
