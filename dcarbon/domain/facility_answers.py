"""What people type about a facility: read leniently, and refused field by field in words.

Kept apart from storing it: what is typed is saved even while it is not valid.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from dcarbon.domain.us_states import TIME_ZONES

FIELDS = (
    "name",
    "street",
    "city",
    "state",
    "postal_code",
    "time_zone",
    "finance_type",
    "finance_company",
    "installer",
    "system_size_kw",
    "commercial_operation_date",
)
"""Every answer there is, in the order people are asked."""

FINANCE_TYPES: Mapping[str, str] = {
    "cash": "Cash",
    "loan": "Loan",
    "lease": "Lease",
    "ppa": "Power purchase agreement (PPA)",
    "other": "Other",
}
"""Stored word and what people read."""

LONGEST = 200
_LARGEST_KW = Decimal(10_000_000)
_SMALLEST_KW = Decimal("0.001")
_EARLIEST = date(1950, 1, 1)
_YEARS_AHEAD = 10
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_POSTAL_CODE = re.compile(r"[0-9]{5}(-[0-9]{4})?")


@dataclass(frozen=True, slots=True)
class ReadAnswers:
    """Values by field where they are good, a sentence for people by field where they are not."""

    values: Mapping[str, object]
    errors: Mapping[str, str]


class Refused(Exception):
    """One answer will not do; the text is the sentence for people."""


def read(answers: Mapping[str, str], *, today: date) -> ReadAnswers:
    """Read all answers of a facility; what was not answered counts as empty."""
    values: dict[str, object] = {}
    errors: dict[str, str] = {}
    for field in FIELDS:
        try:
            text = line(answers.get(field, ""))
            values[field] = _READERS[field](text, today)
        except Refused as refused:
            errors[field] = str(refused)
    if not values.get("time_zone") and "time_zone" not in errors:
        values["time_zone"] = TIME_ZONES.get(str(values.get("state")), "America/Los_Angeles")
    return ReadAnswers(values, errors)


def line(text: str) -> str:
    text = text.strip()
    if len(text) > LONGEST:
        raise Refused(f"Please use at most {LONGEST} characters.")
    if _CONTROL.search(text):
        raise Refused("Please use ordinary characters on one line.")
    return text


def _needed(sentence: str) -> Callable[[str, date], str]:
    def read_text(text: str, _today: date) -> str:
        if not text:
            raise Refused(sentence)
        return text

    return read_text


def _state(text: str, _today: date) -> str:
    if text.upper() not in TIME_ZONES:
        raise Refused("Please give the state by its two letters, as CA.")
    return text.upper()


def _postal_code(text: str, _today: date) -> str:
    if not _POSTAL_CODE.fullmatch(text):
        raise Refused("Please give a ZIP code: five digits, or nine as 94105-1234.")
    return text


def _time_zone(text: str, _today: date) -> str | None:
    if not text:
        return None
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise Refused(
            "This time zone is not known. Please choose one such as America/Los_Angeles."
        ) from None
    return text


def _finance_type(text: str, _today: date) -> str | None:
    if not text:
        return None
    if text.lower() not in FINANCE_TYPES:
        raise Refused(f"Please choose one of: {', '.join(FINANCE_TYPES.values())}.")
    return text.lower()


def _optional(text: str, _today: date) -> str | None:
    return text or None


def kilowatts(text: str, _today: date) -> Decimal | None:
    if not text:
        return None
    sentence = "Please give the size in kilowatts as a number, such as 49.5."
    try:
        size = Decimal(text)
    except InvalidOperation:
        raise Refused(sentence) from None
    if not size.is_finite():
        raise Refused(sentence)
    if not _SMALLEST_KW <= size < _LARGEST_KW:
        raise Refused("The size in kilowatts must be above zero and below ten million.")
    if size != round(size, 3):
        raise Refused("Please give the size with at most three decimals.")
    return size


def day_of(text: str, today: date) -> date | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Refused("Please give the date as year-month-day, such as 2024-05-31.") from None
    if day < _EARLIEST or day.year > today.year + _YEARS_AHEAD:
        raise Refused("Please check the year of this date.")
    return day


_READERS: Mapping[str, Callable[[str, date], object]] = {
    "name": _needed("Please give the facility a name."),
    "street": _needed("Please give the street and number."),
    "city": _needed("Please give the city."),
    "state": _state,
    "postal_code": _postal_code,
    "time_zone": _time_zone,
    "finance_type": _finance_type,
    "finance_company": _optional,
    "installer": _optional,
    "system_size_kw": kilowatts,
    "commercial_operation_date": day_of,
}
