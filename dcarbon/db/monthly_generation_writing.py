"""Storing the months of generating units: only when one says something new."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import LiteralString

from sqlalchemy.orm import Session

from dcarbon.db import binary_copy as bc
from dcarbon.domain.generation import MonthOfGeneration

_NEWS: LiteralString = (
    "value, exponent, basis, days_expected, days_complete, estimated_days, is_complete"
)
_COLUMNS: LiteralString = f"generating_unit_id, month, {_NEWS}, as_of, computed_at"
# Columns as arrays: one statement of one shape, however many months.
_STORE: LiteralString = f"""
insert into monthly_generation ({_COLUMNS})
select w.*, %s::timestamptz from unnest(
    %s::uuid[], %s::date[], %s::int8[], %s::int2[], %s::text[], %s::int4[], %s::int4[], %s::int4[],
    %s::bool[], %s::timestamptz[]
) as w
on conflict (generating_unit_id, month) do update set
    ({_NEWS}, as_of, computed_at) = (
        {", ".join("excluded." + name for name in _NEWS.split(", "))},
        excluded.as_of, excluded.computed_at
    )
where ({", ".join("monthly_generation." + name for name in _NEWS.split(", "))})
   is distinct from ({", ".join("excluded." + name for name in _NEWS.split(", "))})
returning month
"""  # noqa: S608 — our own column names
_FORGET = """
delete from monthly_generation g using unnest(%s::uuid[], %s::date[]) as w(unit_id, month)
where g.generating_unit_id = w.unit_id and g.month = w.month
returning g.month
"""


def store(
    session: Session, months: Sequence[MonthOfGeneration], *, computed_at: datetime
) -> list[date]:
    """Store months, or forget those of which no day is claimed; return which were not so before.

    A month is there once per unit that changed.
    """
    connection = bc.connection_of(session)
    gone = [one for one in months if not one.lines]
    here = [one for one in months if one.lines]
    columns = [
        [one.unit_id for one in here],
        [one.month for one in here],
        [one.value for one in here],
        [one.exponent for one in here],
        [one.basis for one in here],
        [one.days_expected for one in here],
        [one.days_complete for one in here],
        [one.estimated_days for one in here],
        [one.is_complete for one in here],
        [one.as_of for one in here],
    ]
    keys = [[one.unit_id for one in gone], [one.month for one in gone]]
    changed = connection.execute(_FORGET, keys).fetchall() if gone else []
    if here:
        changed += connection.execute(_STORE, [computed_at, *columns]).fetchall()
    return [row[0] for row in changed]
