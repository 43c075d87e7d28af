"""Orders to collect and to monitor, and what becomes of them (reference sections 11 and 12)."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from flask import Response

from dcarbon_sandbox import loads, restatements
from dcarbon_sandbox.customers import SandboxMeter
from dcarbon_sandbox.utilityapi import billing, events, jobs, lifecycle, wire
from dcarbon_sandbox.utilityapi.routes import Route
from dcarbon_sandbox.utilityapi.scenarios import meter_of
from dcarbon_sandbox.utilityapi.service import Record, Service

FREQUENCIES = ("off", "daily", "weekly", "monthly")
_PERIOD_DAYS = {"daily": 1, "weekly": 7}
_DEFAULT_MONTHS = 12
_WAIT_S = 3600


def order_historical(service: Service) -> Response:
    """Collect months of data for the meters that still may be collected."""
    body = wire.body_of_request()
    months = body.get("collection_duration")
    months = _DEFAULT_MONTHS if months is None else months
    if type(months) is not int or not 1 <= months <= 36:
        raise wire.invalid("collection_duration must be a whole number of months, 1 to 36.")
    meters = _orderable(service, body)
    if not service.setting("prepaid"):
        raise wire.ApiError(402, "payment_required", "There is no prepaid balance.")
    for meter in meters:
        _start(service, meter, months)
    service.changed()
    uids = [meter["uid"] for meter in meters]
    return wire.answer({"success": True, "meters": uids, "collection_duration": months})


def _orderable(service: Service, body: Record) -> list[Record]:
    """Return the meters asked for, without those whose consent ended; 400 when none is left."""
    uids = body.get("meters")
    if not uids:
        raise wire.missing("meters")
    if not isinstance(uids, list) or not all(isinstance(uid, str | int) for uid in uids):
        raise wire.invalid("meters must be a list of uids.")
    known = service.records("meters")
    found = [known[str(uid)] for uid in dict.fromkeys(uids) if str(uid) in known]
    alive = [
        meter
        for meter in found
        if not lifecycle.is_expired(service, authorization_of(service, meter))
    ]
    if not alive:
        raise wire.ApiError(400, "expired_or_revoked", "No meter is left that may be collected.")
    return alive


def authorization_of(service: Service, meter: Record) -> Record:
    found: Record = service.records("authorizations")[meter["authorization_uid"]]
    return found


def _start(service: Service, meter: Record, months: int) -> None:
    if meter["status"] == "pending":
        return
    _begin(service, meter, months)
    lifecycle.set_status(service, meter, "pending", "Collecting. This may take a while.")
    events.record(service, "meter_historical_collection_started", **_refs(meter))
    jobs.after(service, service.setting("collection_delay_s"), "collected", meter=meter["uid"])


def _begin(service: Service, meter: Record, months: int) -> None:
    """Set how far back the first collection reaches; later ones only fill up to now."""
    if not meter.get("has_history"):
        zone = meter_of(authorization_of(service, meter), meter["index"]).zone
        meter["from"] = _months_back(service.clock.now(), months, zone)
        meter["until"] = max(meter["until"] or 0, meter["from"])


def hold(service: Service, meter: Record, months: int) -> None:
    """Hold ``months`` of a meter's data at once, without delay or events."""
    _begin(service, meter, months)
    meter["has_history"] = True
    bring_up_to_date(service, meter)


def _months_back(now: datetime, months: int, zone: str) -> float:
    """Return the local midnight ``months`` before ``now`` as epoch seconds."""
    local = now.astimezone(ZoneInfo(zone))
    year, month = divmod(local.year * 12 + local.month - 1 - months, 12)
    day = min(local.day, calendar.monthrange(year, month + 1)[1])
    return datetime(year, month + 1, day, tzinfo=ZoneInfo(zone)).timestamp()


