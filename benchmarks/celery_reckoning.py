"""What a night left, beside what the sandbox measured and when the sandbox was asked."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text

from benchmarks.sync_fixture import NOW
from dcarbon.db import audit_chain
from dcarbon.domain.calendar import day_bounds
from dcarbon.services.runtime import Runtime
from dcarbon_sandbox import loads
from dcarbon_sandbox.customers import customer_by_login

ZONE = ZoneInfo("America/Los_Angeles")
_HELD = text("""
    select m.authorization_id, i.direction, count(*) as readings, sum(i.value) as energy
    from intervals i join meters m on m.id = i.meter_id
    where i.unit = 'Wh' and i.measure = 'usage' and i.direction in ('delivered', 'received')
      and i.start_utc >= :start and i.start_utc < :end
    group by 1, 2
""")
_UNREACHED = text("""
    select count(*) from authorizations a where a.status = 'authorized'
      and a.shard = any(:shards) and not exists (
        select from sync_attempts t where t.authorization_id = a.id
          and t.started_at >= (select min(started_at) from sync_attempts where sync_key = :key)
          and t.finished_at is not null and t.error_code is null)
""")
_FAILED = text("""
    select error_code, count(*) as failed from sync_attempts
    where sync_key = :key and error_code is not null group by 1 order by 1
""")
_OPEN = text("select count(*) from sync_attempts where finished_at is null")
_UNLOGGED = text("""
    select count(*) from (
        select a.id,
               (select count(*) from sync_attempts t where t.authorization_id = a.id
                and t.finished_at is not null and t.error_code is null) as went_well,
               (select count(*) from audit_entries e where e.authorization_id = a.id
                and e.event = 'interval_data_imported') as logged
        from authorizations a
    ) each where went_well <> logged
""")
_TURNS = text("select coalesce(max(turn), 0) from provider_turns where provider = :provider")


@dataclass(frozen=True)
class Reckoned:
    """``problems`` is empty when nothing was lost."""

    problems: Sequence[str]
    readings: int
    failed: Mapping[str, int]
    """Attempts by what they ended with; ``run_ended``: their process was killed."""


def reckon(
    runtime: Runtime, logins: Mapping[UUID, str], sync_key: str, day: date, shards: Sequence[int]
) -> Reckoned:
    """Compare a local day of every customer, and look at attempts and the audit log."""
    readings, wrong = _compared(runtime, logins, day, shards)
    with runtime.sessions() as session:
        values = {"key": sync_key, "shards": list(shards)}
        counted = {
            "authorizations without a good attempt": session.scalar(_UNREACHED, values),
            "attempts without an end": session.scalar(_OPEN),
            "authorizations whose audit entries are not their attempts": session.scalar(_UNLOGGED),
        }
        broken = audit_chain.verify(session)
        rows = session.execute(_FAILED, {"key": sync_key}).all()
        failed = {row.error_code: int(row.failed) for row in rows}
    problems = [f"{count} {what}" for what, count in counted.items() if count]
    problems += [f"the audit chain breaks at {broken}"] if broken is not None else []
    return Reckoned([*problems, *wrong], readings, failed)


def _compared(
    runtime: Runtime, logins: Mapping[UUID, str], day: date, shards: Sequence[int]
) -> tuple[int, list[str]]:
    """Return how many readings the day has, and whose are not as the utility states them."""
    start, end = day_bounds(day, ZONE)
    members = text("select id from authorizations where shard = any(:shards)")
    with runtime.sessions() as session:
        held = {
            (row.authorization_id, row.direction): (row.readings, Decimal(row.energy))
            for row in session.execute(_HELD, {"start": start, "end": end})
        }
        ours = set(session.scalars(members, {"shards": list(shards)}))
    total, wrong = 0, []
    for identity in ours:
        customer = customer_by_login(logins[identity])
        assert customer is not None
        (meter,) = customer.meters
        stated = loads.readings(meter, start, end, as_of=NOW)
        directions = {"delivered": stated.delivered_mwh}
        if meter.has_export:
            directions["received"] = stated.received_mwh
        for direction, values in directions.items():
            energy = values[stated.present]
            expected = (len(energy), Decimal(int(energy.sum())) / 1000)
            found = held.get((identity, direction), (0, Decimal()))
            total += found[0]
            if found != expected:
                wrong.append(f"{logins[identity]} {direction}: {found} and not {expected}")
    return total, wrong


def turns(runtime: Runtime, provider: str) -> int:
    """Return how many turns the shared limiter has given out at a provider."""
    with runtime.sessions() as session:
        return int(session.scalar(_TURNS, {"provider": provider}) or 0)


def greatest(times: Iterable[float], seconds: float) -> int:
    """Return the greatest number of requests within any window of so many seconds."""
    window: deque[float] = deque()
    most = 0
    for at in sorted(times):
        window.append(at)
        while at - window[0] >= seconds:
            window.popleft()
        most = max(most, len(window))
    return most


def named(made: Sequence[UUID], count: int, utilities: Sequence[str]) -> dict[UUID, str]:
    """Return the logins of generated customers, made utility after utility."""
    logins: list[str] = []
    for number in range(len(utilities)):
        share = count // len(utilities) + (number < count % len(utilities))
        logins += [f"bulk-{each}" for each in range(share)]
    assert Counter(made).most_common(1)[0][1] == 1
    return dict(zip(made, logins, strict=True))
