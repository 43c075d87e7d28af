"""A real Dagster instance on PostgreSQL, and customers with meters and readings to run it over."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import dagster as dg
import httpx2
import numpy as np
import psycopg
import pytest
from sqlalchemy import make_url

from dcarbon import settings
from dcarbon.db import interval_days_writing
from dcarbon.db.authorizations import shard_of
from dcarbon.db.base import new_id
from dcarbon.db.interval_days_writing import SeriesReadings
from dcarbon.db.tables import (
    Authorization,
    Facility,
    LandedPayload,
    Meter,
    MeterChannel,
    Series,
)
from dcarbon.domain.secrets import Secret
from dcarbon.providers.green_button.token_response import TokenSet
from dcarbon.services import grants, work
from dcarbon.services.runtime import Runtime, open_runtime
from dcarbon_pipelines.definitions import build_definitions
from tests.integration.pipelines.custodian import RESOURCE, StandInCustodian
from tests.support.databases import Databases, address

ZONE = "America/Los_Angeles"
NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def dagster_template(server_url: str) -> str:
    """A database with Dagster's tables that tests copy: laying them takes a second."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("drop database if exists dagster_template with (force)")
        connection.execute("create database dagster_template")
    with dg.instance_for_test(
        overrides=_overrides(_dagster_url(address(server_url, "dagster_template")))
    ):
        return "dagster_template"


@pytest.fixture(scope="session")
def dagster_databases(server_url: str, dagster_template: str) -> Iterator[Databases]:
    with closing(Databases(server_url, dagster_template)) as databases:
        yield databases


@pytest.fixture
def instance(dagster_databases: Databases) -> Iterator[dg.DagsterInstance]:
    """An empty Dagster instance with storage in PostgreSQL, of this test alone."""
    with (
        dagster_databases.lent() as url,
        dg.instance_for_test(overrides=_overrides(_dagster_url(url))) as instance,
    ):
        yield instance


@pytest.fixture
def custodian() -> StandInCustodian:
    return StandInCustodian()


@pytest.fixture
def runtime(database_url: str, tmp_path: Path, custodian: StandInCustodian) -> Iterator[Runtime]:
    """A runtime whose one utility answers from memory, over the real client."""
    chosen = settings.load(
        {},
        directory=tmp_path,
        database_url=database_url,
        seal_keys_file=tmp_path / "seal.keys",
        public_url="https://dcarbon.example",
        providers={
            "sdge": {
                "client_id": "client-of-tests",
                "client_secret": "not-a-secret",
                "overrides": {"quirks": "", "per_second": "1000"},
            }
        },
    )
    network = httpx2.MockTransport(custodian.answer)
    with open_runtime(chosen, clock=lambda: NOW, networks={"sdge": network}) as runtime:
        yield runtime


@pytest.fixture
def definitions(runtime: Runtime) -> dg.Definitions:
    return build_definitions({"runtime": runtime})


@dataclass(frozen=True, slots=True)
class World:
    """Makes what tests need; everything is committed at once."""

    runtime: Runtime

    def authorization(self, *, status: str = "authorized", shard: int | None = None) -> UUID:
        """One customer with a grant and an address of their own at the custodian."""
        identity = new_id()
        while shard is not None and shard_of(identity) != shard:
            identity = new_id()
        facility = Facility(id=new_id(), name="Sunny Hall", account_kind="commercial")
        with self.runtime.sessions.begin() as session:
            session.add(facility)
            session.flush()
            session.add(
                Authorization(
                    id=identity,
                    facility_id=facility.id,
                    method="green_button",
                    provider="sdge",
                    utility="San Diego Gas & Electric",
                    status=status,
                    resource_uri=f"{RESOURCE}/Subscription/{identity.hex}",
                    shard=shard_of(identity),
                )
            )
            session.flush()
            tokens = TokenSet(Secret("access-token"), NOW + timedelta(days=1))
            grants.store(session, self.runtime.keys, identity, tokens, now=NOW)
        return identity

    def order(self, authorization_id: UUID, *, at: datetime = NOW) -> UUID:
        with self.runtime.sessions.begin() as session:
            return work.open_collection(session, authorization_id, reason="test", now=at).id

    def meter(self, authorization_id: UUID) -> UUID:
        with self.runtime.sessions.begin() as session:
            owner = session.get_one(Authorization, authorization_id)
            meter = Meter(
                id=new_id(),
                facility_id=owner.facility_id,
                authorization_id=authorization_id,
                provider="sdge",
                utility=owner.utility,
                external_id=new_id().hex,
                time_zone=ZONE,
            )
            session.add(meter)
            return meter.id

    def series(self, meter_id: UUID, direction: str = "delivered", interval_s: int = 3600) -> UUID:
        with self.runtime.sessions.begin() as session:
            channel = MeterChannel(
                id=new_id(),
                meter_id=meter_id,
                direction=direction,
                unit="Wh",
                commodity="electricity",
                measure="usage",
            )
            session.add(channel)
            session.flush()
            series = Series(id=new_id(), channel_id=channel.id, interval_s=interval_s)
            session.add(series)
            return series.id

    def series_beside(self, series_id: UUID, *, interval_s: int) -> UUID:
        """Give the channel of a series another interval length."""
        with self.runtime.sessions.begin() as session:
            channel_id = session.get_one(Series, series_id).channel_id
            series = Series(id=new_id(), channel_id=channel_id, interval_s=interval_s)
            session.add(series)
            return series.id

    def read(
        self,
        series_id: UUID,
        first: datetime,
        values: Sequence[int],
        *,
        interval_s: int = 3600,
        quality: int = 0,
    ) -> None:
        """Store consecutive readings of a series, as if a payload had brought them."""
        start = int(first.timestamp()) + interval_s * np.arange(len(values), dtype=np.int64)
        with self.runtime.sessions.begin() as session:
            facility_id = _facility_of(self.runtime, series_id)
            payload = LandedPayload(
                id=new_id(),
                facility_id=facility_id,
                sha256=hashlib.sha256(new_id().bytes).digest(),
                media_type="application/xml",
                byte_count=1,
                source="feed.xml",
                received_at=NOW,
            )
            session.add(payload)
            session.flush()
            readings = SeriesReadings(
                series_id=series_id,
                interval_s=interval_s,
                start=start,
                value=np.array(values, dtype=np.int64),
                exponent=0,
                quality=np.full(len(values), quality, dtype=np.int16),
                payload_id=payload.id,
            )
            interval_days_writing.write(session, [readings], recorded_at=NOW)
            end = datetime.fromtimestamp(int(start[-1]) + interval_s, tz=UTC)
            series = session.get_one(Series, series_id)
            series.last_end = max(end, series.last_end or end)


@pytest.fixture
def world(runtime: Runtime) -> World:
    return World(runtime)


def _facility_of(runtime: Runtime, series_id: UUID) -> UUID:
    with runtime.sessions() as session:
        channel = session.get_one(MeterChannel, session.get_one(Series, series_id).channel_id)
        return session.get_one(Meter, channel.meter_id).facility_id


def _overrides(url: str) -> dict[str, object]:
    storage = {"postgres": {"postgres_url": url}}
    return {"storage": storage, "telemetry": {"enabled": False}}


def _dagster_url(url: str) -> str:
    named = make_url(url).set(drivername="postgresql+psycopg2")
    return named.render_as_string(hide_password=False)
