"""Billing periods: the complete calendar months of what is held of a meter."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from dcarbon_sandbox.utilityapi.scenarios import meter_of
from dcarbon_sandbox.utilityapi.service import Record, Service


def periods_of(service: Service, meter: Record) -> list[tuple[float, float]]:
    """Return ``(start, end)`` of each billed month as epoch seconds, oldest first."""
    if meter["collected"] is None:
        return []
    authorization = service.records("authorizations")[meter["authorization_uid"]]
    zone = ZoneInfo(meter_of(authorization, meter["index"]).zone)
    first = datetime.fromtimestamp(meter["from"], zone)
    month = first.year * 12 + first.month - 1
    periods: list[tuple[float, float]] = []
    while True:
        start, end = (_month_start(number, zone) for number in (month, month + 1))
        if end > meter["until"]:
            return periods
        if start >= meter["from"]:
            periods.append((start, end))
        month += 1


def _month_start(number: int, zone: ZoneInfo) -> float:
    return datetime(number // 12, number % 12 + 1, 1, tzinfo=zone).timestamp()
