"""Days and amounts in the sentences of the checks before a report."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from dcarbon.domain.filings import Filing

_MOST_NAMED = 3


def kw(filing: Filing) -> str:
    return f"{filing.unit.nameplate_kw.normalize():f}"


def mwh(wh: Decimal) -> str:
    return f"{wh.scaleb(-6):,.3f}"


def sentence(words: str) -> str:
    return f"{words} " if words else ""


def day(day: date) -> str:
    return f"{day:%b} {day.day}, {day.year}"


def days(days: list[date]) -> str:
    named = ", ".join(day(one) for one in days[:_MOST_NAMED])
    rest = len(days) - _MOST_NAMED
    return f"{named} and {rest} more" if rest > 0 else named
