"""What tests of pages share: people at browsers, and facilities in every state."""

from __future__ import annotations

import re
from datetime import date, timedelta
from html.parser import HTMLParser
from uuid import UUID

from flask import Flask

from dcarbon.db.authorizations import Authorization, shard_of
from dcarbon.db.base import new_id
from dcarbon.db.facilities import Facility, FacilityRole
from dcarbon.db.meters import CoverageDay, MeterChannel
from dcarbon.db.payloads import LandedPayload
from dcarbon.db.people import Person
from dcarbon.services import facilities, people, web_sessions
from dcarbon.services.actors import SYSTEM, Actor
from dcarbon.services.facilities import FacilityDetails
from dcarbon.services.runtime import Runtime
from tests.support.browser import Browser

DETAILS = {
    "name": "Mill",
    "street": "1 Factory Way",
    "city": "Fresno",
    "state": "CA",
    "postal_code": "93721",
    "time_zone": "",
    "finance_type": "ppa",
    "finance_company": "Sunlight",
    "installer": "Bright Roofs",
    "system_size_kw": "49.5",
    "commercial_operation_date": "2024-05-31",
}
"""What somebody types who leaves nothing out."""


def person(
    runtime: Runtime, email: str, *, kind: str = "commercial", is_admin: bool = False
) -> Person:
    return people.ensure(
        runtime.sessions,
        email=email,
        account_kind=kind,
        name=email.partition("@")[0].title(),
        actor=SYSTEM,
        now=runtime.now(),
        is_admin=is_admin,
    )


def at_browser(app: Flask, runtime: Runtime, who: Person) -> Browser:
    """Return the browser of somebody who is signed in."""
    browser = Browser(app)
    secret = web_sessions.open_session(runtime, who.id, how="link", ip=None, user_agent=None)
    browser.client.set_cookie("dcarbon-session", secret)
    return browser


def facility(
    runtime: Runtime, owner: Person, *, name: str = "Mill", role: str = "owner_operator"
) -> UUID:
    made = facilities.create(
        runtime.sessions,
        FacilityDetails(
            name=name, street="1 Factory Way", city="Fresno", state="CA", postal_code="93721"
        ),
        account_kind=owner.account_kind,
        role=role,
        actor=Actor(owner.id),
        now=runtime.now(),
    )
    return made.id


def give_role(runtime: Runtime, facility_id: UUID, who: Person, role: str) -> None:
    with runtime.sessions.begin() as session:
        session.add(
            FacilityRole(facility_id=facility_id, person_id=who.id, role=role, since=runtime.now())
        )


def authorization(
    runtime: Runtime,
    facility_id: UUID,
    owner: Person,
    *,
    status: str = "authorized",
    reason_code: str | None = None,
    health: str = "ok",
    health_code: str | None = None,
    method: str = "green_button",
    provider: str = "pge",
    utility: str = "PG&E",
) -> UUID:
    """Put an authorization into a state, as a flow and the collections after it would leave it."""
    now, identity = runtime.now(), new_id()
    was_authorized = status in {"authorized", "expired"}
    with runtime.sessions.begin() as session:
        row = Authorization(
            id=identity,
            facility_id=facility_id,
            requested_by=owner.id,
            method=method,
            provider=provider,
            utility=utility,
            status=status,
            status_at=now,
            reason_code=reason_code,
            shard=shard_of(identity),
            external_id="8675309" if was_authorized else None,
            authorized_at=now - timedelta(days=40) if was_authorized else None,
            last_sync=now - timedelta(hours=7) if was_authorized else None,
            sync_health=health,
            sync_health_code=health_code,
            sync_health_since=now - timedelta(hours=19) if health != "ok" else None,
        )
        session.add(row)
        shown = session.get_one(Facility, facility_id)
        shown.auth_method, shown.auth_provider, shown.auth_status = method, utility, status
        shown.auth_id, shown.last_sync = row.external_id, row.last_sync
    return identity


def payload(runtime: Runtime, authorization_id: UUID, content: bytes) -> UUID:
    """Keep an answer of the provider, bytes and record."""
    with runtime.sessions.begin() as session:
        row = LandedPayload(
            facility_id=session.get_one(Authorization, authorization_id).facility_id,
            authorization_id=authorization_id,
            sha256=runtime.landing.put(content),
            media_type="application/atom+xml",
            byte_count=len(content),
            source="https://utility.example.test/feed",
            received_at=runtime.now(),
            state="parsed",
        )
        session.add(row)
        session.flush()
        return row.id


def count_day(runtime: Runtime, meter_id: UUID, day: date, state: str) -> None:
    """Say how one day of a meter's channel stands."""
    with runtime.sessions.begin() as session:
        channel = session.query(MeterChannel).filter_by(meter_id=meter_id).one()
        session.merge(
            CoverageDay(
                channel_id=channel.id,
                meter_day=day,
                state=state,
                expected=96,
                present=96 if state == "complete" else 40,
                updated_at=runtime.now(),
            )
        )


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


def words(html: str) -> str:
    """Return what people read of a page, on one line."""
    parser = _Text()
    parser.feed(html)
    return re.sub(r"\s+", " ", " ".join(parser.parts))
