"""What a night costs: time, processor and memory, ours, the database's and the sandbox's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import text

from benchmarks.sync_fixture import Place, cpu_s
from benchmarks.sync_workers import Done, Range, Task, Worker
from dcarbon.db.authorizations import SHARDS
from dcarbon.services.runtime import Runtime

_WAL = "select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint"
_REMEMBER = """
create table remembered_days as
select series_id, utc_day, xmin::text as version from interval_days
"""
_CHANGED = """
select count(*) from interval_days d
left join remembered_days b on b.series_id = d.series_id and b.utc_day = d.utc_day
where b.version is distinct from d.xmin::text
"""


@dataclass(slots=True)
class Costs:
    """Sums over rounds of one kind. A round lasts as long as its slowest worker."""

    authorizations: int
    wall_s: float = 0.0
    collecting_s: float = 0.0
    """Without what Dagster does before and after: events, asset checks."""
    ours_cpu_s: float = 0.0
    server_cpu_s: float = 0.0
    sandbox_cpu_s: float = 0.0
    answers: int = 0
    peak_bytes: int = 0
    runs: list[Done] = field(default_factory=list)

    def each_ms(self, seconds: float) -> float:
        """Return milliseconds per authorization."""
        return 1000 * seconds / self.authorizations

    @property
    def cpu_ms(self) -> float:
        """Ours and the database's, per authorization: what grows with the number of them."""
        return self.each_ms(self.ours_cpu_s + self.server_cpu_s)

    def add(self, done: Sequence[Done], *, server_cpu_s: float, sandbox_cpu_s: float) -> None:
        self.wall_s += max(one.seconds for one in done)
        self.collecting_s += max(one.collecting_s for one in done)
        self.ours_cpu_s += sum(one.cpu_s for one in done)
        self.server_cpu_s += server_cpu_s
        self.sandbox_cpu_s += sandbox_cpu_s
        self.answers += sum(one.answers for one in done)
        self.peak_bytes = max([self.peak_bytes, *(one.peak_bytes for one in done)])
        self.runs += done


def night(
    place: Place,
    hands: Sequence[Worker],
    day: date,
    kind: str,
    authorizations: int,
    *,
    beside: Costs | None = None,
) -> Costs:
    """Run the sync of one day, as many shards at once as there are workers.

    ``beside`` is given the costs of the bare loop over the same shards, asked just before each.
    """
    costs = Costs(authorizations)
    for first in range(0, SHARDS, len(hands)):
        shards = range(first, min(first + len(hands), SHARDS))
        if beside is not None:
            _round(place, hands, [Task(shard, day) for shard in shards], beside)
        _round(place, hands, [Task(shard, day, kind) for shard in shards], costs)
    return costs


def onboarded(
    place: Place, hands: Sequence[Worker], ranges: Sequence[Range], authorizations: int
) -> Costs:
    """Carry out the runs of many new authorizations, as many at once as there are workers."""
    costs = Costs(authorizations)
    for first in range(0, len(ranges), len(hands)):
        _round(place, hands, ranges[first : first + len(hands)], costs)
    return costs


def _round(
    place: Place, hands: Sequence[Worker], tasks: Sequence[Task | Range], costs: Costs
) -> None:
    server, sandbox = cpu_s(place.server_pid), cpu_s(place.sandbox.pid)
    for hand, task in zip(hands, tasks, strict=False):
        hand.begin(task)
    done = [hand.end() for hand, _ in zip(hands, tasks, strict=False)]
    costs.add(
        done,
        server_cpu_s=cpu_s(place.server_pid) - server,
        sandbox_cpu_s=cpu_s(place.sandbox.pid) - sandbox,
    )


@dataclass(slots=True)
class Written:
    """What a piece of work left in the database."""

    wal_bytes: int = 0
    days: int = 0
    """Interval days that are new or other than before."""


@contextmanager
def written(runtime: Runtime) -> Iterator[Written]:
    """Say at the end of the block what was written in it."""
    found = Written()
    with runtime.sessions.begin() as session:
        session.execute(text(_REMEMBER))
        before = session.scalar(text(_WAL)) or 0
    yield found
    with runtime.sessions.begin() as session:
        found.wal_bytes = (session.scalar(text(_WAL)) or 0) - before
        found.days = session.scalar(text(_CHANGED)) or 0
        session.execute(text("drop table remembered_days"))


def attempts(runtime: Runtime, sync_key: str) -> dict[str, int]:
    """Return how many authorizations a sync reached, by how it ended; ``ok`` for well."""
    query = text("""
        select coalesce(error_code, case when finished_at is null then 'unfinished' else 'ok' end),
               count(distinct authorization_id)
        from sync_attempts where sync_key = :key group by 1 order by 1
    """)
    with runtime.sessions() as session:
        return {row[0]: row[1] for row in session.execute(query, {"key": sync_key})}


def answers(runtime: Runtime, sync_key: str) -> tuple[int, int]:
    """Return the payloads and readings a sync was sent."""
    query = text("""
        select coalesce(sum(payloads), 0)::int, coalesce(sum(readings), 0)::int
        from sync_attempts where sync_key = :key
    """)
    with runtime.sessions() as session:
        row = session.execute(query, {"key": sync_key}).one()
    return row[0], row[1]
