"""One ESPI document read whole or as a stream, into the same collected pieces either way."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import BinaryIO, TypeVar

from lxml import etree

from dcarbon.domain.errors import UnreadablePayload
from dcarbon.providers.green_button.espi import (
    authorization,
    customer,
    local_time,
    runs,
    safe_xml,
    summaries,
    usage,
)
from dcarbon.providers.green_button.espi.blocks import Columns
from dcarbon.providers.green_button.espi.links import NO_LINKS, Links, entry_links
from dcarbon.providers.green_button.espi.names import (
    CONTENT,
    CUSTOMER_NAMESPACE,
    ENTRY,
    ESPI_NAMESPACE,
    FEED,
    INTERVAL_BLOCK,
    UPDATED,
    split_name,
)
from dcarbon.providers.green_button.espi.numbers import atom_moment
from dcarbon.providers.green_button.espi.runs import NotAlike, Runs

_T = TypeVar("_T")
_MANY_RESOURCES = 500_000
_DRAIN_FROM = 4_096
"""Readings in an unfinished block after which the finished ones are taken and let go."""

_READERS: dict[str, Callable[[etree._Element], object]] = {
    "UsagePoint": usage.usage_point,
    "MeterReading": usage.meter_reading,
    "ReadingType": usage.reading_type,
    "LocalTimeParameters": local_time.local_time_parameters,
    "UsageSummary": summaries.usage_summary,
    "ElectricPowerUsageSummary": summaries.usage_summary,
    "Authorization": authorization.authorization,
    "ApplicationInformation": authorization.application_information,
    "ServiceStatus": authorization.service_status,
    "BatchList": authorization.batch_list,
}


@dataclass(frozen=True, slots=True)
class Resource:
    """One payload of an entry: its element name, the entry's links, and what it says."""

    kind: str
    links: Links
    body: object


@dataclass(slots=True)
class Document:
    """Everything one document holds, before anything is resolved."""

    resources: list[Resource] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    """Payload elements by name, as they stand in the document."""
    columns: Columns = field(default_factory=Columns)
    owners: list[Links] = field(default_factory=list)
    """Per group of blocks: the links they came with, of its first block."""
    foreign: int = 0
    """Payloads of other namespaces."""
    _known_owners: dict[tuple[str, str], int] = field(default_factory=dict)

    def of(self, kind: type[_T]) -> Iterator[tuple[Links, _T]]:
        """Yield links and body of every resource of that Python type, in document order."""
        for resource in self.resources:
            if isinstance(resource.body, kind):
                yield resource.links, resource.body

    def owner(self, links: Links) -> int:
        """Return the number of a group of blocks with the same parent links."""
        collection, mark, _ = links.self_path.rpartition("/IntervalBlock")
        up = links.ups[0] if links.ups else ""
        key = (collection + mark if mark else links.self_path, up)
        number = self._known_owners.setdefault(key, len(self.owners))
        if number == len(self.owners):
            self.owners.append(links)
        return number

    def add_payload(self, payload: etree._Element, links: Links) -> None:
        """Keep one payload element; IntervalBlocks are collected elsewhere."""
        namespace, name = split_name(str(payload.tag))
        if namespace == ESPI_NAMESPACE:
            reader = _READERS.get(name)
            body = reader(payload) if reader else None
        elif namespace == CUSTOMER_NAMESPACE:
            body = _customer_body(payload, name, links)
        else:
            self.foreign += 1
            return
        self.counts[name] += 1
        if name != "IntervalBlock":
            self.resources.append(Resource(name, links, body))
        if len(self.resources) > _MANY_RESOURCES:
            raise safe_xml.refused("xml_too_large_text", "more resources than any feed has")


