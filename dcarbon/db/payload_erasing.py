"""Marking payloads as erased, save those that something kept still rests on.

The rows stay: readings, history and receipts name them. Bytes that nobody else has are noted in
``leaving_payloads``; taking them out of the landing zone is ``services.leaving_payloads``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from dcarbon.db import binary_copy as bc
from dcarbon.db import erasing
from dcarbon.db.erasing import HELD_DAY, HELD_PERIOD, OF_SERIES, WITH_HELD, Chosen, HeldSpan


@dataclass(frozen=True, slots=True)
class Bytes:
    """Payloads by their SHA-256, in order, and how large they are together."""

    hashes: tuple[bytes, ...] = ()
    total: int = 0


# The same answer may have come by another consent of the facility: one row is both.
_OTHER_SERIES: LiteralString = """
select s.id from series s join meter_channels c on c.id = s.channel_id
join meters m on m.id = c.meter_id
where m.facility_id = %(facility)s and not m.id = any(%(meters)s)
"""
_TOLD_ELSEWHERE: LiteralString = """
with told as (
    select payload_id, other_payload_ids from interval_days where series_id = any(%(series)s)
    union all
    select payload_id, other_payload_ids from interval_days_history
    where series_id = any(%(series)s)
    union all
    select payload_id, null from period_readings where series_id = any(%(series)s)
    union all
    select payload_id, null from period_readings_history where series_id = any(%(series)s)
)
select payload_id from told union select unnest(other_payload_ids) from told
"""
_HELD_PAYLOADS: LiteralString = f"""
{WITH_HELD}, told as (
    select d.payload_id, d.other_payload_ids
    from interval_days d where {OF_SERIES} and {HELD_DAY}
    union all
    select d.payload_id, d.other_payload_ids
    from interval_days_history d where {OF_SERIES} and {HELD_DAY}
    union all
    select d.payload_id, null
    from period_readings d where {OF_SERIES} and {HELD_PERIOD}
    union all
    select d.payload_id, null
    from period_readings_history d where {OF_SERIES} and {HELD_PERIOD}
)
select payload_id from told union select unnest(other_payload_ids) from told
"""  # noqa: S608 — our own words
# Also what was left over of consents erased before, because these rested on it.
_PAYLOADS: LiteralString = """
p.facility_id = %(facility)s and p.erased_at is null
and (%(everything)s or p.authorization_id = any(%(authorizations)s)
     or exists (select from authorizations a
                where a.id = p.authorization_id and a.payloads_erased_at is not null))
"""
_HELD_BYTES: LiteralString = f"""
select p.sha256, p.byte_count from landed_payloads p
where {_PAYLOADS} and p.id = any(%(save)s) order by p.sha256
"""  # noqa: S608
_COUNT_BYTES: LiteralString = f"""
select p.sha256, p.byte_count from landed_payloads p
where {_PAYLOADS} and not p.id = any(%(save)s) order by p.sha256
"""  # noqa: S608
_ERASE_BYTES: LiteralString = f"""
update landed_payloads p set erased_at = %(now)s, source = '', error_detail = null
where {_PAYLOADS} and not p.id = any(%(save)s)
returning p.sha256, p.byte_count
"""  # noqa: S608
# The same bytes may have come to somebody else as well: then they stay, and are theirs.
_LEAVE: LiteralString = """
insert into leaving_payloads (sha256, left_at, deletion_id)
select distinct e.sha256, %(now)s::timestamptz, %(deletion)s::uuid
from unnest(%(hashes)s::bytea[]) as e(sha256)
where not exists (select from landed_payloads p where p.sha256 = e.sha256 and p.erased_at is null)
on conflict (sha256) do update
set deletion_id = coalesce(excluded.deletion_id, leaving_payloads.deletion_id)
"""


def held_payloads(
    connection: bc.Connection, chosen: Chosen, held: Sequence[HeldSpan]
) -> list[UUID]:
    """Return the payloads that held readings were taken from, and those before they changed."""
    if not held:
        return []
    asked = erasing.asked_for(connection, chosen, held)
    return [row[0] for row in connection.execute(_HELD_PAYLOADS, asked)]


def shared_payloads(connection: bc.Connection, chosen: Chosen) -> list[UUID]:
    """Return the payloads that readings of the facility's other meters were taken from."""
    asked: dict[str, Any] = {"facility": chosen.facility_id, "meters": list(chosen.meter_ids)}
    series = [row[0] for row in connection.execute(_OTHER_SERIES, asked)]
    if not series:
        return []
    return [row[0] for row in connection.execute(_TOLD_ELSEWHERE, {"series": series})]


def count_payloads(
    connection: bc.Connection, chosen: Chosen, held: Collection[UUID], shared: Collection[UUID]
) -> tuple[Bytes, Bytes]:
    """Return the bytes that :func:`erase_payloads` would mark, and those of ``held`` it keeps."""
    going = connection.execute(_COUNT_BYTES, _of_payloads(chosen, {*held, *shared})).fetchall()
    staying = connection.execute(_HELD_BYTES, _of_payloads(chosen, held)).fetchall()
    return _bytes(going), _bytes(staying)


def erase_payloads(
    connection: bc.Connection,
    chosen: Chosen,
    save: Collection[UUID],
    *,
    now: datetime,
    deletion_id: UUID | None,
) -> Bytes:
    """Mark payloads as erased, save these, and return them; the bytes that nobody else has are to
    leave the landing zone. The caller holds :func:`erasing.lock`.
    """
    asked = _of_payloads(chosen, save) | {"now": now, "deletion": deletion_id}
    erased = _bytes(connection.execute(_ERASE_BYTES, asked).fetchall())
    asked["hashes"] = list(erased.hashes)
    connection.execute(_LEAVE, asked)
    return erased


def _of_payloads(chosen: Chosen, save: Collection[UUID]) -> dict[str, Any]:
    return {
        "facility": chosen.facility_id,
        "everything": chosen.authorization_ids is None,
        "authorizations": list(chosen.authorization_ids or ()),
        "save": list(save),
    }


def _bytes(rows: Sequence[tuple[Any, ...]]) -> Bytes:
    return Bytes(tuple(sorted(bytes(row[0]) for row in rows)), sum(row[1] for row in rows))
