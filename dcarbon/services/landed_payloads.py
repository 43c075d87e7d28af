"""Reading a landed payload again: with which parser, beside which documents, for whom.

What a payload says is decided by its bytes, by what landed before it and by the utility's profile
as it is today. Nothing is written here and no provider is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from dcarbon.db.authorizations import Authorization
from dcarbon.db.facilities import Facility
from dcarbon.db.payloads import LandedPayload
from dcarbon.providers.columns import READINGS, ParsedPayload
from dcarbon.providers.green_button import atom, espi
from dcarbon.providers.profile import Quirk
from dcarbon.providers.utilityapi import parse as utilityapi
from dcarbon.services import imports
from dcarbon.services.readings_storing import Origin
from dcarbon.services.runtime import Runtime

ESPI, METERS, INTERVALS = "espi", "utilityapi_meters", "utilityapi_intervals"

_LARGE = 32 << 20
"""Bytes from which a document is read as a stream, and is whole in itself."""
_CUSTOMER = ("Customer", "CustomerAccount", "CustomerAgreement", "ServiceLocation")


def believed_at() -> ColumnElement[datetime]:
    """Order of belief: what was stated later stands."""
    return func.coalesce(LandedPayload.stated_at, LandedPayload.received_at)


def is_replayable() -> ColumnElement[bool]:
    """Say that a payload may be read again: its bytes are kept, and nothing that came with it was
    erased. A payload that is kept for a report alone would bring back what was erased, or restate
    what later ones said.
    """
    row = LandedPayload
    erased = select(Authorization.id).where(
        Authorization.id == row.authorization_id, Authorization.payloads_erased_at.is_not(None)
    )
    gone = select(Facility.id).where(
        Facility.id == row.facility_id, Facility.erased_at.is_not(None)
    )
    return row.erased_at.is_(None) & ~erased.exists() & ~gone.exists()


@dataclass(frozen=True, slots=True)
class Reading:
    """What a payload says today, and whose it is."""

    parsed: ParsedPayload
    origin: Origin
    parser: str


@dataclass(frozen=True)
class FacilityReader:
    """Reads payloads of one facility; keeps what describes its readings at hand."""

    runtime: Runtime
    facility_id: UUID
    _describing: dict[UUID, bytes | None] = field(default_factory=dict)

    def read(self, payload: LandedPayload) -> Reading:
        """Return what the parser of today makes of it.

        Raises :class:`ContractViolation` for bytes it cannot read, :class:`PayloadMissing` and
        :class:`PayloadCorrupt` for bytes the landing zone no longer has.
        """
        parser = parser_of(payload)
        if parser == ESPI and payload.byte_count > _LARGE:
            with self.runtime.landing.open(payload.sha256) as stream:
                parsed = espi.parse(stream)
            return Reading(self._checked(payload, parsed), self._origin(payload, b""), parser)
        content = self.runtime.landing.get(payload.sha256)
        if parser == METERS:
            parsed = ParsedPayload(
                meters=utilityapi.parse_meters(content),
                channels=(),
                readings=READINGS.empty_table(),
            )
        elif parser == INTERVALS:
            parsed = utilityapi.parse_intervals(content)
        else:
            parsed = espi.parse(content, context=self._context(payload, content))
        return Reading(self._checked(payload, parsed), self._origin(payload, content), parser)

    def _checked(self, payload: LandedPayload, parsed: ParsedPayload) -> ParsedPayload:
        if payload.authorization_id is None:
            imports.require_readings(parsed)
        return parsed

    def _context(self, payload: LandedPayload, content: bytes) -> Sequence[bytes]:
        """Return the describing documents that landed before interval blocks which came alone."""
        if not atom.holds(content, "IntervalBlock") or atom.holds(content, "ReadingType"):
            return ()
        with self.runtime.sessions() as session:
            earlier = session.scalars(
                select(LandedPayload)
                .where(
                    LandedPayload.authorization_id == payload.authorization_id,
                    LandedPayload.received_at <= payload.received_at,
                    LandedPayload.id < payload.id,
                    LandedPayload.readings == 0,
                    LandedPayload.byte_count <= _LARGE,
                    LandedPayload.erased_at.is_(None),
                )
                .order_by(LandedPayload.id)
            ).all()
        found = (self._described_by(each) for each in earlier if parser_of(each) == ESPI)
        return [content for content in found if content is not None]

    def _described_by(self, payload: LandedPayload) -> bytes | None:
        if payload.id not in self._describing:
            content = self.runtime.landing.get(payload.sha256)
            alone = atom.holds(content, "IntervalBlock") or _is_of_customer(content)
            self._describing[payload.id] = None if alone else content
        return self._describing[payload.id]

    def _origin(self, payload: LandedPayload, content: bytes) -> Origin:
        if payload.authorization_id is None:
            clock = imports.clock_of(payload.clock)
            return imports.origin(self.facility_id, self._facility.time_zone, clock=clock)
        authorization = self._authorizations[payload.authorization_id]
        profile = self.runtime.providers.profile(authorization.provider)
        return Origin(
            facility_id=self.facility_id,
            authorization_id=authorization.id,
            provider=authorization.provider,
            utility=authorization.utility,
            time_zone=profile.time_zone,
            local_clock=profile.has(Quirk.LOCAL_CLOCK_AS_UTC),
            describes_only=_is_of_customer(content),
        )

    @cached_property
    def _facility(self) -> Facility:
        with self.runtime.sessions() as session:
            return session.get_one(Facility, self.facility_id)

    @cached_property
    def _authorizations(self) -> dict[UUID, Authorization]:
        with self.runtime.sessions() as session:
            mine = select(Authorization).where(Authorization.facility_id == self.facility_id)
            return {row.id: row for row in session.scalars(mine)}


def parser_of(payload: LandedPayload) -> str:
    """Return the parser that read it last; for one that was never read, by what it is."""
    if payload.parser is not None:
        return payload.parser.partition("/")[0]
    if "json" not in payload.media_type:
        return ESPI
    return INTERVALS if "/intervals" in payload.source else METERS


def of_facility(
    session: Session, facility_id: UUID, *, first: datetime | None = None
) -> Sequence[LandedPayload]:
    """Return a facility's payloads believed at ``first`` or later, in order of belief."""
    mine = select(LandedPayload).where(LandedPayload.facility_id == facility_id, is_replayable())
    if first is not None:
        mine = mine.where(believed_at() >= first)
    return session.scalars(mine.order_by(believed_at(), LandedPayload.id)).all()


def _is_of_customer(content: bytes) -> bool:
    """Customer data: they say more of meters that the usage data named."""
    if atom.holds(content, "MeterReading") or atom.holds(content, "IntervalBlock"):
        return False
    return any(atom.holds(content, kind) for kind in _CUSTOMER)
