"""Events and webhooks: the signature, several events to a request, retries on the sandbox clock."""

from __future__ import annotations

import gc
import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from dcarbon_sandbox import utilityapi
from dcarbon_sandbox.authority import ensure_authority
from dcarbon_sandbox.clock import SandboxClock
from dcarbon_sandbox.faults import Faults
from dcarbon_sandbox.state import SandboxState
from dcarbon_sandbox.utilityapi import webhooks
from tests.unit.sandbox.utilityapi_world import NOW, Received, World, receiver, world

SECRET, SALT = "whs_example_secret", "7d1f0c2ab9"
DOCUMENTED = {
    "ping",
    "form_created",
    "authorization_created",
    "authorization_declined",
    "authorization_renewed",
    "authorization_update_started",
    "authorization_update_delayed",
    "authorization_update_retrying",
    "authorization_update_progress",
    "authorization_update_finished_successful",
    "authorization_update_finished_errored",
    "authorization_expiring_soon",
    "authorization_expired",
    "authorization_revoked",
    "meter_created",
    "meter_bills_added",
    "meter_intervals_added",
    "meter_historical_collection_started",
    "meter_historical_collection_delayed",
    "meter_historical_collection_retrying",
    "meter_historical_collection_progress",
    "meter_historical_collection_finished_successful",
    "meter_historical_collection_finished_errored",
}
"""The types of events of the API's documentation."""

LISTING = {
    "events": [
        {
            "uid": "9c41d07e",
            "type": "meter_intervals_added",
            "ts": "2025-11-04T15:20:11.402117+00:00",
            "delivery_method": "webhook",
            "delivery_target": "http://127.0.0.1:8099/hooks/utilityapi",
            "is_delivered": False,
            "authorization_uid": "402118",
            "meter_uid": "8812014",
        }
    ],
    "next": None,
}


@pytest.mark.parametrize(
    ("body", "size", "expected"),
    [
        (
            webhooks.body_of(LISTING),
            421,
            "391f70617a31208567c57e923e764b221c4f5eff92857353724d7901605fd4ce",
        ),
        (b"{}", 2, "aa4393d5c150cc43940b321358733d749cc817fe24baab85b36a51ba3be93e08"),
        (
            json.dumps(LISTING, separators=(",", ":")).encode(),
            273,
            "98f38e4cc086887845f8999a80bf5f49ad6b4a2ccb225898eccfcddea6506936",
        ),
    ],
    ids=["pretty", "empty", "compact"],
)
def test_the_signature_agrees_with_the_test_vectors(body: bytes, size: int, expected: str) -> None:
    assert len(body) == size
    assert webhooks.signature(SECRET, SALT, body) == expected


def wired(received: Received, **settings: Any) -> World:
    endpoint = {"url": received.url, "secret": SECRET, "types": None}
    return world(webhooks=[endpoint], **settings)


def test_a_webhook_is_signed_pretty_printed_and_marks_its_events_delivered() -> None:
    with receiver() as received:
        api = wired(received)
        api.submit()

        utilityapi.tick(api.service)

    body, headers = received.bodies[0], received.headers[0]
    salt = headers["X-UtilityAPI-Webhook-Salt"]
    signature = headers["X-UtilityAPI-Webhook-Signature"]
    assert signature == webhooks.signature(SECRET, salt, body)
    assert body == json.dumps(json.loads(body), indent=4).encode()
    assert json.loads(body)["next"] is None
    listed = api.call("GET", "/events")["events"]
    assert {event["is_delivered"] for event in listed} == {True}
    assert api.call("GET", "/events?is_delivered=false")["events"] == []


def test_one_request_holds_several_events_in_order_or_reversed_by_switch() -> None:
    for reorder in (False, True):
        with receiver() as received:
            api = wired(received, webhook_reorder=reorder)
            api.authorized()

        stories = [
            [event["ts"] for event in json.loads(body)["events"]] for body in received.bodies
        ]
        assert max(map(len, stories)) > 1
        types = [event["type"] for event in json.loads(received.bodies[-1])["events"]]
        last = "authorization_update_finished_successful"
        assert types[0 if reorder else -1] == last


def test_duplicates_come_by_switch() -> None:
    with receiver() as received:
        api = wired(received, webhook_duplicate=True)
        api.submit()
        utilityapi.tick(api.service)

    assert len(received.bodies) == 2
    assert received.bodies[0] == received.bodies[1]


