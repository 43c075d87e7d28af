"""Download My Data files: taken in the same way as a fetched payload, land, parse, store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal
from uuid import UUID

from sqlalchemy import select

from dcarbon.db.facilities import Facility
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.errors import InvalidInput, NotFound, UnreadablePayload
from dcarbon.providers.columns import ParsedPayload
from dcarbon.providers.green_button import espi
from dcarbon.services import audit, facilities, ingestion
from dcarbon.services.actors import Actor
from dcarbon.services.ingestion import Arrival, Ingested
from dcarbon.services.readings_storing import Origin
from dcarbon.services.runtime import Runtime

PROVIDER = "file"
Clock = Literal["auto", "utc", "local"]
_LOCAL: dict[Clock, bool | None] = {"auto": None, "utc": False, "local": True}
Note = Callable[[str], None]


def find_facility(runtime: Runtime, named: str, *, actor: Actor) -> Facility:
    """Return the facility with this id, or the only one with this name.

    Raises :class:`NotFound`, or :class:`InvalidInput` when several have the name.
    """
    with runtime.sessions() as session:
        try:
            return facilities.get(session, UUID(named), actor=actor)
        except ValueError:
            query = select(Facility).where(
                Facility.name == named, Facility.id.in_(facilities.scope(actor))
            )
            found = session.scalars(query).all()
    if not found:
        raise NotFound(
            "no such facility",
            display_message=f"There is no facility {named!r}. `dcarbon facility list` shows them.",
        )
    if len(found) > 1:
        raise InvalidInput(
            "ambiguous name",
            display_message=f"Several facilities are called {named!r}; give the id.",
        )
    return found[0]


def import_file(
    runtime: Runtime,
    facility: Facility,
    path: Path,
    *,
    actor: Actor,
    clock: Clock = "auto",
    note: Note = lambda _: None,
) -> Ingested:
    """Take in one file. ``note`` hears of each stage.

    ``clock`` says how starts are written: true UTC, the local clock as if it were UTC, or found out
    from the file. A file that cannot be read is kept and marked; one without interval readings is
    :class:`UnreadablePayload` (``no_intervals``) and stores no reading.
    """
    if not path.is_file() or path.stat().st_size == 0:
        raise InvalidInput(
            "missing or empty file",
            code="file_empty",
            display_message=f"{path.name} is empty or not a file.",
        )
    note("reading")

    def parse(content: bytes | Path) -> ParsedPayload:
        parsed = espi.parse(content)
        require_readings(parsed)
        note("storing")
        return parsed

    with runtime.sessions() as session:
        zone = session.get_one(Facility, facility.id).time_zone
    now = runtime.now()
    ingested = ingestion.ingest(
        runtime.sessions,
        runtime.landing,
        Arrival(
            path,
            "application/atom+xml",
            path.name,
            now,
            clock=None if clock == "auto" else clock,
        ),
        origin(facility.id, zone, clock=clock),
        parser="espi",
        parse=parse,
        now=now,
        actor=actor,
    )
    if ingested.stored is not None:
        with runtime.sessions.begin() as session:
            audit.record(
                session,
                AuditEvent.FILE_IMPORTED,
                actor=actor,
                at=now,
                facility_id=facility.id,
                payload=ingested.sha256.hex(),
                readings=ingested.stored.readings,
                new=ingested.stored.new,
                restated=ingested.stored.restated,
            )
    return ingested


def clock_of(stored: str | None) -> Clock:
    """Return how a landed file's starts are written, as it was said when it was imported."""
    if stored == "utc":
        return "utc"
    return "local" if stored == "local" else "auto"


def origin(facility_id: UUID, time_zone: str, *, clock: Clock) -> Origin:
    """Return whose a file is and how its starts are to be read."""
    return Origin(facility_id, None, PROVIDER, "file", time_zone, local_clock=_LOCAL[clock])


def require_readings(parsed: ParsedPayload) -> None:
    """Refuse a file from which no reading came, saying why. Raises :class:`UnreadablePayload`."""
    if parsed.readings.num_rows:
        return
    if any(channel.unusable_readings for channel in parsed.channels):
        raise UnreadablePayload(
            "no reading has a usable time",
            code="times_unusable",
        )
    raise UnreadablePayload(
        "no interval readings",
        code="no_intervals",
    )
