"""The control room: clock, faults, switches, authorizations and notices, as JSON and as a page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, make_response, redirect, render_template, request

from dcarbon_sandbox import customers, restatements, scenarios
from dcarbon_sandbox.faults import KINDS, UnknownFault
from dcarbon_sandbox.green_button import admin as green_button
from dcarbon_sandbox.green_button.profiles import PROFILES, UnknownSwitch
from dcarbon_sandbox.loads import Restatement
from dcarbon_sandbox.scenarios import SCENARIOS, UnknownScenario

if TYPE_CHECKING:
    from dcarbon_sandbox.app import Sandbox

_REFUSED = (
    UnknownFault,
    UnknownSwitch,
    UnknownScenario,
    ValueError,
    KeyError,
    TypeError,
    OverflowError,
)


def blueprint(sandbox: Sandbox) -> Blueprint:
    """Return the routes below ``/sandbox/``."""
    room = Blueprint("control_room", __name__, url_prefix="/sandbox")
    room.add_url_rule("/", view_func=_page(sandbox))
    _clock_routes(room, sandbox)
    _fault_routes(room, sandbox)
    _utility_routes(room, sandbox)
    _authorization_routes(room, sandbox)
    return room


def _answer(act: Callable[..., Any]) -> Callable[..., Response]:
    """Answer JSON to programs and lead a person's form back to the page; bad input is 400."""

    @wraps(act)
    def view(**variables: Any) -> Response:
        try:
            result = act(**variables)
        except _REFUSED as error:
            problem = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
            return make_response(jsonify({"error": problem}), 400)
        if result is None:
            return make_response(jsonify({"error": "no such thing"}), 404)
        if request.method == "POST" and request.form.get("back"):
            return make_response(redirect("/sandbox/", 303))
        return make_response(jsonify(result))

    return view


def _body() -> dict[str, Any]:
    """Return what was sent, as JSON or as a form."""
    if request.is_json:
        sent = request.get_json()
        if not isinstance(sent, dict):
            raise TypeError("the body must be a JSON object")
        return sent
    return {k: v for k, v in request.form.items() if k != "back"}


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _clock_routes(room: Blueprint, sandbox: Sandbox) -> None:
    clock = sandbox.clock

    def shown() -> dict[str, Any]:
        return {"now": clock.now().isoformat(), "frozen": clock.is_frozen}

    def change() -> dict[str, Any]:
        sent = _body()
        if "advance_s" in sent:
            clock.advance(timedelta(seconds=float(sent["advance_s"])))
        else:
            clock.set(_moment(sent["at"]) if sent["at"] else None)
        return shown()

    room.add_url_rule("/clock", "clock", _answer(shown))
    room.add_url_rule("/clock", "change_clock", _answer(change), methods=["POST"])


def _fault_routes(room: Blueprint, sandbox: Sandbox) -> None:
    faults = sandbox.faults

    def listed() -> dict[str, Any]:
        return {"faults": faults.rules(), "kinds": dict(KINDS)}

    def add() -> dict[str, Any]:
        return asdict(faults.add(**_fault(_body())))

    def clear(rule_id: int | None = None) -> dict[str, Any]:
        faults.clear(rule_id)
        return listed()

    def apply(name: str) -> dict[str, Any]:
        return {"scenario": name, "text": scenarios.apply(name, sandbox.store, faults).text}

    def known() -> dict[str, Any]:
        return {name: scenario.text for name, scenario in SCENARIOS.items()}

    room.add_url_rule("/faults", "faults", _answer(listed))
    room.add_url_rule("/faults", "add_fault", _answer(add), methods=["POST"])
    room.add_url_rule("/faults", "clear_faults", _answer(clear), methods=["DELETE"])
    room.add_url_rule("/faults/clear", "clear_by_form", _answer(clear), methods=["POST"])
    room.add_url_rule("/faults/<int:rule_id>", "clear_fault", _answer(clear), methods=["DELETE"])
    room.add_url_rule("/scenarios", "scenarios", _answer(known))
    room.add_url_rule("/scenarios/<name>", "apply_scenario", _answer(apply), methods=["POST"])


def _fault(sent: dict[str, Any]) -> dict[str, Any]:
    """Return a rule's settings; a form's empty fields mean nothing, its numbers are text."""
    rule = {k: v for k, v in sent.items() if v != ""}
    for number in ("times", "after"):
        if isinstance(rule.get(number), str):
            rule[number] = None if rule[number] == "forever" else int(rule[number])
    return rule


