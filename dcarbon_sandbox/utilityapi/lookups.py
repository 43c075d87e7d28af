"""Files, the lists of utilities, and accounting, which holds nothing (sections 15 and 17)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from flask import Response, request

from dcarbon_sandbox.utilityapi import meters, wire
from dcarbon_sandbox.utilityapi.intervals import Held, asked_range, held_meters, readings_of
from dcarbon_sandbox.utilityapi.routes import Route
from dcarbon_sandbox.utilityapi.scenarios import known_utilities
from dcarbon_sandbox.utilityapi.service import Service

_NAMES = {
    "PG&E": "Pacific Gas and Electric",
    "SCE": "Southern California Edison",
    "SDG&E": "San Diego Gas and Electric",
    "LADWP": "Los Angeles Department of Water and Power",
    "SMUD": "Sacramento Municipal Utility District",
    "DEMO": "Demonstration Utility",
}
_CSV_ZONES = {"America/Los_Angeles": "US/Pacific"}
_CSV_HEADER = (
    "meter_uid,utility,utility_service_id,utility_billing_account,utility_service_address,"
    "utility_meter_number,utility_tariff_name,interval_start,interval_end,interval_kWh,fwd_kWh,"
    "net_kWh,rev_kWh,source,updated,interval_timezone"
)


def supported_utilities(_service: Service) -> Response:
    listed = [{"utility": code, "name": _NAMES.get(code, code)} for code in known_utilities()]
    return wire.answer({"utilities": listed})


def utility_lookup(_service: Service) -> Response:
    """Answer the public look-up: utilities whose code or name holds ``q``."""
    wanted = request.args.get("q", "").strip().lower()
    listed = [
        {"id": code, "name": _NAMES.get(code, code), "third_party_registration": False}
        for code in known_utilities()
        if wanted in code.lower() or wanted in _NAMES.get(code, code).lower()
    ]
    return wire.answer({"utilities": listed})


def intervals_csv(service: Service) -> Response:
    """Stream the readings held of the meters, newest first, one line each."""
    with service.state.lock:
        chosen = held_meters(service)
    ranges = [(held, *_whole_range(held)) for held in chosen]

    def lines() -> Iterator[str]:
        yield _CSV_HEADER + "\r\n"
        for held, start, end in ranges:
            yield _csv_lines(service, held, start, end)

    return Response(lines(), content_type="text/csv; charset=utf-8")


def _whole_range(held: Held) -> tuple[int, int]:
    if not (request.args.get("start") or request.args.get("end")):
        return held.start, held.end
    return asked_range(held)


def _csv_lines(service: Service, held: Held, start: int, end: int) -> str:
    source, written = held.source, io.StringIO()
    if start >= end:
        return ""
    head = [
        held.meter["uid"],
        held.authorization["utility"],
        source.id,
        held.customer.account_id,
        meters.address_of(held.customer),
        source.serial,
        source.tariff,
    ]
    found = readings_of(service, held, start, end)
    updated = wire.platform_time(held.meter["refreshed"])
    tail = ["greenbutton_other", updated, _CSV_ZONES.get(source.zone, source.zone)]
    writer = csv.writer(written)
    grain = 1000 if source.commodity == "gas" else 1_000_000
    for i in reversed(range(len(found))):
        if found.present[i]:
            fwd, rev = int(found.delivered_mwh[i]), int(found.received_mwh[i])
            times = [wire.local_time(source.zone, t) for t in (found.start[i], found.end[i])]
            net = (fwd - rev) / grain
            writer.writerow([*head, *times, net, fwd / grain, net, rev / grain, *tail])
    return written.getvalue()


def meters_csv(service: Service) -> Response:
    """Return one line per meter of the authorizations named by ``accounts``."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(["meter_uid", "authorization_uid", "utility", "service_identifier", "tariff"])
    for meter in meters.select(service, [], wire.many("accounts")):
        shown = meters.meter_object(service, meter)
        base = shown["base"]
        row = [shown["uid"], shown["authorization_uid"], shown["utility"]]
        writer.writerow([*row, base["service_identifier"], base["service_tariff"]])
    return Response(written.getvalue(), content_type="text/csv; charset=utf-8")


def no_billing_accounts(_service: Service) -> Response:
    return wire.listing("billing_accounts", [], None)


def no_billing_summaries(_service: Service) -> Response:
    return wire.listing("billing_summaries", [], None)


def no_accounting_object(_service: Service, uid: str) -> Response:
    raise wire.not_found(f"Accounting object {uid}")


ROUTES = (
    Route("/files/supported_utilities_json", "GET", supported_utilities),
    Route("/files/intervals_csv", "GET", intervals_csv, locked=False),
    Route("/files/meters_csv", "GET", meters_csv),
    Route("/accounting/billing-accounts", "GET", no_billing_accounts),
    Route("/accounting/billing-accounts/<uid>", "GET", no_accounting_object),
    Route("/accounting/billing-summaries", "GET", no_billing_summaries),
    Route("/accounting/billing-summaries/<uid>", "GET", no_accounting_object),
)
