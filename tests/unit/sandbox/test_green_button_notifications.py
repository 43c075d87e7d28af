"""Asynchronous batches and what the third party is told (reference 4.4, 4.5)."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from flask import Flask
from lxml import etree

from tests.unit.sandbox.custodian import ESPI, ROOT, ThirdParty, entries, numbers

DAY = {"published_min": "2026-10-05T07:00:00Z", "published_max": "2026-10-06T07:00:00Z"}
FAST = {"asynchronous": "subscription", "asynchronous_delay_s": 0.2}


class Inbox:
    """A notification endpoint of a third party; ``statuses`` are its next answers."""

    def __init__(self) -> None:
        self.received: queue.Queue[bytes] = queue.Queue()
        self.statuses: list[int] = []
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = inbox.statuses.pop(0) if inbox.statuses else 200
                if status == 200:
                    inbox.received.put(body)
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_about: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = False
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()
        self.uri = f"http://127.0.0.1:{self.server.server_port}/notify"

    def uris(self, timeout: float = 10) -> list[str]:
        """Return what the next notification names; raises ``queue.Empty`` when none comes."""
        body = self.received.get(timeout=timeout)
        return [element.text or "" for element in etree.fromstring(body).iter(f"{ESPI}resources")]

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def inbox(app: Flask) -> Iterator[Inbox]:
    made = Inbox()
    app.extensions["sandbox"].notifier.register("*", made.uri)
    yield made
    made.close()


@pytest.mark.parametrize("code", ["generic", "pge"])
def test_a_batch_is_accepted_announced_and_then_delivered(
    app: Flask, inbox: Inbox, code: str
) -> None:
    party = ThirdParty(app, code)
    party.sandbox.store.change_switches(party.profile, FAST)
    token = party.authorize("robin")

    accepted = party.get(token["resourceURI"], token["access_token"], **DAY)
    [uri] = inbox.uris()
    delivered = party.get(uri, token["access_token"])

    assert (accepted.status_code, accepted.data) == (202, b"")
    assert uri.startswith(token["resourceURI"])
    assert ("correlationID=" in uri) is (code == "pge")
    assert len(entries(delivered.data, "IntervalReading")) == 96


def test_a_repeat_while_pending_is_refused_in_the_standards_words(
    generic: ThirdParty, inbox: Inbox
) -> None:
    generic.sandbox.store.change_switches(generic.profile, FAST | {"asynchronous_delay_s": 30.0})
    token = generic.authorize()

    first, again = (
        generic.get(token["resourceURI"], token["access_token"], **DAY) for _ in range(2)
    )
    other = generic.get(
        token["resourceURI"], token["access_token"], published_min="2026-10-06T07:00:00Z"
    )

    assert (first.status_code, other.status_code) == (202, 202)
    assert again.status_code == 400
    assert again.text == ("An unprocessed batch request for the same resource already exists")


def test_the_notification_may_overtake_the_answer(generic: ThirdParty, inbox: Inbox) -> None:
    generic.sandbox.store.change_switches(generic.profile, FAST)
    generic.sandbox.faults.add("notify_first", provider="generic")
    token = generic.authorize()

    accepted = generic.get(token["resourceURI"], token["access_token"], **DAY)

    assert accepted.status_code == 202
    assert inbox.received.qsize() == 1


def test_a_notification_may_come_twice(generic: ThirdParty, inbox: Inbox) -> None:
    generic.sandbox.store.change_switches(generic.profile, FAST)
    generic.sandbox.faults.add("notify_twice")
    token = generic.authorize()

    generic.get(token["resourceURI"], token["access_token"], **DAY)

    assert inbox.uris() == inbox.uris()


def test_a_lost_notification_leaves_the_data_at_its_address(
    generic: ThirdParty, inbox: Inbox
) -> None:
    generic.sandbox.store.change_switches(generic.profile, FAST | {"asynchronous_delay_s": 0.0})
    generic.sandbox.faults.add("notify_lost")
    token = generic.authorize()

    accepted = generic.get(token["resourceURI"], token["access_token"], **DAY)
    fetched = generic.get(token["resourceURI"], token["access_token"], **DAY)

    assert (accepted.status_code, fetched.status_code) == (202, 200)
    with pytest.raises(queue.Empty):
        inbox.uris(timeout=0.3)


def test_one_batch_can_be_made_asynchronous_by_a_fault(generic: ThirdParty, inbox: Inbox) -> None:
    generic.sandbox.faults.add("asynchronous")
    token = generic.authorize()
    other = {"published_min": "2026-10-08T07:00:00Z"}

    first = generic.get(token["resourceURI"], token["access_token"], **DAY)
    second = generic.get(token["resourceURI"], token["access_token"], **other)

    assert (first.status_code, second.status_code) == (202, 200)


def test_bulk_at_pge_is_asynchronous(pge: ThirdParty, inbox: Inbox) -> None:
    pge.authorize("robin")
    pge.sandbox.store.change_switches(pge.profile, {"asynchronous_delay_s": 0.1})
    client = pge.client_token()

    accepted = pge.get(f"Batch/Bulk/{pge.profile.bulk_id}", client, **DAY)
    [uri] = inbox.uris()
    content = pge.get(uri, client)

    assert accepted.status_code == 202
    assert accepted.headers["x-transaction"] in uri
    assert len(entries(content.data, "IntervalReading")) == 96


def test_a_customers_revocation_is_announced_and_seen(generic: ThirdParty, inbox: Inbox) -> None:
    token = generic.authorize()
    number = token["authorizationURI"].rsplit("/", 1)[1]

    generic.app.test_client().post(f"/sandbox/authorizations/{number}/revoke")

    assert inbox.uris() == [token["authorizationURI"]]
    record = generic.get(token["authorizationURI"], generic.client_token())
    assert numbers(record.data, "status") == [0]


def test_a_notification_is_tried_again(generic: ThirdParty, inbox: Inbox) -> None:
    inbox.statuses = [503]
    token = generic.authorize()
    number = token["authorizationURI"].rsplit("/", 1)[1]

    generic.app.test_client().post(f"/sandbox/authorizations/{number}/notify")

    assert inbox.uris() == [token["authorizationURI"]]
    limit = time.monotonic() + 60
    while generic.sandbox.notifier.deliveries()[0]["outcome"] != "200":
        assert time.monotonic() < limit
        time.sleep(0.02)
    assert generic.sandbox.notifier.deliveries()[0]["attempts"] == 2


def test_bulk_files_are_announced_by_name(app: Flask, inbox: Inbox) -> None:
    sce = ThirdParty(app, "sce")
    sce.authorize("robin")

    app.test_client().post("/sandbox/utilities/sce/bulk-files", json={"day": "2026-10-05"})
    uris = inbox.uris()

    assert all(uri.startswith(f"{ROOT}/sce/") for uri in uris)
    usage = sce.get(uris[0], sce.client_token())
    assert len(entries(usage.data, "IntervalReading")) == 96
