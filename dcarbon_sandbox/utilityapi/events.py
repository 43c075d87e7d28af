"""Events: what happened, who is to be told, and the API that lists them (reference section 16)."""

from __future__ import annotations

from flask import Response, request

from dcarbon_sandbox.utilityapi import wire
from dcarbon_sandbox.utilityapi.routes import Route
from dcarbon_sandbox.utilityapi.service import Record, Service

_ODD = 0x9E3779B1  # odd, so that the map from number to uid is one to one


def record(service: Service, kind: str, **refs: str | None) -> None:
    """Record one event for each endpoint that asked for this type; one without target if none.

    ``refs`` are ``authorization_uid``, ``meter_uid`` and ``form_uid``, as they apply. The caller
    holds the state's lock.
    """
    targets = [
        endpoint["url"]
        for endpoint in service.setting("webhooks")
        if endpoint.get("types") is None or kind in endpoint["types"]
    ]
    for target in targets or [None]:
        number = int(service.new_uid("event"))
        uid = f"{number * _ODD % 2**32:08x}"
        event: Record = {
            "uid": uid,
            "type": kind,
            "ts": service.stamp(),
            "delivery_method": "webhook" if target else None,
            "delivery_target": target,
            "is_delivered": False,
            **{name: value for name, value in refs.items() if value is not None},
        }
        service.records("events")[uid] = event
        if target:
            service.records("outbox").setdefault(target, {"uids": []})["uids"].append(uid)
    service.changed()
    if targets:
        service.wake()


def list_events(service: Service) -> Response:
    delivered = wire.flag("is_delivered")
    uids = wire.many("uids")
    after = request.args.get("after", "").strip()
    events = service.records("events")
    if after and after not in events:
        raise wire.invalid("after must be the uid of an event.")
    found: list[Record] = []
    started = not after
    size = wire.page_size(service, "events")
    for event in reversed(events.values()):
        wanted = delivered is None or event["is_delivered"] is delivered
        if started and wanted and (not uids or event["uid"] in uids):
            found.append(event)
            if len(found) > size:
                break
        started = started or event["uid"] == after
    following = wire.next_url(service, found[size - 1]["uid"]) if len(found) > size else None
    return wire.listing("events", found[:size], following)


def show_event(service: Service, uid: str) -> Response:
    return wire.answer(_known(service, uid))


def modify_event(service: Service, uid: str) -> Response:
    event = _known(service, uid)
    delivered = wire.body_of_request().get("is_delivered", event["is_delivered"])
    if not isinstance(delivered, bool):
        raise wire.invalid("is_delivered must be true or false.")
    event["is_delivered"] = delivered
    service.changed()
    return wire.answer(event)


def _known(service: Service, uid: str) -> Record:
    event = service.records("events").get(uid)
    if event is None:
        raise wire.not_found("Event")
    return event


ROUTES = (
    Route("/events", "GET", list_events),
    Route("/events/<uid>", "GET", show_event),
    Route("/events/<uid>", "PATCH", modify_event),
)
