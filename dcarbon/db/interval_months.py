"""The months interval days are kept in, and how what lies in none of them comes there.

``interval_days`` is partitioned by month; days of no month of their own lie in its *rest*. The
functions called here run as the owner of the tables (migrations 0011 and 0012). Which months there
should be, and when the rest is sorted into them, is the service's to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from psycopg import errors
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from dcarbon.domain.errors import DCarbonError

_STANDING = text("""
select count(*) filter (where c.relname <> 'interval_days_rest') as months,
       coalesce(sum(pg_total_relation_size(c.oid))
                    filter (where c.relname = 'interval_days_rest'), 0)::bigint as rest_bytes,
       to_regclass('interval_days_sorting') is not null as is_sorting
from pg_inherits i join pg_class c on c.oid = i.inhrelid
where i.inhparent = 'interval_days'::regclass
""")
_ADD = text("select add_interval_months(:first, :last)")
_BEGIN = text("select begin_sorting_intervals(:last)")
_SORT = text("select sort_intervals(:blocks)")
_FINISH = text("select finish_sorting_intervals()")
_MAY_FORGET = text("select to_regprocedure('forget_sorting_intervals()') is not null")
_FORGET = text("select forget_sorting_intervals()")
OF_A_SORT = frozenset({"interval_days_sorted", "interval_days_touched", "interval_days_sorting"})
"""Tables that are there while a sort is under way; all they hold is made anew by another one."""


class TableInUse(DCarbonError):
    """Somebody works on the readings for longer than a lock is waited for: come again."""


class RestInTheWay(DCarbonError):
    """The rest holds days of the month to be added: it has to be sorted first."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How interval days are kept."""

    months: int
    rest_bytes: int
    """What the rest takes on disk, with its index."""
    is_sorting: bool


def standing(session: Session) -> Standing:
    """Say how interval days are kept now."""
    found = session.execute(_STANDING).one()
    return Standing(found.months, found.rest_bytes, found.is_sorting)


def add(session: Session, first: date, last: date) -> int:
    """Make the months from that of ``first`` to that of ``last``; return how many are new.

    Both are the first of a month. Raises :class:`TableInUse`, :class:`RestInTheWay`.
    """
    with _told():
        return int(session.execute(_ADD, {"first": first, "last": last}).scalar_one())


def begin_sorting(session: Session, last: date) -> None:
    """Begin to sort the rest into months up to that of ``last``; from the commit on, writes are
    noted. Does nothing when that has begun. Raises :class:`TableInUse`.
    """
    with _told():
        session.execute(_BEGIN, {"last": last})


def sort(session: Session, blocks: int) -> int:
    """Copy so many blocks of 8 kB of the rest; return how many are left.

    Begins again by itself where the rest was written anew, as ``vacuum full`` does.
    """
    return int(session.execute(_SORT, {"blocks": blocks}).scalar_one())


def finish_sorting(session: Session) -> int:
    """Let the sorted months take the place of the rest; return how many they are.

    Nobody reads or writes readings at the end of it: a tenth of a second with a billion of them.
    Raises :class:`TableInUse`.
    """
    with _told():
        return int(session.execute(_FINISH).scalar_one())


def forget_sorting(connection: Connection) -> None:
    """Forget a sort that is under way, as the owner of the tables; harmless where there is none."""
    if connection.execute(_MAY_FORGET).scalar_one():
        connection.execute(_FORGET)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        if isinstance(error.orig, errors.LockNotAvailable):
            raise TableInUse("interval_days is in use") from error
        if isinstance(error.orig, errors.CheckViolation):
            raise RestInTheWay("interval_days_rest holds days of the month") from error
        raise
