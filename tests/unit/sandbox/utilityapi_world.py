"""A UtilityAPI sandbox in memory whose clock stands still, and a client that holds a token."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from dcarbon_sandbox import utilityapi
from dcarbon_sandbox.authority import Authority
from dcarbon_sandbox.clock import SandboxClock
from dcarbon_sandbox.faults import Faults
from dcarbon_sandbox.state import SandboxState
from dcarbon_sandbox.utilityapi.service import Service
from dcarbon_sandbox.utilityapi.settings import DEFAULT_TOKEN

NOW = datetime(2025, 11, 10, 18, tzinfo=UTC)
BASE = "https://sandbox.test:8443"
BEARER = {"Authorization": f"Bearer {DEFAULT_TOKEN}"}


@dataclass
class World:
    """Server, clock and client. ``call`` answers parsed JSON and expects 200."""

    service: Service
    clock: SandboxClock
    faults: Faults
    http: FlaskClient

    def get(self, path: str, **kwargs: Any) -> TestResponse:
        return self.open("GET", path, **kwargs)

    def open(self, method: str, path: str, **kwargs: Any) -> TestResponse:
        headers = {**BEARER, **kwargs.pop("headers", {})}
        target = path if path.startswith(("/api", "/sandbox")) else f"/api/v2{path}"
        return self.http.open(target, method=method, headers=headers, **kwargs)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        response = (
            self.open(method, path, json=body) if body is not None else self.open(method, path)
        )
        assert response.status_code == 200, (path, response.status_code, response.data)
        return response.get_json()

    def follow(self, url: str) -> Any:
        assert url.startswith(f"{BASE}/api/v2/")
        parts = urlsplit(url)
        return self.call("GET", f"{parts.path}?{parts.query}")

    def wait(self, seconds: float = 5) -> None:
        """Let time pass and do what has become due."""
        self.clock.advance(timedelta(seconds=seconds))
        utilityapi.tick(self.service)

    def submit(self, scenario: str = "residential", utility: str = "PG&E") -> str:
        """Submit a new form as a test customer; return the referral."""
        form = self.call("POST", "/forms")
        sent = {"utility": utility, "scenario": scenario}
        referral: str = self.call("POST", f"/forms/{form['uid']}/test-submit", sent)["referral"]
        return referral

    def authorized(self, scenario: str = "residential", utility: str = "PG&E") -> Any:
        """Return the authorization of a submission once it is settled, with its meters."""
        referral = self.submit(scenario, utility)
        self.wait()
        self.wait()
        listed = self.call("GET", f"/authorizations?referrals={referral}&include=meters")
        return listed["authorizations"][0]

    def collected(self, scenario: str = "residential", months: int = 2) -> list[str]:
        """Return the uids of meters whose history was collected."""
        found = self.authorized(scenario)["meters"]["meters"]
        uids = [meter["uid"] for meter in found]
        order = {"meters": uids, "collection_duration": months}
        self.call("POST", "/meters/historical-collection", order)
        self.wait()
        return uids

    def intervals(self, query: str) -> list[Any]:
        """Return all Interval objects, following ``next``."""
        page = self.call("GET", f"/intervals?{query}")
        objects = list(page["intervals"])
        while page["next"]:
            page = self.follow(page["next"])
            objects += page["intervals"]
        return objects

    def readings(self, query: str) -> list[Any]:
        return [reading for item in self.intervals(query) for reading in item["readings"]]

    def event_types(self) -> list[str]:
        """Return the types of all events, oldest first."""
        events = self.call("GET", "/events")["events"]
        return [event["type"] for event in reversed(events)]


def world(now: datetime = NOW, state: SandboxState | None = None, **settings: Any) -> World:
    clock, faults = SandboxClock(now), Faults()
    app = Flask("sandbox")
    made = utilityapi.blueprint(
        state or SandboxState(), clock, faults, lambda: BASE, background=False
    )
    app.register_blueprint(made)
    service = app.extensions["utilityapi"]
    service.configure({"real_time": False, **settings})
    return World(service, clock, faults, app.test_client())


@dataclass
class Received:
    """What an endpoint got: bodies and headers, and the status it answers with."""

    url: str = ""
    status: int = 200
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def events(self) -> list[Any]:
        return [event for body in self.bodies for event in json.loads(body)["events"]]


@contextmanager
def receiver(authority: Authority | None = None) -> Iterator[Received]:
    """Run a webhook endpoint on loopback, over TLS when given an authority."""
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            received.headers.append(dict(self.headers))
            self.send_response(received.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received.url = f"http://127.0.0.1:{server.server_port}/hooks"
    if authority is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority.server, authority.server_key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        received.url = received.url.replace("http:", "https:")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
