"""What people type about a generating unit: read leniently, and refused field by field in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal

from dcarbon.domain import registries
from dcarbon.domain.facility_answers import ReadAnswers, Refused, day_of, kilowatts, line

FIELDS = (
    "name",
    "nameplate_kw",
    "commercial_operation_date",
    "fuel",
    "registry",
    "registry_id",
    "reporting_unit_id",
)
"""Every answer there is, in the order people are asked."""

FUELS: Mapping[str, str] = {
    "solar": "Solar",
    "wind": "Wind",
    "hydro": "Water",
    "biogas": "Biogas",
    "biomass": "Biomass",
    "geothermal": "Geothermal",
    "other": "Other",
}
"""Stored word and what people read."""

_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


def read(answers: Mapping[str, str], *, today: date) -> ReadAnswers:
    """Read all answers about a unit; what was not answered counts as empty."""
    values: dict[str, object] = {}
    errors: dict[str, str] = {}
    for field in FIELDS:
        try:
            values[field] = _READERS[field](line(answers.get(field, "")), today)
        except Refused as refused:
            errors[field] = str(refused)
    if values.get("reporting_unit_id") and not values.get("registry_id"):
        errors.setdefault("registry_id", "Please give the generator's id as well.")
    return ReadAnswers(values, errors)


def _name(text: str, _today: date) -> str:
    if not text:
        raise Refused("Please give the unit a name, such as Roof or Car port.")
    return text


def _nameplate(text: str, today: date) -> Decimal:
    size = kilowatts(text, today)
    if size is None:
        raise Refused("Please give the nameplate capacity in kilowatts, such as 49.5.")
    return size


def _operation(text: str, today: date) -> date:
    day = day_of(text, today)
    if day is None:
        raise Refused("Please give the day it began to operate: nothing before it counts.")
    return day


def _fuel(text: str, _today: date) -> str:
    if text.lower() not in FUELS:
        raise Refused(f"Please choose one of: {', '.join(FUELS.values())}.")
    return text.lower()


def _registry(text: str, _today: date) -> str:
    known = registries.profiles()
    if text.lower() not in known:
        names = ", ".join(profile.name for profile in known.values())
        raise Refused(f"Please choose one of: {names}.")
    return text.lower()


def _identifier(text: str, _today: date) -> str | None:
    if not text:
        return None
    if not _IDENTIFIER.fullmatch(text):
        raise Refused(
            "Please copy the id from the registry: up to 40 letters, digits, dots and hyphens."
        )
    return text


_READERS: Mapping[str, Callable[[str, date], object]] = {
    "name": _name,
    "nameplate_kw": _nameplate,
    "commercial_operation_date": _operation,
    "fuel": _fuel,
    "registry": _registry,
    "registry_id": _identifier,
    "reporting_unit_id": _identifier,
}