def read(source: bytes | Path | BinaryIO) -> Document:
    """Read a document; large ones are streamed with bounded memory.

    Raises ``UnreadablePayload`` with a code of :mod:`safe_xml`; ``OSError`` from the source.
    """
    if isinstance(source, bytes):
        return _read_bytes(source)
    if isinstance(source, Path):
        with source.open("rb") as file:
            if source.stat().st_size > safe_xml.TREE_LIMIT:
                return read_stream(_chunks(file))
            start = file.read(safe_xml.TREE_LIMIT + 1)
            if len(start) <= safe_xml.TREE_LIMIT:
                return _read_bytes(start)
            return read_stream(chain(_popped(deque(_pieces(start))), _chunks(file)))
    head: deque[bytes] = deque()
    size = 0
    for chunk in _chunks(source):
        head.append(chunk)
        size += len(chunk)
        if size > safe_xml.TREE_LIMIT:
            return read_stream(chain(_popped(head), _chunks(source)))
    return _read_bytes(b"".join(head))


def read_tree(data: bytes) -> Document:
    """Read a document through a whole tree, of the first readings only where others are alike."""
    found = runs.fold(data)
    if found is not None:
        try:
            return _from_root(safe_xml.tree(found.content), found)
        except (NotAlike, UnreadablePayload):
            pass  # the plain way says what it holds, or what is wrong with it
    return read_plain_tree(data)


def read_plain_tree(data: bytes) -> Document:
    """Read a document through a whole tree of all it holds."""
    return _from_root(safe_xml.tree(data))


def read_stream(chunks: Iterable[bytes]) -> Document:
    """Read a document chunk by chunk, letting go of every entry and block once it is taken."""
    reader = _StreamReader()
    for number, chunk in enumerate(chunks):
        if not number:
            safe_xml.check_beginning(chunk)
        reader.feed(chunk)
    return reader.close()


def _read_bytes(data: bytes) -> Document:
    if safe_xml.fits_a_tree(data):
        return read_tree(data)
    return read_stream(_pieces(data))


def _pieces(data: bytes) -> Iterator[bytes]:
    for offset in range(0, len(data), safe_xml.CHUNK):
        yield data[offset : offset + safe_xml.CHUNK]


def _popped(head: deque[bytes]) -> Iterator[bytes]:
    """Yield the chunks read so far and let each go, so that they are not held twice."""
    while head:
        yield head.popleft()


def _chunks(source: BinaryIO) -> Iterator[bytes]:
    while chunk := source.read(safe_xml.CHUNK):
        yield chunk


def _from_root(root: etree._Element, cut: Runs | None = None) -> Document:
    document = Document()
    document.columns.runs = cut
    if root.tag == FEED:
        for child in root:
            if child.tag == ENTRY:
                _take_entry(document, child)
            else:
                _take_strays(document, child)
    elif root.tag == ENTRY:
        _take_entry(document, root)
    else:
        _take_bare(document, root)
    document.columns.runs = None
    return _checked(document, root)


def _take_entry(document: Document, entry: etree._Element) -> None:
    first = len(document.columns.rows)
    for block in _outer_blocks(entry):
        document.columns.begin_block()
        document.columns.add(block)
        document.columns.end_block(owner=0)
    _finish_entry(document, entry, first)


def _finish_entry(document: Document, entry: etree._Element, first_block: int) -> None:
    links = entry_links(entry)
    if len(document.columns.rows) > first_block:
        updated = atom_moment(entry.findtext(UPDATED))
        document.columns.settle(first_block, document.owner(links), updated)
    for content in entry.iterchildren(CONTENT):
        for payload in content.iterchildren("*"):
            document.add_payload(payload, links)


def _outer_blocks(element: etree._Element) -> list[etree._Element]:
    """Return the blocks below, but none inside another: the stream does not see those either."""
    return [
        block
        for block in element.iter(INTERVAL_BLOCK)
        if next(block.iterancestors(INTERVAL_BLOCK), None) is None
    ]


def _take_strays(document: Document, element: etree._Element) -> None:
    for block in _outer_blocks(element):
        document.columns.begin_block()
        document.columns.add(block)
        _end_stray(document)


