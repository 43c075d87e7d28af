"""What derived energy looks like over everybody, and whether it agrees with the readings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from dcarbon.db import binary_copy as bc
from dcarbon.db import derived_energy_checking as checking
from dcarbon.db import derived_energy_summing as summing
from dcarbon.db.derived_energy_checking import Compared, Difference
from dcarbon.db.derived_energy_summing import EnergyOfDay, ExportOfDay, GenerationOfMonth
from dcarbon.db.engine import Sessions

__all__ = [
    "Compared",
    "Difference",
    "EnergyOfDay",
    "ExportOfDay",
    "GenerationOfMonth",
    "Summaries",
    "days",
    "exports",
    "months",
    "of_days",
    "of_months",
]

MOST_TOTALS = 500
"""Totals compared with their readings at a time: a second of work, whatever was derived."""
MOST_DAYS = 31
"""Days among which they are drawn, the newest."""


@dataclass(frozen=True, slots=True)
class Summaries:
    """By local day."""

    energy: dict[date, EnergyOfDay]
    exports: dict[date, ExportOfDay]


def of_days(sessions: Sessions, asked: Sequence[date]) -> Summaries:
    """Return what is stored of local days."""
    with sessions() as session:
        connection = bc.connection_of(session)
        return Summaries(summing.energy(connection, asked), summing.exports(connection, asked))


def of_months(sessions: Sessions, asked: Sequence[date]) -> dict[date, GenerationOfMonth]:
    """Return what is stored of months, by their first day."""
    with sessions() as session:
        return summing.generation(bc.connection_of(session), asked)


def days(sessions: Sessions, asked: Sequence[date]) -> Compared:
    """Compare stored channel days with their readings, a sample of the newest days asked for."""
    with sessions() as session:
        connection = bc.connection_of(session)
        return checking.daily(connection, sorted(asked)[-MOST_DAYS:], limit=MOST_TOTALS)


def exports(sessions: Sessions, asked: Sequence[date]) -> Compared:
    """Compare stored export days with their readings, a sample of the newest days asked for."""
    with sessions() as session:
        connection = bc.connection_of(session)
        return checking.exports(connection, sorted(asked)[-MOST_DAYS:], limit=MOST_TOTALS)


def months(sessions: Sessions, asked: Sequence[date]) -> Compared:
    """Compare every stored month asked for with its stored days."""
    with sessions() as session:
        return checking.months(bc.connection_of(session), asked)
