"""A custodian in memory: serves hourly readings for whatever days it is asked for."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime

import httpx2

RESOURCE = "https://sdge.invalid/DataCustodian/espi/1_1/resource"

_FEED = """<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom">
  <id>urn:uuid:0e2c1f6e-58d5-4d5b-9d5a-000000000001</id><title>feed</title>
  <updated>2026-03-20T00:00:00Z</updated>
  <entry><id>urn:uuid:0e2c1f6e-58d5-4d5b-9d5a-000000000002</id>
    <link rel="self" href="{subscription}/UsagePoint/1"/>
    <link rel="related" href="{subscription}/UsagePoint/1/MeterReading"/>
    <content><UsagePoint xmlns="http://naesb.org/espi">
      <ServiceCategory><kind>0</kind></ServiceCategory></UsagePoint></content></entry>
  <entry><id>urn:uuid:0e2c1f6e-58d5-4d5b-9d5a-000000000003</id>
    <link rel="self" href="{subscription}/UsagePoint/1/MeterReading/1"/>
    <link rel="up" href="{subscription}/UsagePoint/1/MeterReading"/>
    <link rel="related" href="{resource}/ReadingType/1"/>
    <link rel="related" href="{subscription}/UsagePoint/1/MeterReading/1/IntervalBlock"/>
    <content><MeterReading xmlns="http://naesb.org/espi"/></content></entry>
  <entry><id>urn:uuid:0e2c1f6e-58d5-4d5b-9d5a-000000000004</id>
    <link rel="self" href="{resource}/ReadingType/1"/>
    <content><ReadingType xmlns="http://naesb.org/espi">
      <accumulationBehaviour>4</accumulationBehaviour><commodity>1</commodity>
      <flowDirection>1</flowDirection><intervalLength>3600</intervalLength>
      <kind>12</kind><powerOfTenMultiplier>0</powerOfTenMultiplier><uom>72</uom>
    </ReadingType></content></entry>
  <entry><id>urn:uuid:0e2c1f6e-58d5-4d5b-9d5a-000000000005</id>
    <link rel="self" href="{subscription}/UsagePoint/1/MeterReading/1/IntervalBlock/1"/>
    <link rel="up" href="{subscription}/UsagePoint/1/MeterReading/1/IntervalBlock"/>
    <content><IntervalBlock xmlns="http://naesb.org/espi">
      <interval><duration>{duration}</duration><start>{start}</start></interval>
      {readings}
    </IntervalBlock></content></entry>
</feed>
"""
_READING = (
    "<IntervalReading><timePeriod><duration>3600</duration><start>{start}</start></timePeriod>"
    "<value>{value}</value></IntervalReading>"
)


@dataclass(slots=True)
class StandInCustodian:
    """``down`` holds ids whose subscription answers 503, ``bad`` ids that get what is no ESPI,
    ``held`` ids that are answered only after their event.
    """

    wh_per_hour: int = 500
    down: set[str] = field(default_factory=set)
    bad: set[str] = field(default_factory=set)
    held: dict[str, threading.Event] = field(default_factory=dict)
    asked: list[httpx2.URL] = field(default_factory=list)
    ids: list[str | None] = field(default_factory=list)
    """By which each request can be found in our log."""

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request.url)
        self.ids.append(request.headers.get("X-Request-Id"))
        subscription, *deeper = request.url.path.partition("/Subscription/")[2].split("/")
        if subscription in self.held:
            assert self.held[subscription].wait(timeout=60)
        if subscription in self.down:
            return httpx2.Response(503)
        headers = {"Content-Type": "application/atom+xml"}
        if subscription in self.bad:
            return httpx2.Response(200, headers=headers, content=b"<feed")
        if deeper:
            return httpx2.Response(404)
        start, end = (_instant(request.url.params[f"published-{side}"]) for side in ("min", "max"))
        return httpx2.Response(200, headers=headers, text=self._feed(subscription, start, end))

    def _feed(self, subscription: str, start: int, end: int) -> str:
        first = -(-start // 3600) * 3600
        return feed_of(subscription, range(first, end, 3600), self.wh_per_hour)


def feed_of(subscription: str, hours: range, wh: int) -> str:
    """Return one meter's hourly readings as the custodian serves them; hours are epoch seconds."""
    readings = [_READING.format(start=hour, value=wh) for hour in hours]
    return _FEED.format(
        resource=RESOURCE,
        subscription=f"{RESOURCE}/Subscription/{subscription}",
        start=hours.start,
        duration=len(readings) * 3600,
        readings="".join(readings),
    )


def _instant(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())
