"""The application over a real database, with two people who must not see each other's things."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from dcarbon.db import interval_days_writing
from dcarbon.db.base import new_id
from dcarbon.db.interval_days_writing import SeriesReadings
from dcarbon.db.meters import Meter, MeterChannel, Series
from dcarbon.db.payloads import LandedPayload
from dcarbon.services import api_tokens, facilities, people
from dcarbon.services.actors import SYSTEM, Actor
from dcarbon.services.facilities import FacilityDetails
from dcarbon.services.runtime import Runtime
from tests.support.serving import serving


@dataclass(frozen=True)
class Resident:
    """A person with a facility, and the headers of a token with both scopes."""

    person_id: UUID
    facility_id: UUID
    headers: dict[str, str]


@pytest.fixture
def app(runtime: Runtime) -> Flask:
    return serving(runtime)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def ann(runtime: Runtime) -> Resident:
    return settle(runtime, "ann@example.org")


@pytest.fixture
def ben(runtime: Runtime) -> Resident:
    return settle(runtime, "ben@example.org")


def settle(runtime: Runtime, email: str, *, role: str = "owner_operator") -> Resident:
    """Create a person with a facility and a token."""
    person = people.ensure(
        runtime.sessions, email=email, account_kind="residential", actor=SYSTEM, now=runtime.now()
    )
    facility = facilities.create(
        runtime.sessions,
        FacilityDetails(name="Home"),
        account_kind="residential",
        role=role,
        actor=Actor(person.id),
        now=runtime.now(),
    )
    return Resident(person.id, facility.id, bearer(runtime, person.id))


def bearer(
    runtime: Runtime,
    person_id: UUID,
    *,
    scopes: Sequence[str] = ("read", "write"),
    expires_in: timedelta | None = None,
    is_revoked: bool = False,
) -> dict[str, str]:
    """Return the header of a new token."""
    now = runtime.now()
    token, secret = api_tokens.create(
        runtime.sessions,
        person_id=person_id,
        name="test",
        scopes=scopes,
        actor=SYSTEM,
        now=now,
        expires_at=now + expires_in if expires_in is not None else None,
    )
    if is_revoked:
        api_tokens.revoke(runtime.sessions, token.id, actor=SYSTEM, now=now)
    return {"Authorization": f"Bearer {secret}"}


def install_meter(
    runtime: Runtime,
    facility_id: UUID,
    *,
    first: datetime,
    values: Sequence[int | None],
    interval_s: int = 900,
    exponent: int = 0,
    direction: str = "delivered",
    durations_s: Sequence[int] | None = None,
) -> UUID:
    """Create a meter with one channel and its readings; ``None`` is a missing one."""
    now = runtime.now()
    with runtime.sessions.begin() as session:
        meter = Meter(
            facility_id=facility_id,
            provider="pge",
            utility="PG&E",
            external_id=new_id().hex,
            commodity="electricity",
            time_zone="America/Los_Angeles",
            meter_numbers=["1001"],
            blocks={},
        )
        session.add(meter)
        session.flush()
        channel = MeterChannel(
            meter_id=meter.id,
            direction=direction,
            unit="Wh",
            commodity="electricity",
            measure="usage",
        )
        session.add(channel)
        session.flush()
        series = Series(channel_id=channel.id, interval_s=interval_s)
        payload = LandedPayload(
            facility_id=facility_id,
            sha256=hashlib.sha256(meter.id.bytes).digest(),
            media_type="application/xml",
            byte_count=1,
            source="test.xml",
            received_at=now,
        )
        session.add_all([series, payload])
        session.flush()
        step = durations_s or [interval_s] * len(values)
        starts = int(first.timestamp()) + np.concatenate(([0], np.cumsum(step)[:-1]))
        kept = np.array([value is not None for value in values])
        readings = SeriesReadings(
            series_id=series.id,
            interval_s=interval_s,
            start=starts.astype(np.int64)[kept],
            value=np.array([value for value in values if value is not None], dtype=np.int64),
            exponent=exponent,
            quality=np.full(int(kept.sum()), -1, dtype=np.int16),
            payload_id=payload.id,
            duration_s=np.array(step, dtype=np.int32)[kept],
        )
        interval_days_writing.write(session, [readings], recorded_at=now)
        return meter.id


def said(response: TestResponse) -> dict[str, Any]:
    """Return what an answer's JSON object holds."""
    content = json.loads(response.data)
    assert isinstance(content, dict)
    return content
