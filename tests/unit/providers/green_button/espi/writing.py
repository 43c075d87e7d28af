"""Writes small ESPI documents for tests: only what a test is about has to be said."""

from __future__ import annotations

from collections.abc import Iterable

ATOM = "http://www.w3.org/2005/Atom"
ESPI = "http://naesb.org/espi"
BASE = "https://dc.example.test/espi/1_1/resource"
POINT = f"{BASE}/Subscription/1/UsagePoint/7"
READING = f"{POINT}/MeterReading/1"
START = 1_767_225_600  # 2026-01-01T00:00:00Z


def feed(*entries: str, declaration: str = '<?xml version="1.0" encoding="UTF-8"?>') -> bytes:
    return f'{declaration}<feed xmlns="{ATOM}">{"".join(entries)}</feed>'.encode()


def entry(
    content: str,
    self_href: str | None = None,
    *,
    up: str | None = None,
    related: Iterable[str] = (),
    updated: str | None = None,
) -> str:
    hrefs = [("self", self_href), ("up", up), *(("related", href) for href in related)]
    links = "".join(f'<link rel="{rel}" href="{href}"/>' for rel, href in hrefs if href)
    stamp = f"<updated>{updated}</updated>" if updated else ""
    return f"<entry>{links}<content>{content}</content>{stamp}</entry>"


def element(name: str, **children: object) -> str:
    body = "".join(f"<{tag}>{text}</{tag}>" for tag, text in children.items())
    return f'<{name} xmlns="{ESPI}">{body}</{name}>'


def usage_point(href: str = POINT, **more: object) -> str:
    body = element("UsagePoint", ServiceCategory="<kind>0</kind>", **more)
    return entry(body, href, up=href.rpartition("/")[0], related=[f"{href}/MeterReading"])


def meter_reading(href: str = READING, reading_type: str | None = "ReadingType/1") -> str:
    related = [f"{href}/IntervalBlock", *([f"{BASE}/{reading_type}"] if reading_type else [])]
    return entry(element("MeterReading"), href, up=href.rpartition("/")[0], related=related)


def reading_type(href: str = "ReadingType/1", **codes: object) -> str:
    said: dict[str, object] = {
        "accumulationBehaviour": 4,
        "commodity": 1,
        "flowDirection": 1,
        "intervalLength": 900,
        "kind": 12,
        "powerOfTenMultiplier": 0,
        "uom": 72,
        **codes,
    }
    kept = {name: code for name, code in said.items() if code is not None}
    return entry(element("ReadingType", **kept), f"{BASE}/{href}")


def reading(
    value: object, start: object = START, duration: object = 900, *, quality: object = None
) -> str:
    frame = (
        "" if quality is None else f"<ReadingQuality><quality>{quality}</quality></ReadingQuality>"
    )
    length = "" if duration is None else f"<duration>{duration}</duration>"
    period = f"<timePeriod>{length}<start>{start}</start></timePeriod>"
    said = "" if value is None else f"<value>{value}</value>"
    return f"<IntervalReading>{frame}{period}{said}</IntervalReading>"


def readings(values: Iterable[object], start: int = START, step: int = 900) -> str:
    return "".join(
        reading(value, start + number * step, step) for number, value in enumerate(values)
    )


def block(
    body: str,
    href: str | None = f"{READING}/IntervalBlock/1",
    *,
    up: str | None = None,
    updated: str | None = None,
    interval: tuple[int, int] | None = None,
) -> str:
    frame = ""
    if interval:
        frame = (
            f"<interval><duration>{interval[1]}</duration><start>{interval[0]}</start></interval>"
        )
    content = f'<IntervalBlock xmlns="{ESPI}">{frame}{body}</IntervalBlock>'
    parent = up or (href.rpartition("/")[0] if href else None)
    return entry(content, href, up=parent, updated=updated)


def usage_feed(*blocks: str, **codes: object) -> bytes:
    """One point, one meter reading, one reading type with ``codes``, and the blocks."""
    return feed(usage_point(), meter_reading(), reading_type("ReadingType/1", **codes), *blocks)
