"""Authorizations as clients see them (reference section 9)."""

from __future__ import annotations

from flask import Response, request

from dcarbon_sandbox.utilityapi import collection, lifecycle, meters, wire
from dcarbon_sandbox.utilityapi.forms import USER
from dcarbon_sandbox.utilityapi.routes import Route
from dcarbon_sandbox.utilityapi.service import Record, Service

_HIDDEN = {"scenario", "login", "meters", "former_meters"}


def authorization_object(service: Service, authorization: Record) -> Record:
    """Return the wire object, without meters."""
    shown = {name: value for name, value in authorization.items() if name not in _HIDDEN}
    files = f"{service.base_url().rstrip('/')}{wire.API}/files"
    uid, joined = authorization["uid"], ",".join(authorization["meters"])
    links = {
        "intervals_csv": f"{files}/intervals_csv?meters={joined}",
        "meters_csv": f"{files}/meters_csv?accounts={uid}",
    }
    listed = [
        {"name": "Intervals (CSV)", "link": links["intervals_csv"]},
        {"name": "Meters (CSV)", "link": links["meters_csv"]},
    ]
    return {
        **shown,
        **USER,
        "user_status": "active",
        "customer_signature": None,
        "is_declined": authorization["declined"] is not None,
        "is_expired": lifecycle.is_expired(service, authorization),
        "is_revoked": authorization["revoked"] is not None,
        "exports": links if authorization["meters"] else {},
        "exports_list": listed if authorization["meters"] else [],
    }


def _with_meters(service: Service, authorization: Record) -> Record:
    shown = authorization_object(service, authorization)
    if "meters" in wire.many("include"):
        listed = meters.of_authorization(service, authorization)
        shown["meters"] = {
            "meters": [meters.meter_object(service, item) for item in listed],
            "next": None,
        }
    return shown


def list_authorizations(service: Service) -> Response:
    found = [item for item in _candidates(service) if _matches(service, item)]
    shown, following = wire.page(service, "authorizations", found)
    objects = [_with_meters(service, item) for item in shown]
    return wire.listing("authorizations", objects, following)


def _candidates(service: Service) -> list[Record]:
    """Return what ``uids`` and ``referrals`` name, or all, newest first."""
    everything = service.records("authorizations")
    uids, referrals = wire.many("uids"), wire.many("referrals")
    if not referrals:
        return wire.newest_first(everything, uids or None)
    known = service.records("referrals")
    referred = [
        uid for referral in referrals for uid in known.get(referral, {}).get("authorizations", ())
    ]
    return wire.newest_first(everything, [uid for uid in referred if not uids or uid in uids])


def _matches(service: Service, authorization: Record) -> bool:
    named = {
        "forms": authorization["form_uid"],
        "templates": authorization["template_uid"],
        "users": USER["user_uid"],
        "utility": authorization["utility"],
    }
    for name, value in named.items():
        wanted = wire.many(name)
        if wanted and value not in wanted:
            return False
    flags = {
        "is_archived": authorization["is_archived"],
        "is_declined": authorization["declined"] is not None,
        "is_test": authorization["is_test"],
        "is_revoked": authorization["revoked"] is not None,
    }
    for name, is_so in flags.items():
        wish = wire.flag(name)
        if wish is not None and wish is not is_so:
            return False
    wish = wire.flag("is_expired")
    return wish is None or wish is lifecycle.is_expired(service, authorization)


def show_authorization(service: Service, uid: str) -> Response:
    return wire.answer(_with_meters(service, _known(service, uid)))


def modify_authorization(service: Service, uid: str) -> Response:
    authorization = _known(service, uid)
    body = wire.body_of_request()
    if not isinstance(body.get("is_archived", False), bool):
        raise wire.invalid("is_archived must be true or false.")
    if not isinstance(body.get("nickname"), str | None):
        raise wire.invalid("nickname must be a string or null.")
    for name in ("is_archived", "nickname"):
        if name in body:
            authorization[name] = body[name]
    service.changed()
    return wire.answer(authorization_object(service, authorization))


def delete_authorization(service: Service, uid: str) -> Response:
    authorization = _known(service, uid)
    if not authorization["is_test"] and authorization["utility"] != "DEMO":
        raise wire.ApiError(403, "forbidden", "Only test authorizations can be deleted.")
    lifecycle.forget_meters(service, authorization)
    del service.records("authorizations")[uid]
    service.changed()
    return wire.answer({"success": True})


def revoke_authorization(service: Service, uid: str) -> Response:
    authorization = _known(service, uid)
    lifecycle.revoke(service, authorization)
    service.changed()
    return wire.answer(authorization_object(service, authorization))


def _known(service: Service, uid: str) -> Record:
    authorization = service.records("authorizations").get(uid)
    if authorization is None:
        raise wire.not_found("Authorization")
    if wire.flag("expand_meter_blocks") and request.method == "GET":
        for meter in meters.of_authorization(service, authorization):
            collection.expand(service, meter)
    return authorization


ROUTES = (
    Route("/authorizations", "GET", list_authorizations),
    Route("/authorizations/<uid>", "GET", show_authorization),
    Route("/authorizations/<uid>", "PATCH", modify_authorization),
    Route("/authorizations/<uid>", "DELETE", delete_authorization),
    Route("/authorizations/<uid>/revoke", "POST", revoke_authorization),
)