def test_an_endpoint_gets_only_the_types_it_asked_for() -> None:
    with receiver() as received:
        endpoint = {"url": received.url, "secret": SECRET, "types": ["meter_created"]}
        api = world(webhooks=[endpoint])
        api.authorized()

    assert {event["type"] for event in received.events()} == {"meter_created"}
    assert all(event["delivery_target"] == received.url for event in received.events())


@pytest.mark.parametrize("status", [204, 302, 404, 500])
def test_anything_but_200_is_tried_again_every_hour(status: int) -> None:
    with receiver() as received:
        api = wired(received)
        received.status = status
        webhooks.ping(api.service)
        utilityapi.tick(api.service)
        api.wait(3500)
        early = len(received.bodies)
        api.wait(200)
        received.status = 200
        api.wait(3600)
        api.wait(3600)

    assert early == 1
    assert len(received.bodies) == 3
    assert [event["type"] for event in received.events()] == ["ping"] * 3
    assert api.call("GET", "/events")["events"][0]["is_delivered"]


def test_delivery_is_given_up_after_72_hours_and_the_event_stays_listed() -> None:
    with receiver() as received:
        api = wired(received)
        received.status = 503
        webhooks.ping(api.service)
        utilityapi.tick(api.service)
        for _ in range(80):
            api.wait(3600)

    assert len(received.bodies) == 73
    assert not api.call("GET", "/events?is_delivered=false")["events"][0]["is_delivered"]


def test_an_endpoint_that_does_not_answer_stops_nothing() -> None:
    with receiver() as received:
        gone = received.url
    api = world(webhooks=[{"url": gone, "secret": SECRET}, {"url": "nonsense://", "secret": "x"}])

    webhooks.ping(api.service)
    utilityapi.tick(api.service)

    assert len(api.call("GET", "/events?is_delivered=false")["events"]) == 2


def test_an_endpoint_over_tls_is_believed_only_with_its_authority(tmp_path: Path) -> None:
    authority = ensure_authority(tmp_path)
    with receiver(authority) as received:
        api = wired(received)
        webhooks.ping(api.service)
        utilityapi.tick(api.service)
        untrusted = len(received.bodies)
        api.service.configure({"webhook_ca": str(authority.ca)})
        api.wait(3600)

    assert untrusted == 0
    assert [event["type"] for event in received.events()] == ["ping"]


def test_a_ping_is_sent_on_request_and_names_no_object() -> None:
    with receiver() as received:
        api = wired(received)
        api.call("POST", "/sandbox/utilityapi/ping")
        utilityapi.tick(api.service)

    event = received.events()[0]
    assert event["type"] == "ping"
    assert not {"authorization_uid", "meter_uid", "form_uid"} & event.keys()


def test_events_can_be_listed_paged_and_marked() -> None:
    api = world(page_sizes={"events": 3})
    api.authorized()
    page = api.call("GET", "/events?is_delivered=false")
    found = list(page["events"])
    while page["next"]:
        page = api.follow(page["next"])
        found += page["events"]

    newest = found[0]
    changed = api.call("PATCH", f"/events/{newest['uid']}", {"is_delivered": True})

    assert [event["type"] for event in found][-1] == "form_created"
    assert len({event["uid"] for event in found}) == len(found) == 6
    assert changed["is_delivered"]
    assert api.call("GET", f"/events/{newest['uid']}") == changed
    assert (
        api.open("PATCH", f"/events/{newest['uid']}", json={"is_delivered": 1}).status_code == 400
    )


def test_every_event_the_server_sends_is_a_documented_type() -> None:
    api = world()
    for scenario in ("residential", "websitedown", "websitedown_after", "revoked"):
        api.collected(scenario) if scenario.endswith("_after") else api.authorized(scenario)

    assert set(api.event_types()) <= DOCUMENTED


def test_a_background_thread_delivers_and_ends_with_its_application() -> None:
    others = set(threading.enumerate())
    with receiver() as received:
        app = Flask("sandbox")
        state = SandboxState()
        made = utilityapi.blueprint(state, SandboxClock(NOW), Faults(), lambda: "https://x.test")
        app.register_blueprint(made)
        service = app.extensions["utilityapi"]
        service.configure({"webhooks": [{"url": received.url, "secret": SECRET}]})
        webhooks.ping(service)

        deadline = time.monotonic() + 60
        while not received.bodies and time.monotonic() < deadline:
            time.sleep(0.02)

    assert [event["type"] for event in received.events()] == ["ping"]
    started = set(threading.enumerate()) - others
    threads = [thread for thread in started if thread.name == "utilityapi-jobs"]
    assert threads
    del app, made, service
    gc.collect()
    for thread in threads:
        thread.join(timeout=60)
        assert not thread.is_alive()
