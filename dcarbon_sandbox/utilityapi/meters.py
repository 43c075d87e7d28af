"""Meters, that is utility services, as clients see them (reference section 10)."""

from __future__ import annotations

from typing import Any

from flask import Response

from dcarbon_sandbox.customers import SandboxCustomer, SandboxMeter
from dcarbon_sandbox.utilityapi import billing, collection, wire
from dcarbon_sandbox.utilityapi.forms import USER
from dcarbon_sandbox.utilityapi.routes import Route
from dcarbon_sandbox.utilityapi.scenarios import customer_of
from dcarbon_sandbox.utilityapi.service import Record, Service

_CLASSES = {
    "household": "res-electric",
    "solar": "res-electric",
    "commercial": "comm-electric",
    "gas": "res-gas",
}


def meter_object(service: Service, meter: Record) -> Record:
    authorization = collection.authorization_of(service, meter)
    customer = customer_of(authorization)
    source = customer.meters[meter["index"]]
    periods = billing.periods_of(service, meter)
    blocks = _blocks(customer, source, meter, extras=service.setting("unknown_extras"))
    links = _links(service, meter["uid"]) if meter["collected"] else {}
    return {
        **{name: meter[name] for name in ("uid", "authorization_uid", "created", "is_archived")},
        **USER,
        "is_activated": meter["from"] is not None,
        "is_expanded": meter["is_expanded"],
        "notes": meter["notes"],
        "status": meter["status"],
        "status_message": meter["status_message"],
        "status_ts": meter["status_ts"],
        "ongoing_monitoring": _monitoring(meter),
        "utility": authorization["utility"],
        "bill_count": len(periods),
        "bill_coverage": _ranges(source, [[periods[0][0], periods[-1][1]]] if periods else []),
        "bill_sources": ["pdf"] if periods else [],
        "interval_count": meter["interval_count"],
        "interval_coverage": _ranges(source, meter["coverage"]),
        "interval_sources": ["greenbutton_other"] if meter["interval_count"] else [],
        "exports": links,
        "exports_list": [{"name": name, "link": link} for name, link in links.items()],
        "blocks": list(blocks),
        **blocks,
    }


def address_of(customer: SandboxCustomer) -> str:
    return f"{customer.street}, {customer.city}, {customer.state} {customer.postal_code}"


def base_of(customer: SandboxCustomer, source: SandboxMeter) -> Record:
    """Return the ``base`` block with everything known."""
    service_class = _CLASSES[source.kind]
    if "large" in source.quirks:
        service_class = service_class.replace("res-", "comm-")
    return {
        "service_identifier": source.id,
        "service_tariff": source.tariff,
        "service_class": service_class,
        "service_address": address_of(customer),
        "meter_numbers": [source.serial],
        "billing_contact": customer.name.upper(),
        "billing_address": address_of(customer),
        "billing_account": customer.account_id,
    }


def _blocks(
    customer: SandboxCustomer, source: SandboxMeter, meter: Record, *, extras: bool
) -> dict[str, Any]:
    base = base_of(customer, source)
    if not meter["is_expanded"]:
        late = {"service_tariff": None, "billing_contact": None, "billing_address": None}
        return {"base": {**base, **late, "meter_numbers": []}}
    blocks: dict[str, Any] = {"base": base}
    if source.commodity == "electricity":
        blocks["electric_details"] = {"voltage": 480.0 if source.kind == "commercial" else 240.0}
    if source.has_export:
        blocks["programs"] = [{"code": "NEM2", "name": "Net Energy Metering 2.0"}]
    if extras:
        blocks["sandbox_novelty"] = [{"never": "seen before"}]
        base["sandbox_member"] = None
    return blocks


def _monitoring(meter: Record) -> Record:
    planned = meter["next_refresh"]
    return {
        "frequency": meter["frequency"],
        "prepay": None,
        "next_prepay": None,
        "next_refresh": wire.platform_time(planned) if planned else None,
        "fixed_refresh_day": meter["fixed_refresh_day"],
    }


def _ranges(source: SandboxMeter, ranges: list[list[float]]) -> list[list[str]]:
    return [[wire.local_time(source.zone, edge) for edge in pair] for pair in ranges]


def _links(service: Service, uid: str) -> dict[str, str]:
    files = f"{service.base_url().rstrip('/')}{wire.API}/files"
    return {"intervals_csv": f"{files}/intervals_csv?meters={uid}"}


def of_authorization(service: Service, authorization: Record) -> list[Record]:
    known = service.records("meters")
    return [known[uid] for uid in authorization["meters"]]


def select(service: Service, uids: list[str], authorizations: list[str]) -> list[Record]:
    """Return the meters both filters allow (an empty filter allows all), oldest first."""
    known = service.records("meters")
    if authorizations:
        holders = service.records("authorizations")
        named = [uid for a in authorizations if a in holders for uid in holders[a]["meters"]]
        return [known[uid] for uid in named if not uids or uid in uids]
    if uids:
        return [known[uid] for uid in dict.fromkeys(uids) if uid in known]
    return list(known.values())


def list_meters(service: Service) -> Response:
    chosen = select(service, wire.many("uids"), wire.many("authorizations"))
    found = [meter for meter in chosen if _matches(service, meter)]
    found.sort(key=lambda meter: int(meter["uid"]), reverse=True)
    shown, following = wire.page(service, "meters", found)
    if wire.flag("expand_meter_blocks"):
        for meter in shown:
            collection.expand(service, meter)
    return wire.listing("meters", [meter_object(service, item) for item in shown], following)


def _matches(service: Service, meter: Record) -> bool:
    users, utilities = wire.many("users"), wire.many("utility")
    if users and USER["user_uid"] not in users:
        return False
    if utilities and collection.authorization_of(service, meter)["utility"] not in utilities:
        return False
    flags = {
        "is_activated": meter["from"] is not None,
        "is_archived": meter["is_archived"],
        "is_monitored": meter["frequency"] != "off",
    }
    wishes = ((wire.flag(name), is_so) for name, is_so in flags.items())
    return all(wish is None or wish is is_so for wish, is_so in wishes)


def show_meter(service: Service, uid: str) -> Response:
    former = service.records("former_meters").get(uid)
    if former is not None and service.setting("after_revoke") == "empty":
        return wire.answer(_emptied(service, former))
    meter = _known(service, uid)
    if wire.flag("expand_meter_blocks"):
        collection.expand(service, meter)
    return wire.answer(meter_object(service, meter))


def _emptied(service: Service, former: Record) -> Record:
    if former["authorization_uid"] not in service.records("authorizations"):
        raise wire.not_found("Meter")
    bare = {
        **former,
        "from": None,
        "until": None,
        "collected": None,
        "coverage": [],
        "interval_count": 0,
        "frequency": "off",
        "next_refresh": None,
    }
    return {**meter_object(service, bare), "blocks": [], "notes": []}


def modify_meter(service: Service, uid: str) -> Response:
    meter = _known(service, uid)
    archived = wire.body_of_request().get("is_archived", meter["is_archived"])
    if not isinstance(archived, bool):
        raise wire.invalid("is_archived must be true or false.")
    meter["is_archived"] = archived
    service.changed()
    return wire.answer(meter_object(service, meter))


def _known(service: Service, uid: str) -> Record:
    meter = service.records("meters").get(uid)
    if meter is None:
        raise wire.not_found("Meter")
    return meter


ROUTES = (
    Route("/meters", "GET", list_meters),
    Route("/meters/<uid>", "GET", show_meter),
    Route("/meters/<uid>", "PATCH", modify_meter),
)
