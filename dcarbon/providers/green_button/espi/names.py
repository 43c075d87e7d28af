"""Element names of Atom, ESPI and the retail customer schema, in the form lxml compares them."""

from __future__ import annotations

ATOM_NAMESPACE = "http://www.w3.org/2005/Atom"
ESPI_NAMESPACE = "http://naesb.org/espi"
CUSTOMER_NAMESPACE = "http://naesb.org/espi/customer"


def atom(name: str) -> str:
    return f"{{{ATOM_NAMESPACE}}}{name}"


def espi(name: str) -> str:
    return f"{{{ESPI_NAMESPACE}}}{name}"


FEED = atom("feed")
ENTRY = atom("entry")
CONTENT = atom("content")
LINK = atom("link")
UPDATED = atom("updated")

INTERVAL_BLOCK = espi("IntervalBlock")
INTERVAL = espi("interval")
INTERVAL_READING = espi("IntervalReading")
READING_QUALITY = espi("ReadingQuality")
QUALITY = espi("quality")
TIME_PERIOD = espi("timePeriod")
START = espi("start")
DURATION = espi("duration")
VALUE = espi("value")


def split_name(tag: str) -> tuple[str, str]:
    """Return ``(namespace, local name)``; the namespace is empty where there is none."""
    if tag.startswith("{"):
        namespace, _, local = tag[1:].partition("}")
        return namespace, local
    return "", tag