def collected(service: Service, job: Record) -> None:
    """A collection ends, as the authorization's scenario says."""
    meter = service.records("meters").get(job["meter"])
    if meter is None:
        return
    meter["notes"] = []
    scenario = authorization_of(service, meter)["scenario"]
    if scenario == "badlogin_after":
        lifecycle.add_note(service, meter, "access_invalid", "The login no longer works.")
        _fail(service, meter, "The login no longer works.")
    elif scenario == "websitedown_after":
        lifecycle.add_note(service, meter, "retrying", "The website is down.", eta_in_s=_WAIT_S)
        events.record(service, "meter_historical_collection_retrying", **_refs(meter))
        _fail(service, meter, "The website is down.")
    elif scenario == "pending_manual_after" or (
        scenario == "wait_to_login_after" and "waited" not in job
    ):
        lifecycle.add_note(service, meter, "waiting", "Waiting.", eta_in_s=_WAIT_S)
        events.record(service, "meter_historical_collection_delayed", **_refs(meter))
        if scenario == "wait_to_login_after":
            due = service.epoch() + _WAIT_S
            jobs.at(service, due, "collected", meter=meter["uid"], waited="yes")
    else:
        _succeed(service, meter)


def _fail(service: Service, meter: Record, message: str) -> None:
    lifecycle.set_status(service, meter, "errored", message)
    events.record(service, "meter_historical_collection_finished_errored", **_refs(meter))


def _succeed(service: Service, meter: Record) -> None:
    refs = _refs(meter)
    meter["has_history"] = True
    events.record(service, "meter_historical_collection_progress", **refs)
    bring_up_to_date(service, meter)
    if billing.periods_of(service, meter):
        events.record(service, "meter_bills_added", **refs)
    if meter["interval_count"]:
        events.record(service, "meter_intervals_added", **refs)
    events.record(service, "meter_historical_collection_finished_successful", **refs)


def bring_up_to_date(service: Service, meter: Record) -> None:
    """Extend what is held of a meter up to the last complete local day; no events."""
    authorization = authorization_of(service, meter)
    source = meter_of(authorization, meter["index"])
    until = loads.data_until(source.zone, service.clock.now()).timestamp()
    last = authorization["scope"].get("ongoing_end")
    if last:
        until = min(until, loads.data_until(source.zone, _aware(last)).timestamp())
    meter["until"] = max(until, meter["from"])
    meter["collected"] = meter["collected"] or service.epoch()
    meter["refreshed"] = service.epoch()
    empty = authorization["scenario"] == "nointervals"
    _count(service, meter, source, empty=empty)
    found = "intervals_full" if meter["interval_count"] else "intervals_empty"
    meter["notes"] = []
    for note in ("access_valid", "meter_full", "bills_full", found):
        lifecycle.add_note(service, meter, note, note.replace("_", " ").capitalize() + ".")
    lifecycle.set_status(service, meter, "updated", "Data refreshed")