def _end_stray(document: Document) -> None:
    """Close a block that stands in no entry: it counts, and belongs to nobody yet."""
    document.columns.end_block(document.owner(NO_LINKS))
    document.counts["IntervalBlock"] += 1


def _take_bare(document: Document, root: etree._Element) -> None:
    """Take a document whose root is a resource itself: BatchList, ServiceStatus, IntervalBlock."""
    _take_strays(document, root)
    if root.tag != INTERVAL_BLOCK:
        document.add_payload(root, NO_LINKS)


def _checked(document: Document, root: etree._Element) -> Document:
    """Refuse what is XML but not ESPI; an empty feed is a legal answer."""
    is_atom = root.tag in {FEED, ENTRY}
    if not document.counts and (not is_atom or document.foreign):
        raise safe_xml.refused("not_espi", "no element of the ESPI or customer namespace")
    return document


def _customer_body(payload: etree._Element, name: str, links: Links) -> object:
    if name == "LocalTimeParameters":
        return None
    return customer.customer_resource(payload, name, links)


class _StreamReader:
    """Takes entries and blocks as they finish. What it removes is always behind the parser."""

    def __init__(self) -> None:
        self._stream = safe_xml.Stream((FEED, ENTRY, INTERVAL_BLOCK))
        self._document = Document()
        self._root: etree._Element | None = None
        self._block: etree._Element | None = None
        self._first_block = 0

    def feed(self, chunk: bytes) -> None:
        for event, element in self._stream.feed(chunk):
            if event == "start":
                self._begin(element)
            else:
                self._end(element)
        if self._block is not None and len(self._block) > _DRAIN_FROM:
            self._drain(self._block)

    def close(self) -> Document:
        root = self._stream.close()
        safe_xml.refuse_dtd(root)
        if root.tag not in {FEED, ENTRY, INTERVAL_BLOCK}:
            return _from_root(root)
        return _checked(self._document, root)

    def _begin(self, element: etree._Element) -> None:
        if self._root is None and element.getparent() is None:
            safe_xml.refuse_dtd(element)
            self._root = element
        if element.tag == INTERVAL_BLOCK and self._block is None and self._root is not None:
            self._block = element
            self._document.columns.begin_block()

    def _end(self, element: etree._Element) -> None:
        if self._root is None:
            return
        if element is self._block:
            self._end_block(element)
        elif element.tag == ENTRY and self._is_top(element):
            self._end_entry(element)

    def _is_top(self, entry: etree._Element) -> bool:
        return entry is self._root or (
            entry.getparent() is self._root and self._root is not None and self._root.tag == FEED
        )

    def _end_block(self, block: etree._Element) -> None:
        self._document.columns.add(block)
        if self._is_inside_entry(block):
            self._document.columns.end_block(owner=0)
        else:
            _end_stray(self._document)
            self._first_block = len(self._document.columns.rows)
        self._block = None
        _empty(block)
        self._stream.released()

    def _is_inside_entry(self, block: etree._Element) -> bool:
        return any(self._is_top(ancestor) for ancestor in block.iterancestors(ENTRY))

    def _end_entry(self, entry: etree._Element) -> None:
        _finish_entry(self._document, entry, self._first_block)
        self._first_block = len(self._document.columns.rows)
        _empty(entry)
        parent = entry.getparent()
        while parent is not None and entry.getprevious() is not None:
            del parent[0]
        self._stream.released()

    def _drain(self, block: etree._Element) -> None:
        """Take the finished readings of a block that is still open.

        The last child may be unfinished, and the text behind the one before it may still grow.
        """
        part = etree.Element(INTERVAL_BLOCK)
        part.extend(list(block)[:-2])
        self._document.columns.add(part)
        self._stream.released()


def _empty(element: etree._Element) -> None:
    """Let go of what is below; the text behind the element may still be growing and stays."""
    element.clear(keep_tail=True)  # type: ignore[call-arg] # the stubs are older than the argument
