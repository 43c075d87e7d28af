"""All payloads taken from one landing zone to another, and whether a zone holds what it should.

Both may go on while DCarbon works: what a zone should hold is what the records say when it is asked
for, shelf by shelf. A copy that was interrupted is gone on with by starting it again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dcarbon.db.landing_zone import LandingZone
from dcarbon.db.payloads import LandedPayload
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.services import audit, leaving_payloads, payload_copies
from dcarbon.services.actors import SYSTEM
from dcarbon.services.payload_copies import Copies, Outcome
from dcarbon.services.runtime import Runtime

_AFTER_LAST = b"\xff" * 33

Told = Callable[[int], None]
"""Hears how many payloads are done."""


@dataclass(slots=True)
class Looked:
    """What became of payloads. ``damaged`` and ``missing`` are hashes: nobody has them whole."""

    copied: int = 0
    whole: int = 0
    """Read and found the same, without being copied; in a copy, what was there before."""
    erased: int = 0
    """Taken out of the target, since they were erased after an earlier copy."""
    damaged: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        return not (self.damaged or self.missing)

    @property
    def count(self) -> int:
        return self.copied + self.whole + len(self.damaged) + len(self.missing)


def expected(runtime: Runtime) -> int:
    """Count the payloads that the records know of and that were not erased."""
    row = LandedPayload
    with runtime.sessions() as session:
        kept = select(func.count(row.sha256.distinct())).where(row.erased_at.is_(None))
        return session.scalar(kept) or 0


def copy(
    runtime: Runtime, source: LandingZone, target: LandingZone, *, told: Told = lambda _count: None
) -> Looked:
    """Copy what ``target`` lacks and read each payload back there; what has been erased since an
    earlier copy is taken out of it again.

    A damaged or missing payload stops no other. Raises :class:`LandingUnavailable`.
    """
    if source is runtime.landing:
        # What is to leave is settled first: bytes that landed again meanwhile are brought back.
        leaving_payloads.settle(runtime)
    done = Looked()
    way = _Way(runtime, source, target)
    try:
        for shelf in sorted({*source.shelves(), *target.shelves(), *_known_shelves(runtime)}):
            _copy_shelf(way, shelf, done, told)
    finally:
        with runtime.sessions.begin() as session:
            audit.record(
                session,
                AuditEvent.PAYLOADS_COPIED,
                actor=SYSTEM,
                at=runtime.now(),
                count=done.copied,
            )
    return done


def verify(runtime: Runtime, zone: LandingZone, *, told: Told = lambda _count: None) -> Looked:
    """Read every payload that the zone should hold to its end.

    Raises :class:`LandingUnavailable`.
    """
    done = Looked()
    for shelf in _known_shelves(runtime):
        with runtime.sessions() as session:
            known = sorted(_known(session, shelf))
        found = payload_copies.check(zone, known, told=_further(done, told))
        done.whole += found.counts[Outcome.THERE]
        _name_lacking(runtime, found, done)
    return done


@dataclass(frozen=True, slots=True)
class _Way:
    runtime: Runtime
    source: LandingZone
    target: LandingZone


def _copy_shelf(way: _Way, shelf: str, done: Looked, told: Told) -> None:
    # In this order: bytes land before they are recorded, so what is known now is listed after.
    with way.runtime.sessions() as session:
        known = _known(session, shelf)
    found, there = way.source.digests(shelf), set(way.target.digests(shelf))
    lacking = [digest for digest in found if digest not in there]
    done.whole += len(found) - len(lacking)
    further = _further(done, told)
    copies = payload_copies.copy(way.source, way.target, lacking, trusting=True, told=further)
    done.copied += copies.counts[Outcome.COPIED]
    _name_lacking(way.runtime, copies, done)
    absent = [digest for digest in known - set(found) - there if _is_kept(way.runtime, digest)]
    done.missing += sorted(digest.hex() for digest in absent)
    _take_out(way, there - set(found) - known, done)


def _further(done: Looked, told: Told) -> Told:
    before = done.count
    told(before)
    return lambda count: told(before + count)


def _name_lacking(runtime: Runtime, copies: Copies, done: Looked) -> None:
    """Note what could not be had; what has been erased meanwhile is not missed."""
    for name, outcome in copies.lacking.items():
        if outcome == Outcome.DAMAGED:
            done.damaged.append(name)
        elif _is_kept(runtime, bytes.fromhex(name)):
            done.missing.append(name)


def _take_out(way: _Way, digests: Collection[bytes], done: Looked) -> None:
    """Delete what an earlier copy took along and has been erased since; nothing else."""
    with way.runtime.sessions() as session:
        erased = _erased(session, digests)
    for digest in erased:
        way.target.remove(digest)
        done.erased += 1


def _known_shelves(runtime: Runtime) -> list[str]:
    first = func.get_byte(LandedPayload.sha256, 0)
    with runtime.sessions() as session:
        numbers = session.scalars(select(first).distinct().order_by(first))
        return [f"{number:02x}" for number in numbers]


def _known(session: Session, shelf: str) -> set[bytes]:
    """Return the hashes of a shelf that are recorded and not erased."""
    row, first = LandedPayload, bytes.fromhex(shelf)
    following = bytes([first[0] + 1]) if first < b"\xff" else _AFTER_LAST
    chosen = select(row.sha256).where(
        row.sha256 >= first, row.sha256 < following, row.erased_at.is_(None)
    )
    return set(session.scalars(chosen))


def _erased(session: Session, digests: Collection[bytes]) -> list[bytes]:
    """Return those of the hashes whose records all say that they were erased."""
    row = LandedPayload
    of_all = select(row.sha256).where(row.sha256.in_(digests)).group_by(row.sha256)
    chosen = of_all.having(func.bool_and(row.erased_at.is_not(None))).order_by(row.sha256)
    return list(session.scalars(chosen)) if digests else []


def _is_kept(runtime: Runtime, digest: bytes) -> bool:
    row = LandedPayload
    kept = select(row.id).where(row.sha256 == digest, row.erased_at.is_(None)).limit(1)
    with runtime.sessions() as session:
        return session.scalar(kept) is not None