def _aware(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _count(service: Service, meter: Record, source: SandboxMeter, *, empty: bool) -> None:
    """Set the number of readings held and the ranges without a gap, in epoch seconds."""
    start, end = (datetime.fromtimestamp(meter[name], UTC) for name in ("from", "until"))
    if empty or start >= end:
        meter["interval_count"], meter["coverage"] = 0, []
        return
    if not source.quirks & {"holes", "late", "sparse"}:
        meter["interval_count"] = loads.expected_slots(source, start, end)
        meter["coverage"] = [[meter["from"], meter["until"]]]
        return
    changes = restatements.of_meter(service.state, source.id)
    held = loads.readings(source, start, end, as_of=service.clock.now(), restatements=changes)
    meter["interval_count"] = int(held.present.sum())
    edges = np.diff(held.present.astype(np.int8), prepend=0, append=0)
    begins, ends = held.start[edges[:-1] == 1], held.end[edges[1:] == -1]
    meter["coverage"] = [[int(a), int(b)] for a, b in zip(begins, ends, strict=True)]


def order_monitoring(service: Service) -> Response:
    """Refresh the meters at a frequency from now on, or stop."""
    body = wire.body_of_request()
    frequency, day = body.get("frequency"), body.get("fixed_refresh_day")
    if frequency is None:
        raise wire.missing("frequency")
    if frequency not in FREQUENCIES:
        raise wire.invalid(f"frequency must be one of {', '.join(FREQUENCIES)}.")
    meters = _orderable(service, body)
    if day is not None:
        _check_day(day, frequency, meters)
    for meter in meters:
        _monitor(service, meter, frequency, day)
    service.changed()
    uids = [meter["uid"] for meter in meters]
    return wire.answer({"success": True, "meters": uids, "frequency": frequency})


def _check_day(day: Any, frequency: str, meters: list[Record]) -> None:
    if type(day) is not int or not 1 <= day <= 31:
        raise wire.invalid("fixed_refresh_day must be a day of the month.")
    if frequency != "monthly" or any(meter["frequency"] != "off" for meter in meters):
        raise wire.invalid("fixed_refresh_day is for monthly, with no active subscription.")


def _monitor(service: Service, meter: Record, frequency: str, day: int | None) -> None:
    meter["frequency"], meter["fixed_refresh_day"] = frequency, day
    if frequency == "off":
        meter["next_refresh"] = None
        return
    if meter["from"] is None:
        zone = meter_of(authorization_of(service, meter), meter["index"]).zone
        meter["from"] = loads.data_until(zone, service.clock.now()).timestamp()
        meter["until"] = meter["from"]
    _plan_refresh(service, meter, service.clock.now())


def _plan_refresh(service: Service, meter: Record, since: datetime) -> None:
    due = since + timedelta(days=_PERIOD_DAYS.get(meter["frequency"], 0))
    if meter["frequency"] == "monthly":
        year, month = divmod(since.year * 12 + since.month, 12)
        day = min(meter["fixed_refresh_day"] or since.day, calendar.monthrange(year, month + 1)[1])
        due = since.replace(year=year, month=month + 1, day=day)
    meter["next_refresh"] = due.timestamp()
    jobs.at(service, due.timestamp(), "refresh", meter=meter["uid"], planned=str(due.timestamp()))


def refresh(service: Service, job: Record) -> None:
    """Monitoring brings new data; it ends by itself when the consent has."""
    meter = service.records("meters").get(job["meter"])
    if meter is None or str(meter["next_refresh"]) != job["planned"]:
        return
    if lifecycle.is_expired(service, authorization_of(service, meter)):
        meter["frequency"], meter["next_refresh"] = "off", None
        return
    before, bills = meter["interval_count"], len(billing.periods_of(service, meter))
    bring_up_to_date(service, meter)
    if len(billing.periods_of(service, meter)) > bills:
        events.record(service, "meter_bills_added", **_refs(meter))
    if meter["interval_count"] != before:
        events.record(service, "meter_intervals_added", **_refs(meter))
    _plan_refresh(service, meter, service.clock.now())


def expand(service: Service, meter: Record) -> None:
    """Fetch the rest of the details, where they are partial, in a while."""
    if meter["is_expanded"] or meter.get("expanding"):
        return
    meter["expanding"] = True
    jobs.after(service, service.setting("update_delay_s"), "expanded", meter=meter["uid"])
    service.changed()


def expanded(service: Service, job: Record) -> None:
    meter = service.records("meters").get(job["meter"])
    if meter is not None:
        meter["is_expanded"] = True
        lifecycle.add_note(service, meter, "meter_full", "All details found.")


def _refs(meter: Record) -> dict[str, str | None]:
    return {"authorization_uid": meter["authorization_uid"], "meter_uid": meter["uid"]}


ROUTES = (
    Route("/meters/historical-collection", "POST", order_historical),
    Route("/meters/ongoing-monitoring", "POST", order_monitoring),
)
