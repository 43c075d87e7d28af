"""A facility with meters, channels, series and payloads to write readings for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import Engine

from dcarbon.db import engine as database
from dcarbon.db import privileges
from dcarbon.db.base import new_id
from dcarbon.db.engine import Sessions
from dcarbon.db.interval_days_writing import SeriesReadings, WriteOutcome, write
from dcarbon.db.tables import Facility, LandedPayload, Meter, MeterChannel, Series

ZONE = "America/Los_Angeles"


@dataclass(frozen=True, slots=True)
class Place:
    """One facility; everything made for it is committed at once."""

    sessions: Sessions
    facility_id: UUID

    def meter(self) -> UUID:
        meter = Meter(
            id=new_id(),
            facility_id=self.facility_id,
            provider="green_button",
            utility="PG&E",
            external_id=new_id().hex,
            time_zone=ZONE,
        )
        with self.sessions.begin() as session:
            session.add(meter)
        return meter.id

    def channel(self, meter_id: UUID, direction: str = "delivered") -> UUID:
        channel = MeterChannel(
            id=new_id(),
            meter_id=meter_id,
            direction=direction,
            unit="Wh",
            commodity="electricity",
            measure="usage",
        )
        with self.sessions.begin() as session:
            session.add(channel)
        return channel.id

    def series(self, interval_s: int = 900, *, channel_id: UUID | None = None) -> UUID:
        channel_id = channel_id or self.channel(self.meter())
        series = Series(id=new_id(), channel_id=channel_id, interval_s=interval_s)
        with self.sessions.begin() as session:
            session.add(series)
        return series.id

    def payload(self) -> UUID:
        payload = LandedPayload(
            id=new_id(),
            facility_id=self.facility_id,
            sha256=hashlib.sha256(new_id().bytes).digest(),
            media_type="application/xml",
            byte_count=1,
            source="feed.xml",
            received_at=datetime(2026, 1, 1, tzinfo=UTC),
        )
        with self.sessions.begin() as session:
            session.add(payload)
        return payload.id

    def write(self, *batches: SeriesReadings, at: datetime) -> WriteOutcome:
        with self.sessions.begin() as session:
            return write(session, batches, recorded_at=at)


@pytest.fixture
def working(database_url: str, engine: Engine) -> Iterator[Sessions]:
    """Sessions as the product's own role, which may define nothing."""
    engine_of_product = database.create(privileges.as_app(database_url, engine))
    yield database.sessions(engine_of_product)
    engine_of_product.dispose()


@pytest.fixture
def place(sessions: Sessions) -> Place:
    facility = Facility(
        name="Sunny Hall",
        account_kind="commercial",
        street="1 Main St",
        city="Fresno",
        state="CA",
        postal_code="93650",
        time_zone=ZONE,
    )
    with sessions.begin() as session:
        session.add(facility)
    return Place(sessions, facility.id)


@pytest.fixture
def statement(place: Place) -> Callable[..., SeriesReadings]:
    """Make a batch of consecutive readings, a ``None`` being a missing one."""

    def make(
        series_id: UUID,
        first: datetime,
        values: list[int | None],
        *,
        interval_s: int = 900,
        exponent: int = 0,
        quality: int | list[int] = -1,
        payload_id: UUID | None = None,
    ) -> SeriesReadings:
        here = np.array([value is not None for value in values], np.bool_)
        starts = int(first.timestamp()) + np.arange(len(values), dtype=np.int64) * interval_s
        qualities = np.broadcast_to(np.array(quality, np.int16), len(values))
        return SeriesReadings(
            series_id=series_id,
            interval_s=interval_s,
            start=starts[here],
            value=np.array([value for value in values if value is not None], np.int64),
            exponent=exponent,
            quality=qualities[here],
            payload_id=payload_id or place.payload(),
        )

    return make
