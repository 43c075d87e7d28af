"""A portfolio with a year of quarter hours for each meter, laid straight into the tables.

A meter's year is spread over the whole table. The rival's row per reading holds the very same
readings of a part of the meters, in the same order.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, LiteralString
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from benchmarks import quarter_hours
from benchmarks.quarter_hours import EXPONENT, SLOTS, STEP_S
from benchmarks.serving_rivals import ReadingRow
from dcarbon.db import binary_copy as bc
from dcarbon.db import engine as database_engine
from dcarbon.db import interval_wire as wire
from dcarbon.db.engine import Sessions
from dcarbon.db.interval_rows import DayRows
from dcarbon.services import api_tokens

YEAR = 2025
FIRST_DAY = date(YEAR, 1, 1)
DAYS = 366
"""UTC days that a local year touches."""
SERIES_READINGS = DAYS * SLOTS
_DAYS_PER_COMMIT = 10
_ROWS_IN: LiteralString = (
    "copy reading_rows (series_id, start_at, value, exponent, quality) from stdin (format binary)"
)
_ROW = [
    *bc.fixed("series_id", 16),
    *bc.scalar("start_at", ">i8"),
    *bc.scalar("value", ">i8"),
    *bc.scalar("exponent", ">i2"),
    *bc.scalar("quality", ">i2"),
]


@dataclass(frozen=True, slots=True)
class Portfolio:
    """What was filled in: meters of one person, who holds ``token``."""

    token: str
    meters: list[UUID]
    """The odd ones have two channels, delivered and received; the even ones only delivered."""
    with_rows: list[UUID]
    """Those whose readings the rival's table holds, too."""
    readings: int
    rows: int


def fill(engine: Engine, *, readings: int, rows: int) -> Portfolio:
    """Fill a migrated, empty database with about so many readings and rows, saying how far it is.

    Same arguments, same readings.
    """
    sessions = database_engine.sessions(engine)
    count = max(3, readings // SERIES_READINGS)
    found = quarter_hours.furnish(sessions, count, first=FIRST_DAY, days=DAYS)
    with_rows, row_series = _with_rows(found.meters, max(3, rows // SERIES_READINGS), count)
    with sessions.begin() as session:
        ReadingRow.metadata.create_all(session.connection())
        session.execute(text("alter table reading_rows drop constraint reading_rows_pkey"))
    counted, began = [0, 0], time.perf_counter()
    for first in range(0, DAYS, _DAYS_PER_COMMIT):
        with sessions.begin() as session:
            for day in range(first, min(first + _DAYS_PER_COMMIT, DAYS)):
                written = _write_day(session, found.ids, day, row_series)
                counted = [one + more for one, more in zip(counted, written, strict=True)]
        if (first // _DAYS_PER_COMMIT) % 6 == 5:
            quarter_hours.say(counted[0], began)
    _settle(engine)
    quarter_hours.say(counted[0], began)
    return Portfolio(_token(sessions, found), found.meters, with_rows, *counted)


def _token(sessions: Sessions, found: quarter_hours.Portfolio) -> str:
    _, token = api_tokens.create(
        sessions,
        person_id=found.person_id,
        name="bench",
        scopes=["read"],
        actor=found.actor,
        now=datetime.now(UTC),
    )
    return token


def _with_rows(meters: Sequence[UUID], wanted: int, available: int) -> tuple[list[UUID], int]:
    """Return the first meters that together have ``wanted`` series, and how many those are."""
    count = have = 0
    while count < len(meters) and have < min(wanted, available):
        have += 1 + count % 2
        count += 1
    return list(meters[:count]), min(have, available)


def _write_day(session: Session, ids: wire.Ids, day: int, row_series: int) -> tuple[int, int]:
    """Write one UTC day of all series; return how many readings and rows that were."""
    rows = quarter_hours.day_of_all(len(ids.series_ids), first=FIRST_DAY, day=day)
    part = rows.take(np.arange(row_series))
    written = quarter_hours.write(session, ids, rows, recorded_at=datetime.now(UTC))
    bc.copy_in(bc.connection_of(session), _ROWS_IN, _as_rows(part, ids))
    return written, int(np.count_nonzero(part.present))


def _as_rows(part: DayRows, ids: wire.Ids) -> Iterator[bytes]:
    start = part.day[:, None] * 86_400 + np.arange(0, 86_400, STEP_S)
    kept = part.present
    records: NDArray[np.void] = bc.blank(_ROW, int(np.count_nonzero(kept)))
    series: NDArray[Any] = np.broadcast_to(part.series[:, None], kept.shape)[kept]
    records["series_id"] = bc.uuid_bytes(ids.series_ids)[series]
    records["start_at"] = start[kept] * 1_000_000 - bc.EPOCH_US
    records["value"] = part.values[kept]
    records["exponent"] = EXPONENT
    records["quality"] = part.quality[kept]
    yield records.tobytes()


def _settle(engine: Engine) -> None:
    """Give the rival its index, and both tables what a running server's autovacuum would."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in (
            "alter table reading_rows add primary key (series_id, start_at)",
            "vacuum analyze",
            "checkpoint",
        ):
            connection.execute(text(statement))
