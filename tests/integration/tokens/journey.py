"""What people, the daemon of Dagster and administrators do, one step after the other."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import dagster as dg
from flask import Flask
from sqlalchemy import select
from werkzeug.routing import BuildError, Rule

from dcarbon.cli.browsing import Visitor
from dcarbon.db.authorizations import Authorization
from dcarbon.db.meters import Meter
from dcarbon.db.payloads import LandedPayload
from dcarbon.services import mails
from dcarbon.services.runtime import Runtime
from dcarbon_pipelines.definitions import build_definitions
from dcarbon_pipelines.partitions import day_and_shard_key
from dcarbon_pipelines.sync_runs import SYNC
from dcarbon_sandbox.clock import SandboxClock
from dcarbon_sandbox.server import Running
from sensors.work_orders import open_work_orders
from tests.integration.api import pages
from tests.integration.pipelines.ticks import asked_by
from tests.integration.tokens.searching import Place
from tests.support.browser import PAGE, Browser

LOGIN = "sunny"
_JSON = {"Accept": "application/json"}


@dataclass
class Journey:
    """The product with somebody at it; every page that was seen after leaving is kept."""

    app: Flask
    runtime: Runtime
    sandbox: Running
    clock: SandboxClock
    instance: dg.DagsterInstance
    pages: list[Place] = field(default_factory=list)
    runs: list[bool] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.definitions = build_definitions({"runtime": self.runtime})
        self.resident = self._signed_in("resident@example.test")
        self.admin = self._signed_in("admin@example.test", is_admin=True)

    def _signed_in(self, email: str, *, is_admin: bool = False) -> Browser:
        pages.person(self.runtime, email, is_admin=is_admin)
        browser = Browser(self.app)
        assert browser.sign_in(self.runtime, email).status_code == 303
        return browser

    def house(self, name: str) -> UUID:
        owner = pages.person(self.runtime, "resident@example.test")
        return pages.facility(self.runtime, owner, name=name)

    def fault(self, kind: str, **rule: Any) -> None:
        self.sandbox.sandbox.faults.add(kind, **rule)

    def leave(self, house: UUID, **choice: str) -> str:
        """Choose a utility on our page and return the utility's address."""
        path = f"/facilities/{house}/utility"
        leaving = self.resident.post(path, choice, page=path)
        assert leaving.status_code == 200, leaving.text
        return unescape(leaving.text.split('class="btn btn-primary" href="')[1].split('"')[0])

    def visit(self, address: str, *, login: str = LOGIN, press: str | None = None) -> str:
        """Go through the utility's pages and return where the browser is sent back to."""
        visitor = Visitor.new()
        visitor.press = press
        answers = dict.fromkeys(("username", "login", "password"), login)
        # What a customer's browser would log is not ours.
        with visitor.http, _silence():
            return visitor.through(address, answers, until=self.runtime.settings.public_url)

    def come_back(self, address: str) -> str:
        """Come back with what the utility sent along, signed in or not, and see the page."""
        parts = urlsplit(address)
        for browser in (self.resident, Browser(self.app)):
            first = browser.get(f"{parts.path}?{parts.query}", **{"Sec-Fetch-Site": "cross-site"})
            self._keep(parts.path, first.headers.to_wsgi_list(), first.data)
            if first.location:
                shown = browser.get(first.location)
                self._keep(parts.path, shown.headers.to_wsgi_list(), shown.data)
        return self.resident.get("/facilities").text

    def collect(self) -> None:
        """Do what the sensor of work orders asks for."""
        asked = asked_by(open_work_orders, self.instance, self.definitions, self.runtime)
        for each in asked if isinstance(asked, list) else []:
            self.run("collect_authorizations", partition_key=each.partition_key, tags=each.tags)

    def sync(self, *houses: UUID) -> None:
        """Let a day go by and run the daily sync of the shards of these houses."""
        self.clock.advance(timedelta(days=1))
        concerned = select(Authorization.shard).where(Authorization.facility_id.in_(houses))
        with self.runtime.sessions() as session:
            shards = set(session.scalars(concerned))
        for shard in shards:
            key = day_and_shard_key(self.clock.now().date() - timedelta(days=1), shard)
            self.run("daily_sync", partition_key=key, tags={SYNC: "daily"})

    def run(self, job: str, **how: Any) -> None:
        done = self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance, raise_on_error=False, **how
        )
        self.runs.append(done.success)

    def send_mails(self) -> int:
        return mails.send_due(self.runtime).sent

    def look_everywhere(self) -> int:
        """Open every page and answer there is about a facility that was connected, as its owner and
        as an administrator; return how many there were.
        """
        known, seen = self._known(), 0
        ways = [(self.resident, PAGE), (self.admin, PAGE), (self.resident, _JSON)]
        for rule in self.app.url_map.iter_rules():
            path = _address(self.app, rule, known)
            for browser, headers in ways if path is not None else []:
                shown = browser.client.get(path, headers=headers)
                self._keep(str(path), shown.headers.to_wsgi_list(), shown.data)
                seen += 1
        return seen

    def _known(self) -> Mapping[str, str]:
        """Return the ids that addresses are made of."""
        with self.runtime.sessions() as session:
            meter = session.scalars(select(Meter).order_by(Meter.id).limit(1)).one()
            payload = select(LandedPayload).where(
                LandedPayload.authorization_id == meter.authorization_id
            )
            return {
                "facility_id": str(meter.facility_id),
                "authorization_id": str(meter.authorization_id),
                "meter_id": str(meter.id),
                "payload_id": str(session.scalars(payload.limit(1)).one().id),
            }

    def _keep(self, path: str, headers: list[tuple[str, str]], body: bytes) -> None:
        told = "\n".join(f"{name}: {value}" for name, value in headers).encode()
        self.pages.append((f"page: {path}", told + b"\n\n" + body))


def _address(app: Flask, rule: Rule, known: Mapping[str, str]) -> str | None:
    if "GET" not in (rule.methods or ()) or not rule.arguments <= known.keys():
        return None
    with app.test_request_context():
        try:
            values: dict[str, Any] = {name: known[name] for name in rule.arguments}
            return str(app.url_for(rule.endpoint, **values))
        except BuildError:
            return None


@contextmanager
def _silence() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
