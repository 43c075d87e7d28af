"""Atom links of an entry, made comparable. What belongs to what is decided in ``graph``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from lxml import etree

from dcarbon.providers.green_button.espi.names import LINK

_COLLECTIONS = frozenset(
    {
        "ApplicationInformation",
        "Authorization",
        "Customer",
        "LocalTimeParameters",
        "ReadingType",
        "RetailCustomer",
        "Subscription",
        "UsagePoint",
        "User",
    }
)
_SCHEME_AND_HOST = re.compile(r"^(?:[A-Za-z][A-Za-z0-9+.-]*:)?//[^/]*")


@dataclass(frozen=True, slots=True)
class Links:
    """The hrefs of one entry by relation, as resource paths."""

    selfs: tuple[str, ...] = ()
    ups: tuple[str, ...] = ()
    related: tuple[str, ...] = ()

    @property
    def self_path(self) -> str:
        """The first self path; empty where the entry names none."""
        return self.selfs[0] if self.selfs else ""


NO_LINKS = Links()


@lru_cache(maxsize=1024)
def resource_path(href: str) -> str:
    """Return the part of ``href`` that names the resource, comparable between links.

    Host, query, fragment and slashes at the ends go, and so does what stands before the first ESPI
    collection: real files mix absolute, rooted and relative hrefs (reference 5.3, step 1). The
    comparison stays case-sensitive.
    """
    path = re.split(r"[?#]", href.strip(), maxsplit=1)[0]
    segments = [segment for segment in _SCHEME_AND_HOST.sub("", path).split("/") if segment]
    for position, segment in enumerate(segments):
        if segment in _COLLECTIONS:
            return "/".join(segments[position:])
    return "/".join(segments)


def entry_links(entry: etree._Element) -> Links:
    """Collect the links of one Atom entry; repeated ones count once, other relations not at all."""
    found: dict[str, list[str]] = {"self": [], "up": [], "related": []}
    for link in entry.iterchildren(LINK):
        paths = found.get((link.get("rel") or "").strip())
        path = resource_path(link.get("href") or "")
        if paths is not None and path and path not in paths:
            paths.append(path)
    return Links(tuple(found["self"]), tuple(found["up"]), tuple(found["related"]))


def segment_after(path: str, collection: str) -> str | None:
    """Return the id that follows the last ``collection`` in ``path``, if there is one."""
    segments = path.split("/")
    for position in range(len(segments) - 2, -1, -1):
        if segments[position] == collection:
            return segments[position + 1]
    return None


def path_through(path: str, collection: str) -> str | None:
    """Return ``path`` up to and with the id after the last ``collection``, if there is one."""
    segments = path.split("/")
    for position in range(len(segments) - 2, -1, -1):
        if segments[position] == collection:
            return "/".join(segments[: position + 2])
    return None


def parents(path: str) -> list[str]:
    """Return the proper prefixes of ``path`` on segment borders, longest first."""
    segments = path.split("/")
    return ["/".join(segments[:end]) for end in range(len(segments) - 1, 0, -1)]
