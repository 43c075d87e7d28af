"""A facility to export: meters with two channels of quarter hours, a payload a month, restatements.

One reading in a hundred is stated again, some are missing, and each day has two qualities now and
then: what makes rows of real exports differ from one another.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import numpy as np
from sqlalchemy.orm import Session

from dcarbon.db import embedded, migrate
from dcarbon.db import engine as database_engine
from dcarbon.db.base import new_id
from dcarbon.db.interval_days_writing import SeriesReadings, write
from dcarbon.db.tables import Facility, LandedPayload, Meter, MeterChannel, Series

START = datetime(2021, 1, 1, 8, tzinfo=UTC)
_STEP_S = 900
_MONTH_S = 30 * 86_400
_FIRST, _AGAIN = datetime(2026, 1, 15, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)


def END(years: int) -> datetime:  # noqa: N802 — beside START
    """Return where the readings end."""
    return START + timedelta(days=365 * years)


@contextmanager
def furnished(meters: int, years: int) -> Iterator[tuple[str, UUID]]:
    """Start a server with one filled facility; give its address and the facility's id."""
    with tempfile.TemporaryDirectory() as folder, embedded.server(Path(folder)) as urls:
        url = urls[embedded.PRODUCT_DATABASE]
        engine = database_engine.create(url)
        try:
            migrate.upgrade(engine)
            sessions = database_engine.sessions(engine)
            with sessions.begin() as session:
                facility = _facility(session)
            for number in range(meters):
                with sessions.begin() as session:
                    _meter(session, facility, number, years)
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("vacuum analyze")
            yield url, facility
        finally:
            engine.dispose()


def _facility(session: Session) -> UUID:
    facility = Facility(
        name="Bench Works",
        account_kind="commercial",
        street="1 Main St",
        city="Fresno",
        state="CA",
        postal_code="93650",
        time_zone="America/Los_Angeles",
    )
    session.add(facility)
    session.flush()
    return facility.id


def _meter(session: Session, facility_id: UUID, number: int, years: int) -> None:
    meter = Meter(
        facility_id=facility_id,
        provider="green_button",
        utility="PG&E",
        external_id=f"{number:010d}",
        meter_numbers=[f"10{number:08d}"],
        time_zone="America/Los_Angeles",
    )
    session.add(meter)
    session.flush()
    count = (END(years) - START) // timedelta(seconds=_STEP_S)
    starts = int(START.timestamp()) + np.arange(count, dtype=np.int64) * _STEP_S
    months = np.split(starts, np.arange(_MONTH_S // _STEP_S, count, _MONTH_S // _STEP_S))
    payloads = _payloads(session, facility_id, len(months))
    again = _payloads(session, facility_id, 1)
    for direction in ("delivered", "received"):
        channel = MeterChannel(
            meter_id=meter.id,
            direction=direction,
            unit="Wh",
            commodity="electricity",
            measure="usage",
        )
        session.add(channel)
        session.flush()
        series = Series(
            id=new_id(),
            channel_id=channel.id,
            interval_s=_STEP_S,
            first_start=START,
            last_end=END(years),
        )
        session.add(series)
        session.flush()
        rng = np.random.default_rng(number)
        stated = [
            _stated(series.id, one, payload, rng)
            for one, payload in zip(months, payloads, strict=True)
        ]
        write(session, stated, recorded_at=_FIRST)
        write(session, _restated(stated, again[0], rng), recorded_at=_AGAIN)


def _stated(
    series_id: UUID, starts: np.ndarray, payload_id: UUID, rng: np.random.Generator
) -> SeriesReadings:
    count = len(starts)
    kept = rng.random(count) > 0.001
    quality = np.where(rng.random(count) > 0.002, 17, 8).astype(np.int16)
    return SeriesReadings(
        series_id=series_id,
        interval_s=_STEP_S,
        start=starts[kept],
        value=rng.integers(0, 2_000_000, count)[kept],
        exponent=-3,
        quality=quality[kept],
        payload_id=payload_id,
    )


def _restated(
    stated: Sequence[SeriesReadings], payload_id: UUID, rng: np.random.Generator
) -> list[SeriesReadings]:
    """State a day in a hundred again, with other values."""
    found: list[SeriesReadings] = []
    for one in stated:
        day = one.start // 86_400
        chosen = np.isin(day, rng.permutation(np.unique(day))[: max(1, len(np.unique(day)) // 100)])
        found.append(
            SeriesReadings(
                series_id=one.series_id,
                interval_s=_STEP_S,
                start=one.start[chosen],
                value=one.value[chosen] + 1_000,
                exponent=-3,
                quality=one.quality[chosen],
                payload_id=payload_id,
            )
        )
    return found


def _payloads(session: Session, facility_id: UUID, count: int) -> list[UUID]:
    made = [
        LandedPayload(
            id=new_id(),
            facility_id=facility_id,
            sha256=np.random.default_rng().bytes(32),
            media_type="application/xml",
            byte_count=1,
            source="bench",
            received_at=_FIRST,
        )
        for _ in range(count)
    ]
    session.add_all(made)
    session.flush()
    return [one.id for one in made]
