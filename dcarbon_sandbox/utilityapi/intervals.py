"""``GET /intervals``: objects of several days, pages of them, and the readings (section 13)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import orjson
from flask import Response, request

from dcarbon_sandbox import loads, restatements
from dcarbon_sandbox.customers import SandboxCustomer, SandboxMeter
from dcarbon_sandbox.localtime import local_day_starts, utc_offsets
from dcarbon_sandbox.utilityapi import collection, meters, wire
from dcarbon_sandbox.utilityapi.encoding import Style, readings_json
from dcarbon_sandbox.utilityapi.routes import Route
from dcarbon_sandbox.utilityapi.scenarios import customer_of
from dcarbon_sandbox.utilityapi.service import Record, Service

_DAY_S = 86400
_DEFAULT_DAYS = 3
_PARAMS = f"{wire.DOCS}/api/intervals/list#param"


@dataclass(frozen=True)
class Held:
    """A meter with data, its people and what is held of it: epoch seconds, half-open."""

    meter: Record
    authorization: Record
    customer: SandboxCustomer
    source: SandboxMeter
    start: int
    end: int


@dataclass(frozen=True)
class Span:
    """One Interval object: what it covers, and the part of it that was asked for."""

    held: Held
    start: int
    end: int
    nominal_end: int
    shown: tuple[int, int]

    def uid(self, *, growing: bool) -> str:
        end = self.end if growing else self.nominal_end
        return f"{self.held.meter['uid']}-{end}-{self.start}"


def list_intervals(service: Service) -> Response:
    """Return one page of Interval objects of the meters asked for."""
    with service.state.lock:
        chosen = held_meters(service)
    spans = [span for held in chosen for span in _spans(service, held)]
    spans.sort(key=lambda span: span.start, reverse=_latest_first())
    shown, following = _page(service, spans)
    objects = [_encoded(service, span) for span in shown]
    tail: Record = {"next": following, "is_incomplete": following is not None}
    if service.setting("unknown_extras"):
        tail["sandbox_member"] = {"never": "seen before"}
    body = b'{"intervals":[' + b",".join(objects) + b"]," + orjson.dumps(tail)[1:]
    return Response(body, content_type="application/json")


def held_meters(service: Service) -> list[Held]:
    """Return the meters that ``meters`` and ``authorizations`` name; 400 and 404 as documented."""
    uids, authorizations = wire.many("meters"), wire.many("authorizations")
    if not uids and not authorizations:
        raise wire.missing("meters or authorizations")
    found = meters.select(service, uids, authorizations)
    former = service.records("former_meters")
    forgotten = service.setting("after_revoke") == "empty" and any(uid in former for uid in uids)
    if not found and not forgotten:
        text = "No meters or authorizations found matching the given filter parameters."
        raise wire.ApiError(404, "not_found", text, _PARAMS)
    return [_held(service, meter) for meter in found]


def _held(service: Service, meter: Record) -> Held:
    authorization = collection.authorization_of(service, meter)
    customer = customer_of(authorization)
    empty = meter["collected"] is None or not meter["interval_count"]
    return Held(
        meter=dict(meter),
        authorization=authorization,
        customer=customer,
        source=customer.meters[meter["index"]],
        start=0 if empty else int(meter["from"]),
        end=0 if empty else int(meter["until"]),
    )


def asked_range(held: Held) -> tuple[int, int]:
    """Return the asked part of what is held; without any date, the last three days."""
    start, end = (wire.moment(name, held.source.zone) for name in ("start", "end"))
    if start is None and end is None:
        return max(held.start, held.end - _DEFAULT_DAYS * _DAY_S), held.end
    first = held.start if start is None else max(held.start, int(-(-start // 1)))
    return first, held.end if end is None else min(held.end, int(end // 1))


def _latest_first() -> bool:
    order = request.args.get("order", "").strip() or "latest_first"
    if order not in {"latest_first", "earliest_first"}:
        raise wire.invalid("order must be latest_first or earliest_first.")
    return order == "latest_first"


def _spans(service: Service, held: Held) -> Iterator[Span]:
    first, last = asked_range(held)
    if first >= last:
        return
    whole = service.setting("straddle") == "whole"
    overlap = _DAY_S if service.setting("overlap") else 0
    edges = _edges(held, service.setting("interval_days"))
    for start, nominal_end in pairwise(edges):
        end = min(nominal_end, held.end)
        begin = max(start - overlap, held.start)
        if begin < last and end > first:
            shown = (begin, end) if whole else (max(begin, first), min(end, last))
            yield Span(held, begin, end, nominal_end, shown)


def _edges(held: Held, days: int) -> list[int]:
    """Return the local midnights that part the objects, the same for every range and growth."""
    zone = held.source.zone
    midnights = local_day_starts(zone, held.start, held.end + days * _DAY_S)
    numbers = (midnights + utc_offsets(zone, midnights)) // _DAY_S
    inside = (numbers % days == 0) & (midnights > held.start)
    edges = [held.start, *np.asarray(midnights[inside]).tolist()]
    return edges[: int(np.searchsorted(edges, held.end)) + 1]


def _page(service: Service, spans: list[Span]) -> tuple[list[Span], str | None]:
    after = request.args.get("after", "").strip()
    begin = _position_after(spans, after) if after else 0
    size = wire.page_size(service, "intervals")
    shown = spans[begin : begin + size]
    if begin + size >= len(spans):
        return shown, None
    return shown, wire.next_url(service, shown[-1].uid(growing=True))


def _position_after(spans: list[Span], after: str) -> int:
    """Find the object by meter and start: its uid changes when it grows."""
    meter, _, start = after.partition("-")[0], None, after.rpartition("-")[2]
    for position, span in enumerate(spans):
        if span.held.meter["uid"] == meter and str(span.start) == start:
            return position + 1
    raise wire.invalid("after must be the uid of an interval in this listing.")


def readings_of(service: Service, held: Held, start: int, end: int) -> loads.Loads:
    """Return the readings that lie wholly in the range, as stated now."""
    changes = restatements.of_meter(service.state, held.source.id)
    found = loads.readings(
        held.source,
        datetime.fromtimestamp(start, UTC),
        datetime.fromtimestamp(end, UTC),
        as_of=service.clock.now(),
        restatements=changes,
    )
    return found.until(end)


def _encoded(service: Service, span: Span) -> bytes:
    held = span.held
    found = readings_of(service, held, *span.shown)
    extras = service.setting("unknown_extras")
    style = Style(frozenset(service.setting("omit")), service.setting("gas_kwh"), extras)
    base = meters.base_of(held.customer, held.source)
    for name in ("service_class", "billing_contact", "billing_address"):
        del base[name]
    estimated = bool((found.quality[found.present] == loads.ESTIMATED).any())
    head = {
        "uid": span.uid(growing=service.setting("growing_uid")),
        "meter_uid": held.meter["uid"],
        "authorization_uid": held.meter["authorization_uid"],
        "created": wire.platform_time(held.meter["collected"]),
        "updated": wire.platform_time(_updated(service, span)),
        "notes": [],
        "utility": held.authorization["utility"],
        "blocks": ["base", "sources", "readings"],
        "base": {**base, "qualities": ["estimated"] if estimated else []},
        "sources": [{"type": "greenbutton_other", "raw_url": None}],
    }
    if extras:
        head["blocks"].append("sandbox_novelty")
        head["sandbox_novelty"] = {"never": "seen before"}
    text = readings_json(held.source, found, style)
    return orjson.dumps(head)[:-1] + b',"readings":' + text.encode() + b"}"


def _updated(service: Service, span: Span) -> float:
    """Say when the object last changed: grown, its estimates resolved, or restated."""
    meter = span.held.meter
    grew = meter["refreshed"] if span.end == span.held.end else meter["collected"]
    today = loads.data_until(span.held.source.zone, service.clock.now()).timestamp()
    settled = min(today, span.end + loads.RESTATED_AFTER_S)
    now = service.epoch()
    ordered = [
        change.at.timestamp()
        for change in restatements.of_meter(service.state, span.held.source.id)
        if change.at.timestamp() <= now
        and change.start.timestamp() < span.end
        and change.end.timestamp() > span.start
    ]
    return float(max([grew, settled, *ordered]))


ROUTES = (Route("/intervals", "GET", list_intervals, locked=False),)
