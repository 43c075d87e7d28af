"""Payloads from one landing zone to another, each read with its hash, by several threads.

Into a backup and out of it again. What is there already is read too, and replaced where it is
damaged: so the same bytes are never copied twice, and every copy ends verified.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice

from dcarbon.db.landing_zone import LandingZone
from dcarbon.domain.errors import PayloadCorrupt, PayloadMissing

Told = Callable[[int], None]
"""Hears how many payloads are done."""

_THREADS = 8
_AT_ONCE = 256
_CHUNK = 1 << 20
_MOST_NAMED = 1_000


class Outcome(StrEnum):
    """What became of one payload."""

    COPIED = "copied"
    THERE = "there"
    MENDED = "mended"
    MISSING = "missing"
    DAMAGED = "damaged"


@dataclass(slots=True)
class Copies:
    """What became of them all; ``lacking`` names those that could not be had whole."""

    counts: Counter[Outcome] = field(default_factory=Counter)
    lacking: dict[str, str] = field(default_factory=dict)
    """SHA-256 in hex, and ``missing`` or ``damaged``; the first thousand."""

    @property
    def lacking_count(self) -> int:
        return self.counts[Outcome.MISSING] + self.counts[Outcome.DAMAGED]

    def note(self, digest: bytes, outcome: Outcome) -> None:
        self.counts[outcome] += 1
        if outcome in {Outcome.MISSING, Outcome.DAMAGED} and len(self.lacking) < _MOST_NAMED:
            self.lacking[digest.hex()] = outcome.value


def copy(
    source: LandingZone,
    target: LandingZone,
    payloads: Iterable[bytes],
    *,
    trusting: bool = False,
    told: Told = lambda _: None,
) -> Copies:
    """Bring all payloads to ``target``. ``trusting``: what is there already is not read again."""

    def one(digest: bytes) -> Outcome:
        return _copied(source, target, digest, trusting=trusting)

    return _each(one, payloads, told)


def check(zone: LandingZone, payloads: Iterable[bytes], *, told: Told = lambda _: None) -> Copies:
    """Read all payloads and compare each with its hash."""
    return _each(lambda digest: _read(zone, digest), payloads, told)


def _each(do: Callable[[bytes], Outcome], payloads: Iterable[bytes], told: Told) -> Copies:
    found, rest, done = Copies(), iter(payloads), 0
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="payloads") as threads:
        while some := list(islice(rest, _AT_ONCE)):
            for digest, outcome in zip(some, threads.map(do, some), strict=True):
                found.note(digest, outcome)
            done += len(some)
            told(done)
    return found


def _copied(source: LandingZone, target: LandingZone, digest: bytes, *, trusting: bool) -> Outcome:
    is_there = target.exists(digest)
    if is_there:
        if trusting or _read(target, digest) is Outcome.THERE:
            return Outcome.THERE
        target.set_aside(digest)
    outcome = _brought(source, target, digest)
    if outcome is not Outcome.COPIED:
        # Damaged bytes may still help somebody; none are better than they only for a copy anew.
        target.bring_back(digest)
        return outcome
    target.delete_aside(digest)
    after = _read(target, digest)
    if after is not Outcome.THERE:
        return after
    return Outcome.MENDED if is_there else Outcome.COPIED


def _brought(source: LandingZone, target: LandingZone, digest: bytes) -> Outcome:
    # Erased and landed again in the same moment, it may be aside: the second look finds it.
    for is_second in (False, True):
        try:
            with source.open(digest) as stream:
                target.put_stream(stream)
        except PayloadMissing:
            if not is_second:
                source.bring_back(digest)
        except PayloadCorrupt:
            return Outcome.DAMAGED
        else:
            return Outcome.COPIED
    return Outcome.MISSING


def _read(zone: LandingZone, digest: bytes) -> Outcome:
    """Read a payload to its end, where its hash is compared."""
    try:
        with zone.open(digest) as stream:
            while stream.read(_CHUNK):
                pass
    except PayloadMissing:
        return Outcome.MISSING
    except PayloadCorrupt:
        return Outcome.DAMAGED
    return Outcome.THERE
