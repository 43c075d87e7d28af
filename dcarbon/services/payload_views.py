"""Landed payloads as the people of a facility see them: what came, when, from where; no bytes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcarbon.db.payloads import LandedPayload


@dataclass(frozen=True, slots=True)
class PayloadView:
    """The record of one response or imported file. Times are UTC."""

    id: UUID
    sha256: str
    """Of the bytes, in hexadecimal."""
    byte_count: int
    media_type: str
    source: str
    """Address asked, without secrets, or the name of the imported file."""
    received_at: datetime


def of(
    session: Session, facility_id: UUID, payload_ids: Collection[UUID]
) -> dict[UUID, PayloadView]:
    """Return some payloads of a facility by id. The caller has checked who may see them."""
    row = LandedPayload
    chosen = select(row).where(row.facility_id == facility_id, row.id.in_(payload_ids))
    return {
        one.id: PayloadView(
            id=one.id,
            sha256=one.sha256.hex(),
            byte_count=one.byte_count,
            media_type=one.media_type,
            source=one.source,
            received_at=one.received_at,
        )
        for one in session.scalars(chosen)
    }
