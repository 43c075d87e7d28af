"""Hardened XML: no DTD, no entities, no network, bounded depth, text and memory.

Every document comes from outside. What is refused is refused with a stable code before it can cost
much; the limits were measured (performance reference, section 1).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from lxml import etree

from dcarbon.domain.errors import UnreadablePayload

CHUNK: Final = 1 << 16
TREE_LIMIT: Final = 32 * 1_000_000
"""Documents up to this size are parsed into a tree, larger ones are streamed."""
_USUAL_SPACING: Final = 12
"""Bytes per ``<``; ESPI has 18 and more. A tree costs memory per element, not per byte: a dense
document is streamed, whatever its size."""
_RUN_LIMIT: Final = 512 * 1024
"""The longest stretch without a ``<``: one tag, attribute or text. Real ones are below 10 kB."""
HELD_LIMIT: Final = 8 * 1_000_000
_HELD_MARKUP_LIMIT: Final = 500_000
"""How many bytes and ``<`` a stream may feed without finishing an entry or a part of a block."""

OPTIONS: Final[dict[str, Any]] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "huge_tree": False,
    "remove_blank_text": True,
    "remove_comments": True,  # else .text ends at a comment inside a value: a wrong number
    "remove_pis": True,
    "collect_ids": False,
}
_ENCODING_ERRORS: Final = frozenset({31, 32, 81, 1544})
"""libxml2: unknown or unsupported encoding, bytes that are not of it."""
_ENTITY_ERRORS: Final = frozenset({15, 26, 28, 89, 104})
"""libxml2: external, undeclared, unparsed and looping entities."""


def refused(code: str, detail: str) -> UnreadablePayload:
    """Return the error for a document that cannot be read; ``detail`` never quotes its text."""
    return UnreadablePayload(detail, code=code)


def fits_a_tree(data: bytes) -> bool:
    """Say whether a whole tree of ``data`` costs a bounded amount of memory."""
    if len(data) > TREE_LIMIT:
        return False
    return len(data) <= CHUNK or data.count(b"<") * _USUAL_SPACING <= len(data)


def tree(data: bytes) -> etree._Element:
    """Parse a small document and return its root.

    Raises ``UnreadablePayload`` with the codes of this module.
    """
    check_beginning(data)
    guard = RunGuard()
    for offset in range(0, len(data), CHUNK):
        guard.check(data, offset, min(offset + CHUNK, len(data)))
    try:
        root = etree.fromstring(data, etree.XMLParser(**OPTIONS))
    except etree.XMLSyntaxError as error:
        raise syntax_refusal(error) from None
    refuse_dtd(root)
    return root


class Stream:
    """A pull parser with the guards of this module; the caller says what it has let go of."""

    def __init__(self, tags: Iterable[str]) -> None:
        self._parser = etree.XMLPullParser(("start", "end"), tag=tuple(tags), **OPTIONS)
        self._guard = RunGuard()
        self._held = 0
        self._held_markup = 0

    def released(self) -> None:
        """Note that finished elements were emptied, so that memory is free again."""
        self._held = 0
        self._held_markup = 0

    def feed(self, chunk: bytes) -> Iterator[tuple[str, etree._Element]]:
        """Parse one chunk and yield the events it completed."""
        self._guard.check(chunk, 0, len(chunk))
        self._held += len(chunk)
        self._held_markup += chunk.count(b"<")
        if self._held > HELD_LIMIT or self._held_markup > _HELD_MARKUP_LIMIT:
            raise refused("xml_too_large_text", f"{self._held} bytes without a finished entry")
        try:
            self._parser.feed(chunk)
            events = self._parser.read_events()
        except etree.XMLSyntaxError as error:
            raise syntax_refusal(error) from None
        yield from events  # type: ignore[misc] # stubs know more event kinds

    def close(self) -> etree._Element:
        """End the document and return its root."""
        try:
            root: etree._Element = self._parser.close()
        except etree.XMLSyntaxError as error:
            raise syntax_refusal(error) from None
        return root


class RunGuard:
    """Refuse a stretch of bytes without a ``<``, across chunks.

    One giant attribute or text is buffered by the parser before it can be judged (382 MB were
    measured for 200 MB); ``<`` may stand in neither, in any encoding XML comes in.
    """

    def __init__(self) -> None:
        self._run = 0

    def check(self, data: bytes, start: int, end: int) -> None:
        last = data.rfind(b"<", start, end)
        self._run = self._run + end - start if last < 0 else end - last
        if self._run > _RUN_LIMIT:
            raise refused("xml_too_large_text", f"more than {_RUN_LIMIT} bytes without markup")


def check_beginning(head: bytes) -> None:
    """Refuse what can be seen from the first bytes: empty, not XML, with a DTD."""
    text = _decoded(head[:CHUNK])
    if not text.strip("\ufeff \t\r\n\0"):
        raise refused("empty_document", "no bytes but blanks")
    position = _first_markup(text)
    if text.startswith("<!DOCTYPE", position):
        raise refused("xml_refused_dtd", "document type definition")
    if not text.startswith("<", position) and position < len(text):
        raise refused("not_espi", "the first character is not '<'")


def refuse_dtd(root: etree._Element) -> None:
    """Refuse a document whose DTD was hidden from :func:`check_beginning`."""
    information = root.getroottree().docinfo
    if information.internalDTD is not None or information.doctype:
        raise refused("xml_refused_dtd", "document type definition")


def syntax_refusal(error: etree.XMLSyntaxError) -> UnreadablePayload:
    """Classify what libxml2 says; its text may quote the document and is not passed on."""
    code = getattr(error, "code", 0)
    where = f"libxml2 error {code} at line {error.lineno}"
    text = (error.msg or "").lower()
    if "depth" in text:
        return refused("xml_too_deep", where)
    if "huge" in text or "too long" in text:
        return refused("xml_too_large_text", where)
    if code in _ENTITY_ERRORS and "entity" in text and "character" not in text:
        return refused("malformed_xml", f"{where}: entity")
    if code in _ENCODING_ERRORS or "encoding" in text or "utf-8" in text:
        return refused("xml_encoding", where)
    return refused("malformed_xml", where)


def _decoded(head: bytes) -> str:
    """Decode the beginning well enough to see its markup, as XML appendix F tells encodings."""
    for mark, encoding in (
        (b"\xff\xfe\0\0", "utf-32-le"),
        (b"\0\0\xfe\xff", "utf-32-be"),
        (b"\xff\xfe", "utf-16-le"),
        (b"\xfe\xff", "utf-16-be"),
        (b"<\0", "utf-16-le"),
        (b"\0<", "utf-16-be"),
    ):
        if head.startswith(mark):
            return head.decode(encoding, errors="ignore")
    return head.decode("latin-1").removeprefix("\xef\xbb\xbf")


def _first_markup(text: str) -> int:
    """Return where the root or the DTD begins: after byte order mark, comments and instructions."""
    position = 0
    while True:
        while position < len(text) and text[position] in "\ufeff \t\r\n":
            position += 1
        for opening, closing in (("<?", "?>"), ("<!--", "-->")):
            if text.startswith(opening, position):
                end = text.find(closing, position + len(opening))
                if end < 0:
                    return len(text)
                position = end + len(closing)
                break
        else:
            return position