def _utility_routes(room: Blueprint, sandbox: Sandbox) -> None:
    def listed() -> dict[str, Any]:
        return {code: green_button.described(c) for code, c in sandbox.custodians.items()}

    def change(code: str) -> dict[str, Any] | None:
        custodian = sandbox.custodians.get(code)
        if custodian is None:
            return None
        sandbox.store.change_switches(custodian.profile, _body())
        return green_button.described(custodian)

    def deliver(code: str) -> dict[str, Any] | None:
        custodian = sandbox.custodians.get(code)
        return green_button.deliver_bulk_files(custodian, _body()) if custodian else None

    def requests() -> dict[str, Any]:
        return {"requests": sandbox.arrivals.seen()}

    def forget() -> dict[str, Any]:
        sandbox.arrivals.forget()
        return requests()

    def limits() -> dict[str, Any]:
        lifted = str(_body().get("lifted", True)).lower() == "true"
        for profile in PROFILES.values():
            rate = None if lifted else profile.switches.rate_per_s
            sandbox.store.change_switches(profile, {"rate_per_s": rate})
        return {"lifted": lifted}

    room.add_url_rule("/utilities", "utilities", _answer(listed))
    room.add_url_rule("/utilities/<code>", "change_utility", _answer(change), methods=["POST"])
    room.add_url_rule("/utilities/<code>/bulk-files", "bulk", _answer(deliver), methods=["POST"])
    room.add_url_rule("/requests", "requests", _answer(requests))
    room.add_url_rule("/requests", "forget_requests", _answer(forget), methods=["DELETE"])
    room.add_url_rule("/limits", "limits", _answer(limits), methods=["POST"])


def _authorization_routes(room: Blueprint, sandbox: Sandbox) -> None:
    def listed() -> dict[str, Any]:
        return {
            "authorizations": [
                green_button.shown(sandbox.store, a) for a in sandbox.store.authorizations()
            ]
        }

    def create() -> dict[str, Any]:
        return {"authorizations": green_button.create(sandbox.custodians, _body())}

    def act(authorization_id: str, verb: str) -> dict[str, Any] | None:
        return green_button.act(sandbox.custodians, sandbox.store, authorization_id, verb)

    def restate() -> dict[str, Any]:
        sent = _body()
        restatement = Restatement(
            meter_id=str(sent["meter_id"]),
            start=_moment(sent["start"]),
            end=_moment(sent["end"]),
            factor=_factor(sent.get("factor", 1.1)),
            at=sandbox.clock.now(),
        )
        restatements.add(sandbox.state, restatement)
        return {k: str(v) for k, v in asdict(restatement).items()}

    def notices() -> dict[str, Any]:
        return {"notifications": sandbox.notifier.deliveries()}

    def register() -> dict[str, Any]:
        for utility, uri in _body().items():
            sandbox.notifier.register(utility, str(uri))
        return {code: sandbox.notifier.uri_of(code) for code in sandbox.custodians}

    def people() -> dict[str, Any]:
        shown = [asdict(customer) for customer in customers.CUSTOMERS]
        return {"customers": [_plain(customer) for customer in shown]}

    room.add_url_rule("/authorizations", "authorizations", _answer(listed))
    room.add_url_rule("/authorizations", "create", _answer(create), methods=["POST"])
    room.add_url_rule(
        "/authorizations/<authorization_id>/<verb>", "act", _answer(act), methods=["POST"]
    )
    room.add_url_rule("/restatements", "restate", _answer(restate), methods=["POST"])
    room.add_url_rule("/notifications", "notices", _answer(notices))
    room.add_url_rule("/notification-uris", "register", _answer(register), methods=["POST"])
    room.add_url_rule("/customers", "customers", _answer(people))


def _factor(value: Any) -> float:
    factor = float(value)
    if not 0 <= factor <= 1000:
        raise ValueError("factor must be between 0 and 1000")
    return factor


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, frozenset):
        return sorted(value)
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value


def _page(sandbox: Sandbox) -> Callable[[], str]:
    def control_room() -> str:
        return render_template(
            "sandbox/room.html",
            clock=sandbox.clock,
            faults=sandbox.faults.rules(),
            kinds=KINDS,
            scenarios=SCENARIOS,
            custodians=sandbox.custodians,
            authorizations=sandbox.store.authorizations()[-50:][::-1],
            notices=sandbox.notifier.deliveries()[:20],
            now=sandbox.store.now(),
        )

    return control_room
