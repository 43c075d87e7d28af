"""``GET /bills``: one plain bill per complete month held of a meter (reference section 14)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from flask import Response, request

from dcarbon_sandbox.utilityapi import billing, meters, wire
from dcarbon_sandbox.utilityapi.intervals import Held, held_meters, readings_of
from dcarbon_sandbox.utilityapi.routes import Route
from dcarbon_sandbox.utilityapi.service import Record, Service

_RATE = {"kwh": 0.31, "therms": 2.15}
_FIXED = 10.0
Period = tuple[float, float]


def list_bills(service: Service) -> Response:
    """Return one page of bills that lie wholly in the asked range."""
    with service.state.lock:
        wanted = [
            (held, period) for held in held_meters(service) for period in _periods(service, held)
        ]
    order = request.args.get("order", "").strip() or "latest_first"
    if order not in {"latest_first", "earliest_first"}:
        raise wire.invalid("order must be latest_first or earliest_first.")
    wanted.sort(key=lambda bill: bill[1][0], reverse=order == "latest_first")
    after = request.args.get("after", "").strip()
    uids = [_uid(held, period) for held, period in wanted]
    if after and after not in uids:
        raise wire.invalid("after must be the uid of a bill in this listing.")
    begin = uids.index(after) + 1 if after else 0
    end = begin + wire.page_size(service, "bills")
    following = wire.next_url(service, uids[end - 1]) if end < len(uids) else None
    bills = [_bill(service, held, period) for held, period in wanted[begin:end]]
    return wire.listing("bills", bills, following)


def _periods(service: Service, held: Held) -> Iterator[Period]:
    start, end = (wire.moment(name, held.source.zone) for name in ("start", "end"))
    for period in billing.periods_of(service, held.meter):
        if (start is None or period[0] >= start) and (end is None or period[1] <= end):
            yield period


def _uid(held: Held, period: Period) -> str:
    month = datetime.fromtimestamp(period[0], ZoneInfo(held.source.zone))
    return f"{held.meter['uid']}{month:%Y%m}"


def _bill(service: Service, held: Held, period: Period) -> Record:
    found = readings_of(service, held, int(period[0]), int(period[1]))
    gas = held.source.commodity == "gas"
    unit, grain = ("therms", 1000) if gas else ("kwh", 1_000_000)
    volume = int((found.delivered_mwh - found.received_mwh).sum()) / grain
    lines = _line_items(period, unit, volume)
    zone = held.source.zone
    stamp = wire.platform_time(held.meter["collected"])
    return {
        "uid": _uid(held, period),
        "meter_uid": held.meter["uid"],
        "authorization_uid": held.meter["authorization_uid"],
        "created": stamp,
        "updated": stamp,
        "notes": [],
        "utility": held.authorization["utility"],
        "blocks": ["base", "sources", "line_items"],
        "base": {
            **meters.base_of(held.customer, held.source),
            "bill_start_date": wire.local_time(zone, period[0]),
            "bill_end_date": wire.local_time(zone, period[1]),
            "bill_statement_date": wire.local_time(zone, period[1]),
            "bill_total_kwh": None if gas else volume,
            "bill_total_unit": unit,
            "bill_total_volume": volume,
            "bill_total_cost": round(sum(line["cost"] for line in lines), 2),
        },
        "sources": [{"type": "pdf", "raw_url": None}],
        "line_items": lines,
    }


def _line_items(period: Period, unit: str, volume: float) -> list[Record]:
    """Return usage and a fixed charge; their times are in UTC, as in the documented example."""
    times = {"start": wire.platform_time(period[0]), "end": wire.platform_time(period[1])}
    rate = _RATE[unit]
    usage = {
        "cost": round(max(volume, 0.0) * rate, 2),
        "volume": volume,
        "rate": rate,
        "unit": unit,
        "kind": "delivery",
    }
    fixed = {"cost": _FIXED, "volume": None, "rate": None, "unit": None, "kind": "other"}
    return [{"name": "Usage", **times, **usage}, {"name": "Fixed charge", **times, **fixed}]


ROUTES = (Route("/bills", "GET", list_bills, locked=False),)
