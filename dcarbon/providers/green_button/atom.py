"""The few things a client has to see in an Atom feed: the next page, how many entries, their ids.

Readings are the ESPI parser's business. What cannot be read here is simply not seen: the payload is
landed all the same, and the parser says what is wrong with it.
"""

from __future__ import annotations

import re

from dcarbon.domain.errors import UnreadablePayload
from dcarbon.providers.green_button.espi import safe_xml

_ATOM = "{http://www.w3.org/2005/Atom}"
_ENTRY = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?entry[\s>]")
_CHUNK = safe_xml.CHUNK


def next_page(content: bytes) -> str | None:
    """Return the feed's ``link rel="next"`` (RFC 5005), which stands before its first entry."""
    if b"next" not in content:
        return None
    stream = safe_xml.Stream((f"{_ATOM}link", f"{_ATOM}entry"))
    try:
        for offset in range(0, len(content), _CHUNK):
            for event, element in stream.feed(content[offset : offset + _CHUNK]):
                if element.tag == f"{_ATOM}entry":
                    return None
                if event == "end" and element.get("rel") == "next":
                    return element.get("href")
            stream.released()
    except UnreadablePayload:
        pass
    return None


def count_entries(content: bytes) -> int:
    """Count the entries of a feed of any size, in any prefix."""
    return sum(1 for _ in _ENTRY.finditer(content))


def holds(content: bytes, kind: str) -> bool:
    """Say whether a document has an element of that name, in any prefix."""
    name = re.escape(kind).encode()
    return re.search(rb"<(?:[A-Za-z_][\w.-]*:)?" + name + rb"[\s/>]", content) is not None


def resource_ids(content: bytes, kind: str) -> tuple[str, ...]:
    """Return the ids of a feed's entries of one kind, from the last segment of their self links.

    Ids only, since hosts and paths in links are placeholders at some utilities (reference 9).
    """
    if not safe_xml.fits_a_tree(content):
        return ()
    try:
        root = safe_xml.tree(content)
    except UnreadablePayload:
        return ()
    pattern = re.compile(rf"(?:^|/){re.escape(kind)}/([A-Za-z0-9._~=%+-]+)/?$")
    hrefs = [
        str(link.get("href", "")) for link in root.iter(f"{_ATOM}link") if link.get("rel") == "self"
    ]
    found = [match[1] for href in hrefs if (match := pattern.search(href.partition("?")[0]))]
    return tuple(dict.fromkeys(name for name in found if name.strip(".")))
