"""The evidence of a final report: everything its number rests on, and a program that checks it.

One channel and one payload are held at a time, so a unit with many meters takes no more memory.
Readings are those known when the report was made final, so the zip is the same bytes each time.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import IO
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcarbon.db import reading_states, sourced_readings
from dcarbon.db.landing_zone import LandingZone
from dcarbon.db.meters import Series
from dcarbon.db.payloads import LandedPayload
from dcarbon.db.reading_states import ReadingState
from dcarbon.db.sourced_readings import SeriesRef, SourcedReadings
from dcarbon.domain import cell_text
from dcarbon.domain.errors import EvidenceDiffers
from dcarbon.domain.filings import FiledChannel
from dcarbon.services import evidence_contents
from dcarbon.services.evidence_contents import ClaimedChannel, Final
from dcarbon.services.evidence_files import verify
from dcarbon.services.evidence_zip import EvidenceZip

_CHUNK = 1 << 20
_MARGIN = timedelta(days=2)
"""Read on both sides of a month: where a channel has several series, one tells of its edges."""
_NOT_STATED = -1
_READING_COLUMNS = (
    *("start_utc", "start_local", "duration_s", "value", "exponent", "quality"),
    "payload_sha256",
)
_HISTORY_COLUMNS = (
    *("meter", "direction", "start_utc", "old_wh", "new_wh", "recorded_at"),
    *("old_payload_sha256", "new_payload_sha256"),
)
_PAYLOAD_COLUMNS = ("sha256", "bytes", "media_type", "received_at", "source", "file")


def write(session: Session, landing: LandingZone, final: Final, target: IO[bytes]) -> None:
    """Write the evidence to ``target``, which can be read and sought again.

    Raises :class:`EvidenceDiffers` when what was written does not come to the report's number, and
    :class:`PayloadMissing` or :class:`PayloadCorrupt` when the landing zone has lost an answer.
    """
    with EvidenceZip(target, at=final.finalised_at) as into:
        into.add("README.txt", [_readme(final).encode()])
        into.add("verify.py", [_packaged("verify.py")])
        into.add(final.figures.file_name, [final.figures.filing.given])
        sources = _Sources(session)
        channels = evidence_contents.channels(final.figures.filing)
        into.add("report.json", [evidence_contents.report(final, channels)])
        for one in channels:
            into.add(one.file, _readings(session, one, final, sources))
        into.add("history.csv", _history(session, channels, final, sources))
        payloads = sources.payloads()
        into.add("payloads.csv", [_csv(_PAYLOAD_COLUMNS, map(_payload_row, payloads))])
        for payload in payloads:
            into.add(_payload_name(payload), _payload(landing, payload.sha256))
    _require_right(target, final)


@dataclass(slots=True)
class _Sources:
    """The payloads the readings come from, in the order they are met."""

    session: Session
    _known: dict[UUID, LandedPayload] = field(default_factory=dict)

    def hashes(self, ids: Iterable[UUID]) -> Mapping[UUID, str]:
        """Return the SHA-256 of payloads, and take them into the evidence."""
        wanted = list(dict.fromkeys(ids))
        new = [one for one in wanted if one not in self._known]
        if new:
            rows = self.session.scalars(select(LandedPayload).where(LandedPayload.id.in_(new)))
            self._known |= {row.id: row for row in rows}
        return {one: self._known[one].sha256.hex() for one in wanted}

    def payloads(self) -> list[LandedPayload]:
        """Return them in order of hash."""
        return sorted(self._known.values(), key=lambda row: row.sha256)


def _readings(
    session: Session, one: ClaimedChannel, final: Final, sources: _Sources
) -> Iterator[bytes]:
    series = _series(session, one.channel)
    found = sourced_readings.read(
        session,
        [SeriesRef(row.id, row.interval_s) for row in series],
        one.start - _MARGIN,
        one.end + _MARGIN,
        as_known_at=final.as_known_at,
    ).between(one.start, one.end)
    yield f"{','.join(_READING_COLUMNS)}\n".encode()
    yield "".join(_reading_lines(found, one, sources)).encode()


def _reading_lines(found: SourcedReadings, one: ClaimedChannel, sources: _Sources) -> Iterator[str]:
    """Yield the rows. There are many, all of them numbers and times: nothing needs quoting."""
    places = found.payload.tolist()
    hashes = sources.hashes(found.payload_ids[place] for place in sorted(set(places)))
    of_place = [hashes.get(payload, "") for payload in found.payload_ids]
    zone, columns = ZoneInfo(one.claim.time_zone), found.columns
    for start, duration, value, quality, place in zip(
        columns.start.tolist(),
        columns.duration_s.tolist(),
        columns.value.tolist(),
        columns.quality.tolist(),
        places,
        strict=True,
    ):
        moment = datetime.fromtimestamp(start, UTC)
        stated = "" if quality == _NOT_STATED else quality
        yield (
            f"{moment:%Y-%m-%dT%H:%M:%SZ},{moment.astimezone(zone).isoformat()},{duration},{value},"
            f"{columns.exponent},{stated},{of_place[place]}\n"
        )


def _history(
    session: Session, channels: Sequence[ClaimedChannel], final: Final, sources: _Sources
) -> Iterator[bytes]:
    """Yield what was stated otherwise before, channel by channel, and take its payloads along."""
    yield _csv(_HISTORY_COLUMNS, ())
    for one in channels:
        ids = [row.id for row in _series(session, one.channel)]
        found = reading_states.states(session, ids, one.start, one.end) if ids else []
        states = [state for state in found if state.recorded_at <= final.as_known_at]
        sources.hashes(payload for state in states for payload in state.payload_ids)
        rows = _differences(states, one, sources)
        yield _csv((), rows)


def _differences(
    states: Sequence[ReadingState], one: ClaimedChannel, sources: _Sources
) -> Iterator[tuple[object, ...]]:
    before: dict[tuple[UUID, datetime], ReadingState] = {}
    for state in states:
        old = before.get((state.series_id, state.part))
        before[(state.series_id, state.part)] = state
        if old is None:
            continue
        old_hash = sources.hashes(old.payload_ids)[old.payload_ids[0]]
        new_hash = sources.hashes(state.payload_ids)[state.payload_ids[0]]
        for start, reading in sorted(state.readings.items()):
            said = old.readings.get(start)
            if said is not None and said.quantity != reading.quantity:
                yield (
                    *(one.claim.meter, one.channel.direction, evidence_contents.instant(start)),
                    *(f"{said.quantity:f}", f"{reading.quantity:f}"),
                    *(evidence_contents.instant(state.recorded_at), old_hash, new_hash),
                )


def _series(session: Session, channel: FiledChannel) -> list[Series]:
    chosen = select(Series).where(Series.channel_id == UUID(channel.channel_id))
    return list(session.scalars(chosen.order_by(Series.interval_s, Series.id)))


def _payload_row(payload: LandedPayload) -> tuple[object, ...]:
    return (
        payload.sha256.hex(),
        payload.byte_count,
        payload.media_type,
        evidence_contents.instant(payload.received_at),
        payload.source,
        _payload_name(payload),
    )


def _payload_name(payload: LandedPayload) -> str:
    return f"payloads/{payload.sha256.hex()}"


def _payload(landing: LandingZone, sha256: bytes) -> Iterator[bytes]:
    with landing.open(sha256) as stream:
        while piece := stream.read(_CHUNK):
            yield piece


def _readme(final: Final) -> str:
    figures = final.figures
    return (
        _packaged("README.txt")
        .decode()
        .format(
            sentence=figures.sentence,
            report_id=final.report_id,
            finalised_at=evidence_contents.instant(final.finalised_at),
            as_known_at=evidence_contents.instant(final.as_known_at),
            zip_name=final.zip_name,
            file_name=figures.file_name,
        )
    )


def _packaged(name: str) -> bytes:
    return files("dcarbon.services.evidence_files").joinpath(name).read_bytes()


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    if header:
        writer.writerow(header)
    for row in rows:
        writer.writerow([cell_text.harmless(c) if isinstance(c, str) else c for c in row])
    return text.getvalue().encode()


def _require_right(target: IO[bytes], final: Final) -> None:
    """Run the check that lies in the zip: evidence that does not hold is never handed out."""
    evidence = verify.Evidence(target)
    try:
        report = json.loads(evidence.text("report.json"))
        found = verify.check_number(evidence, report)
    except verify.Problem as problem:
        found = [str(problem)]
    if found:
        raise EvidenceDiffers(f"report {final.report_id}: {len(found)} differences, {found[0]}")
    target.seek(0)
