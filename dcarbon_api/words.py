"""Times, days and stored words as people read them on pages. Filters of the templates."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from flask import Blueprint

from dcarbon_api.context import current_runtime

bp = Blueprint("words", __name__)

METHODS: Mapping[str, str] = {"green_button": "Green Button", "utilityapi": "UtilityAPI"}
ROLES: Mapping[str, str] = {
    "owner": "Owner",
    "operator": "Operator",
    "owner_operator": "Owner + Operator",
    "admin": "Administrator",
}
COMMODITIES: Mapping[str, str] = {"electricity": "Electricity", "gas": "Gas", "water": "Water"}
DIRECTIONS: Mapping[str, str] = {
    "delivered": "From the grid",
    "received": "To the grid",
    "net": "Net (from minus to the grid)",
    "total": "Total",
}

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


@bp.app_template_filter()
def ago(instant: datetime) -> str:
    """Return how long ago an instant was, or how soon it comes, in one unit."""
    distance = current_runtime().now() - instant
    words = _span(abs(distance))
    if words is None:
        return "just now" if distance >= timedelta() else "in a moment"
    return f"{words} ago" if distance > timedelta() else f"in {words}"


@bp.app_template_filter()
def local_time(instant: datetime, zone: str) -> str:
    """Return an instant on the clock of the meter's zone, with the zone's short name."""
    return instant.astimezone(ZoneInfo(zone)).strftime("%b %-d, %Y, %-I:%M %p %Z")


@bp.app_template_filter()
def local_day(instant: datetime, zone: str) -> str:
    """Return the local day an instant is in, as it is written in letters."""
    return plain_date(instant.astimezone(ZoneInfo(zone)).date())


@bp.app_template_filter()
def last_day(end: datetime, zone: str) -> str:
    """Return the last local day before an end that is not included."""
    return local_day(end - timedelta(seconds=1), zone)


@bp.app_template_filter()
def plain_date(value: date) -> str:
    """Return a calendar day as it is written in letters."""
    return value.strftime("%b %-d, %Y")


@bp.app_template_filter()
def method_name(method: str | None) -> str:
    return METHODS.get(method or "", "Not chosen yet")


@bp.app_template_filter()
def role_name(role: str | None) -> str:
    return ROLES.get(role or "", "Visitor")


@bp.app_template_filter()
def commodity_name(commodity: str) -> str:
    return COMMODITIES.get(commodity, "Not stated")


@bp.app_template_filter()
def direction_name(direction: str, commodity: str = "electricity") -> str:
    """Return which way something flows; only electricity has a grid."""
    if direction == "delivered" and commodity != "electricity":
        return "Delivered"
    return DIRECTIONS.get(direction, direction.replace("_", " ").capitalize())


@bp.app_template_filter()
def interval_length(seconds: int) -> str:
    """Return how often there is a reading: ``15 minutes``, ``hour``; 0 has no fixed length."""
    if seconds == 0:
        return "local day or billing period"
    words = _span(timedelta(seconds=seconds)) or f"{seconds} seconds"
    return words.removeprefix("1 ")


def _span(length: timedelta) -> str | None:
    """Return a length in its largest whole unit, ``None`` under a minute."""
    seconds = int(length.total_seconds())
    if seconds < _MINUTE:
        return None
    for unit, size in (("day", _DAY), ("hour", _HOUR), ("minute", _MINUTE)):
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return None
