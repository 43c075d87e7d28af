"""A stand-in for UtilityAPI v2: JSON API, hosted form and webhooks of an invented provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from flask import Blueprint, Response, request

from dcarbon_sandbox.clock import SandboxClock
from dcarbon_sandbox.faults import Faults
from dcarbon_sandbox.state import SandboxState
from dcarbon_sandbox.utilityapi import (
    admin,
    authorizations,
    bills,
    collection,
    events,
    forms,
    hosted,
    intervals,
    jobs,
    lifecycle,
    lookups,
    meters,
    webhooks,
    wire,
)
from dcarbon_sandbox.utilityapi.routes import Route
from dcarbon_sandbox.utilityapi.service import Service

ADMIN = "/sandbox/utilityapi"
_LOOKUP = "/api/experimental/utility-lookup"
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_HANDLERS: Mapping[str, jobs.Handler] = {
    "appear": lifecycle.appear,
    "update": lifecycle.update,
    "expiring": lifecycle.expiring,
    "expired": lifecycle.expired,
    "collected": collection.collected,
    "refresh": collection.refresh,
    "expanded": collection.expanded,
}
_API_ROUTES = (
    *forms.ROUTES,
    *authorizations.ROUTES,
    *collection.ROUTES,
    *meters.ROUTES,
    *intervals.ROUTES,
    *bills.ROUTES,
    *lookups.ROUTES,
    *events.ROUTES,
)


def tick(service: Service) -> bool:
    """Do what is due: jobs, then webhooks. Say whether more may come within a moment."""
    jobs.run_due(service, _HANDLERS)
    webhooks.deliver_due(service)
    return webhooks.has_new(service) or service.due[1] != float("inf")


def blueprint(
    state: SandboxState,
    clock: SandboxClock,
    faults: Faults,
    base_url: Callable[[], str],
    *,
    pages_url: Callable[[], str] | None = None,
    background: bool = True,
) -> Blueprint:
    """Return the blueprint with the paths ``/api/v2``, ``/authorize`` and the administration.

    ``pages_url`` is where a customer's browser reaches the hosted form, if not at ``base_url``.
    With ``background`` a thread delivers webhooks and does jobs nobody asks about; without,
    call :func:`tick` with :func:`service_of` the blueprint.
    """
    service = Service(state, clock, faults, base_url, pages_url or base_url)
    if background:
        service.wake = jobs.background(service, tick)
        if service.records("jobs") or service.records("retries") or webhooks.has_new(service):
            service.wake()
    made = Blueprint("utilityapi", __name__, template_folder="templates")
    made.before_app_request(partial(jobs.run_due, service, _HANDLERS))
    made.after_request(_allow_other_origins)
    made.register_error_handler(wire.ApiError, _refusal)
    _add_routes(made, service)
    made.record_once(lambda setup: setup.app.extensions.__setitem__("utilityapi", service))
    return made


def _add_routes(made: Blueprint, service: Service) -> None:
    for route in _API_ROUTES:
        _add(made, service, wire.API + route.rule, route, guarded=True)
    for route in admin.ROUTES:
        _add(made, service, ADMIN + route.rule, route, guarded=False)
    lookup = Route(_LOOKUP, "GET", lookups.utility_lookup)
    _add(made, service, _LOOKUP, lookup, guarded=False)
    made.add_url_rule(
        "/authorize/<portal>",
        "hosted",
        partial(hosted.page, service),
        methods=["GET", "POST"],
        strict_slashes=False,
    )
    for method in _METHODS:
        made.add_url_rule(
            f"{wire.API}/<path:rest>",
            f"unknown-{method}",
            _unknown,
            methods=[method],
            provide_automatic_options=False,
        )
    made.add_url_rule("/api/<path:rest>", "preflight", _preflight, methods=["OPTIONS"])


def _add(made: Blueprint, service: Service, rule: str, route: Route, *, guarded: bool) -> None:
    def view(**variables: Any) -> Response:
        if guarded:
            wire.require_token(service)
        if not route.locked:
            return route.view(service, **variables)
        with service.state.lock:
            return route.view(service, **variables)

    made.add_url_rule(
        rule,
        f"{route.method}-{rule}".replace(".", "-"),
        view,
        methods=[route.method],
        strict_slashes=False,
        provide_automatic_options=False,
    )


def _refusal(error: wire.ApiError) -> Response:
    return error.response()


def _unknown(rest: str) -> Response:
    del rest
    body = {"error": "not_found", "error_description": "Resource not found", "status_code": 404}
    return wire.answer(body, 404)


def _preflight(rest: str) -> Response:
    del rest
    response = Response(status=204)
    response.headers["Access-Control-Allow-Methods"] = ", ".join(_METHODS)
    response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
    return response


def _allow_other_origins(response: Response) -> Response:
    if request.path.startswith("/api/"):
        response.headers["Access-Control-Allow-Origin"] = "*"
    return response
