"""Switches of this server, below the sandbox's own administration path."""

from __future__ import annotations

from flask import Response

from dcarbon_sandbox.utilityapi import bulk, lifecycle, webhooks, wire
from dcarbon_sandbox.utilityapi.routes import Route
from dcarbon_sandbox.utilityapi.service import Service
from dcarbon_sandbox.utilityapi.settings import DEFAULTS

_MOST = 50_000


def show_settings(service: Service) -> Response:
    return wire.answer({name: service.setting(name) for name in DEFAULTS})


def change_settings(service: Service) -> Response:
    try:
        service.configure(wire.body_of_request())
    except ValueError as error:
        raise wire.invalid(str(error)) from error
    return show_settings(service)


def send_ping(service: Service) -> Response:
    webhooks.ping(service)
    return wire.answer({"success": True})


def create_many(service: Service) -> Response:
    """Authorize generated customers: ``count``, ``first``, ``utility``, ``months``."""
    body = wire.body_of_request()
    numbers = {"count": body.get("count"), "first": body.get("first", 0)}
    numbers["months"] = body.get("months", 3)
    if any(type(number) is not int for number in numbers.values()):
        raise wire.invalid("count, first and months must be whole numbers.")
    if not 1 <= numbers["count"] <= _MOST or not 0 <= numbers["first"] <= 9_000_000:
        raise wire.invalid(f"count must be 1 to {_MOST}, first 0 to 9,000,000.")
    utility = body.get("utility", "DEMO")
    if not isinstance(utility, str) or not 1 <= numbers["months"] <= 36:
        raise wire.invalid("utility must be a code, months 1 to 36.")
    made = bulk.create(
        service,
        numbers["count"],
        first=numbers["first"],
        utility=utility,
        months=numbers["months"],
    )
    return wire.answer({"authorizations": made})


def revoke_by_customer(service: Service, uid: str) -> Response:
    """Revoke as the customer would, at the utility or the provider."""
    authorization = service.records("authorizations").get(uid)
    if authorization is None:
        raise wire.not_found("Authorization")
    lifecycle.revoke(service, authorization)
    return wire.answer({"success": True})


ROUTES = (
    Route("/settings", "GET", show_settings),
    Route("/settings", "PATCH", change_settings),
    Route("/ping", "POST", send_ping),
    Route("/authorizations", "POST", create_many),
    Route("/authorizations/<uid>/revoke", "POST", revoke_by_customer),
)
