"""``GET /intervals`` as it is usually built: ORM objects and the standard json, in our own app.

Each rival has the same server, access check, parameters, meter look-up and answer as the product's
route; only how readings are stored and become JSON differs. Served by
``granian --factory benchmarks.serving_rivals:application``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import Blueprint, Flask, Response
from sqlalchemy import BigInteger, DateTime, SmallInteger, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from dcarbon.db.interval_days import IntervalDay
from dcarbon.db.meters import Series
from dcarbon.domain import ranges
from dcarbon.services import meters
from dcarbon.services.intervals import LONGEST
from dcarbon.services.meters import ChannelView, MeterView
from dcarbon_api import wsgi
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.intervals.messages import IntervalsQuery
from dcarbon_api.json_answers import raw
from dcarbon_api.openapi import operation
from dcarbon_api.security.access import requires

bp = Blueprint("rivals", __name__, url_prefix="/rivals")
_PREBUILT = b"[" + b",".join(b"%d" % (number * 977 % 2_000_000) for number in range(35_040)) + b"]"


class _Base(DeclarativeBase):
    pass


class ReadingRow(_Base):
    """A row per reading; the primary key is the index that a range of a series wants."""

    __tablename__ = "reading_rows"

    series_id: Mapped[UUID] = mapped_column(primary_key=True)
    start_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger)
    exponent: Mapped[int] = mapped_column(SmallInteger)
    quality: Mapped[int | None] = mapped_column(SmallInteger)


@dataclass(frozen=True, slots=True)
class _Line:
    """A series on its grid, from the first reading to the last."""

    start: datetime
    exponent: int
    values: list[int | None]
    qualities: list[int | None]


_Reader = Callable[[Session, Series, datetime, datetime], _Line | None]


def application() -> Flask:
    """Return the product's application with the rivals beside its own route."""
    app = wsgi.application()
    app.register_blueprint(bp)
    return app


@bp.get("/rows")
@requires("read")
@operation(tag="Rivals", query=IntervalsQuery)
def rows(query: IntervalsQuery) -> Response:
    """Answer from a row per reading."""
    return _answer(query, _line_of_rows)


@bp.get("/days")
@requires("read")
@operation(tag="Rivals", query=IntervalsQuery)
def days(query: IntervalsQuery) -> Response:
    """Answer from the product's own interval days, as ORM objects."""
    return _answer(query, _line_of_days)


@bp.get("/prebuilt")
@requires("read")
@operation(tag="Rivals", query=IntervalsQuery)
def prebuilt(query: IntervalsQuery) -> Response:
    """Answer as many values without looking at a meter: what server, check and client cost."""
    del query
    return raw(_PREBUILT)


def _answer(query: IntervalsQuery, read: _Reader) -> Response:
    runtime = current_runtime()
    with runtime.sessions() as session:
        meter = meters.get(session, query.meter_id, actor=current_actor())
        zone = ZoneInfo(meter.time_zone)
        span = ranges.require_range(
            ranges.parse_instant(query.start, zone=zone, name="start"),
            ranges.parse_instant(query.end, zone=zone, name="end"),
            now=runtime.now(),
            longest=LONGEST,
        )
        channels = {channel.id: channel for channel in meter.channels}
        chosen = select(Series).where(Series.channel_id.in_(channels))
        found = []
        for series in session.scalars(chosen.order_by(Series.interval_s)):
            line = read(session, series, span.start, span.end)
            if line is not None:
                found.append(_told(channels[series.channel_id], series.interval_s, line))
    document = {**_frame(meter, span.start, span.end), "series": found, "periods": []}
    return raw(json.dumps(document, separators=(",", ":")).encode())


def _line_of_rows(session: Session, series: Series, start: datetime, end: datetime) -> _Line | None:
    row = ReadingRow
    of_series = select(row).where(row.series_id == series.id, row.start_at >= start)
    found = session.scalars(of_series.where(row.start_at < end).order_by(row.start_at)).all()
    if not found:
        return None
    first, step = found[0].start_at, timedelta(seconds=series.interval_s)
    size = (found[-1].start_at - first) // step + 1
    values: list[int | None] = [reading.value for reading in found]
    qualities = [reading.quality for reading in found]
    if size != len(found):
        values, qualities = [None] * size, [None] * size
        for reading in found:
            place = (reading.start_at - first) // step
            values[place], qualities[place] = reading.value, reading.quality
    return _Line(first, found[0].exponent, values, qualities)


def _line_of_days(session: Session, series: Series, start: datetime, end: datetime) -> _Line | None:
    row = IntervalDay
    first, last = start.date(), (end - timedelta(microseconds=1)).date()
    chosen = select(row).where(row.series_id == series.id, row.utc_day.between(first, last))
    found = session.scalars(chosen.order_by(row.utc_day)).all()
    if not found:
        return None
    slots = 86_400 // series.interval_s
    values: list[int | None] = [None for _ in range(slots * ((last - first).days + 1))]
    qualities: list[int | None] = list(values)
    for day in found:
        place = (day.utc_day - first).days * slots
        values[place : place + slots] = day.readings
        qualities[place : place + slots] = day.qualities or [day.quality] * slots
    began, step = datetime.combine(first, time(), UTC), timedelta(seconds=series.interval_s)
    low, high = -((began - start) // step), -((began - end) // step)
    while low < high and values[low] is None:
        low += 1
    while low < high and values[high - 1] is None:
        high -= 1
    return _Line(began + low * step, found[0].exponent, values[low:high], qualities[low:high])


def _told(channel: ChannelView, interval_s: int, line: _Line) -> dict[str, object]:
    present = zip(line.values, line.qualities, strict=True)
    stated = {quality for value, quality in present if value is not None}
    return {
        "channel_id": str(channel.id),
        "direction": channel.direction,
        "unit": channel.unit,
        "commodity": channel.commodity,
        "measure": channel.measure,
        "exponent": line.exponent,
        "interval_s": interval_s,
        "start": _instant(line.start),
        "values": line.values,
        "qualities": next(iter(stated)) if len(stated) == 1 else line.qualities,
    }


def _frame(meter: MeterView, start: datetime, end: datetime) -> Mapping[str, object]:
    return {
        "meter_id": str(meter.id),
        "time_zone": meter.time_zone,
        "start": _instant(start),
        "end": _instant(end),
        "layout": "columns",
    }


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
