"""What one authorization leaves behind in a night: bytes by table, and bytes in the landing zone.

Run as ``python -m benchmarks.growth``. Real syncs against the sandbox, a day after the other with
the product's usual overlap, and the derivations that follow. Tables grow by what is between the
first and the last measured night; one part is a table with its indexes and what lies outside it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from rich.table import Table
from sqlalchemy import text

from benchmarks.harness import report, show
from benchmarks.sync_fixture import LAST_DAY, NOW, Place, furnish, place
from dcarbon.db.authorizations import SHARDS
from dcarbon.services import derived_energy, syncing
from dcarbon.services.runtime import Runtime

SIZE = 400
OVERLAP_DAYS = 7
FIRST_NIGHTS, NIGHTS = 8, 12
"""Nights until the overlap is full, which are not counted, and those that are."""
MOST = 20 * 1024
SHOWN, BLOCK = 6, 512
GOAL = f"an authorization leaves at most {MOST // 1024} KiB a night, database and payloads together"
_TABLES = text("""
    select coalesce(pg_partition_root(c.oid)::regclass::text, c.relname),
           sum(pg_total_relation_size(c.oid))::bigint
    from pg_class c where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace group by 1
""")
_READINGS = text("select coalesce(sum(readings), 0)::bigint from sync_attempts")


@dataclass(frozen=True, slots=True)
class Stock:
    """Bytes of each table; files of the landing zone, their bytes and what they take of the disk;
    and the readings that came so far.
    """

    tables: Mapping[str, int]
    payloads: int
    payload_bytes: int
    payload_blocks: int
    readings: int


def main() -> None:
    """Sync some nights, and print what a night of one authorization comes to."""
    size = int(os.environ.get("SIZE", SIZE))
    with place() as bare:
        where = replace(bare, overlap_days=OVERLAP_DAYS)
        with where.runtime() as runtime:
            furnish(where, runtime, size)
            _nights(runtime, NIGHTS, FIRST_NIGHTS)
            before = _stock(runtime, where)
            _nights(runtime, 0, NIGHTS)
            after = _stock(runtime, where)
    figures = _shown(before, after, size * NIGHTS)
    report("growth", figures, GOAL, int(str(figures["bytes"])) <= MOST)


def _nights(runtime: Runtime, last: int, count: int) -> None:
    """Sync ``count`` days up to the one ``last`` days before the newest, and derive after each."""
    for before in range(last + count - 1, last - 1, -1):
        day = LAST_DAY - timedelta(days=before)
        for shard in range(SHARDS):
            syncing.sync_shard(runtime, day=day, shard=shard)
        derived_energy.derive_changed(runtime.sessions, now=NOW)


def _stock(runtime: Runtime, where: Place) -> Stock:
    with runtime.sessions() as session:
        session.execute(text("checkpoint"))
        rows = session.execute(_TABLES).all()
        readings = session.execute(_READINGS).scalar_one()
    tables = {str(row[0]): int(row[1]) for row in rows}
    held = [path.stat() for path in (where.directory / "landing").rglob("*") if path.is_file()]
    blocks = sum(one.st_blocks * BLOCK for one in held)
    return Stock(tables, len(held), sum(one.st_size for one in held), blocks, readings)


def _shown(before: Stock, after: Stock, nights: int) -> dict[str, object]:
    grown = {name: after.tables[name] - before.tables.get(name, 0) for name in after.tables}
    blocks = after.payload_blocks - before.payload_blocks
    largest = sorted(grown, key=lambda name: grown[name], reverse=True)
    table = Table("what", "bytes a night and authorization")
    parts = {name: grown[name] for name in largest[:SHOWN]}
    parts["other tables"] = sum(grown[name] for name in largest[SHOWN:])
    parts["landing zone, whole disk blocks"] = blocks
    for name, size in parts.items():
        table.add_row(name, f"{size / nights:,.0f}")
    show(table)
    database = sum(grown.values())
    return {
        "bytes": round((database + blocks) / nights),
        "database_bytes": round(database / nights),
        "landing_bytes": round(blocks / nights),
        "payload_bytes": round((after.payload_bytes - before.payload_bytes) / nights),
        "payloads": round((after.payloads - before.payloads) / nights, 2),
        "readings": round((after.readings - before.readings) / nights),
        "by_table": {name: round(size / nights) for name, size in parts.items()},
    }


if __name__ == "__main__":
    main()
