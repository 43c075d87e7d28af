"""Turns at a provider, given out by the database to all processes, on the database's clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, text

from dcarbon.domain.turns import Window, next_turn

# Each turn is read and written under the lock, in two statements: one alone would read what its
# snapshot holds, and that is older than the lock it waited for. A turn is worth no disk flush:
# after a crash of the server the last fraction of a second of them may be missing.
_LOCK = text("""
    select pg_advisory_xact_lock(hashtextextended('provider_turns:' || :provider, 0)),
           set_config('synchronous_commit', 'off', true)
""")
_READ = text("""
    with newest as (
        select coalesce(max(turn), 0) as turn from provider_turns where provider = :provider
    )
    select extract(epoch from clock_timestamp())::float8 as now,
           newest.turn + 1 as turn,
           array(
               select extract(epoch from earlier.starts_at)::float8
               from unnest(cast(:counts as bigint[])) with ordinality as wanted(count, place)
               left join provider_turns earlier
                 on earlier.provider = :provider
                and earlier.turn = newest.turn + 1 - wanted.count
               order by wanted.place
           ) as before
    from newest
""")
_WRITE = text("""
    with outdated as (
        delete from provider_turns where provider = :provider and turn <= :turn - :kept
    )
    insert into provider_turns (provider, turn, starts_at)
    values (:provider, :turn, to_timestamp(:starts))
""")


@dataclass(frozen=True, slots=True)
class SharedTurns:
    """The turns of one provider; implements ``providers.limits.Turns``."""

    engine: Engine
    provider: str

    def take(self, windows: Sequence[Window], *, ahead: float) -> float:
        """Reserve the next turn unless it is more than ``ahead`` seconds off; return how far off.

        Nothing is held when it returns. A database that does not answer is ours and raised.
        """
        with self.engine.begin() as connection:
            connection.execute(_LOCK, {"provider": self.provider})
            counts = [window.count for window in windows]
            row = connection.execute(_READ, {"provider": self.provider, "counts": counts}).one()
            starts = next_turn(row.now, zip(windows, row.before, strict=True))
            wait: float = starts - row.now
            if wait <= ahead:
                values = {"turn": row.turn, "kept": max(counts), "starts": starts}
                connection.execute(_WRITE, {"provider": self.provider, **values})
            return wait
