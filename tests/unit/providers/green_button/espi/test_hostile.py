"""Documents made to hurt are refused with a stable code, or read rightly, within bounded memory."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest

from benchmarks.espi import total_of
from benchmarks.espi_documents import Hostile, hostile_documents
from benchmarks.harness import MEGABYTE, peak_memory
from dcarbon.domain.errors import UnreadablePayload
from dcarbon.providers.green_button import espi
from dcarbon.providers.green_button.espi import document, safe_xml
from tests.unit.providers.green_button.espi.writing import block, readings, usage_feed

SMALL = usage_feed(block(readings([1, 2])))


def refusal_code(content: bytes) -> str:
    with pytest.raises(UnreadablePayload) as refusal:
        espi.parse(content)
    assert refusal.value.display_message
    assert "\n" not in str(refusal.value)
    return refusal.value.code


@pytest.mark.parametrize("hostile", hostile_documents(), ids=lambda hostile: hostile.name)
def test_a_hostile_document_is_refused_or_read_rightly(hostile: Hostile, tmp_path: Path) -> None:
    path = tmp_path / "hostile.xml"
    hostile.write(path)

    outcome = total_of(path)

    path.unlink()
    allowed = {f"refused: {code}" for code in hostile.codes}
    rightly = hostile.total is not None and outcome.startswith(f"total {hostile.total} of ")
    assert rightly or outcome in allowed


@pytest.mark.parametrize(
    "name", ["200 MB attribute", "200 MB comment", "300,000 attributes", "2 million empty elements"]
)
def test_refusing_costs_less_than_100_megabytes(name: str, tmp_path: Path) -> None:
    (hostile,) = [one for one in hostile_documents() if one.name == name]
    path = tmp_path / "hostile.xml"
    hostile.write(path)

    usage = peak_memory(_Parse(path))

    path.unlink()
    assert usage.finished
    assert usage.over_rest < 100 * MEGABYTE


class _Parse:
    """A picklable call: it runs in a process of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self) -> str:
        return total_of(self._path)


@pytest.mark.parametrize("blank", [b"", b" \n\t", b"\xef\xbb\xbf", b"\0\0\0\0"])
def test_an_empty_document_says_so(blank: bytes) -> None:
    assert refusal_code(blank) == "empty_document"


@pytest.mark.parametrize(
    "content",
    [
        b"start,value\n2026-01-01,5\n",
        b'{"feed": []}',
        gzip.compress(SMALL),
        b"<html><body>Please sign in</body></html>",
        b'<rss xmlns:a="http://www.w3.org/2005/Atom"><a:feed/></rss>',
        b'<entry xmlns="http://www.w3.org/2005/Atom"><content><p xmlns="x"/></content></entry>',
        b"<IntervalBlock/>",
    ],
)
def test_what_is_not_espi_is_told_apart_from_broken_xml(content: bytes) -> None:
    assert refusal_code(content) == "not_espi"


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_document_is_malformed_and_gives_no_reading(fraction: float) -> None:
    assert refusal_code(SMALL[: int(len(SMALL) * fraction)]) == "malformed_xml"


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_stream_is_malformed(fraction: float) -> None:
    with pytest.raises(UnreadablePayload) as refusal:
        document.read_stream([SMALL[: int(len(SMALL) * fraction)]])

    assert refusal.value.code == "malformed_xml"


def test_an_empty_feed_is_a_legal_answer() -> None:
    payload = espi.parse(b'<feed xmlns="http://www.w3.org/2005/Atom"><title>none</title></feed>')

    assert (payload.channels, payload.meters, len(payload.readings)) == ((), (), 0)


@pytest.mark.parametrize(
    "beginning",
    [
        b'<!DOCTYPE feed SYSTEM "http://example.test/x.dtd">',
        b'<?xml version="1.0"?><!-- a --><?b c?>\n<!DOCTYPE feed>',
        b"\xef\xbb\xbf<!DOCTYPE feed>",
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_a_document_type_is_refused_wherever_it_hides(*, beginning: bytes, streamed: bool) -> None:
    content = beginning + SMALL.partition(b"?>")[2]

    with pytest.raises(UnreadablePayload) as refusal:
        document.read_stream([content]) if streamed else document.read_tree(content)

    assert refusal.value.code == "xml_refused_dtd"


def test_a_document_type_behind_a_long_comment_is_refused_too() -> None:
    padding = b"<!--" + b"< x" * safe_xml.CHUNK + b"-->"
    content = padding + b'<!DOCTYPE feed [<!ENTITY a "1">]>' + SMALL.partition(b"?>")[2]

    with pytest.raises(UnreadablePayload) as refusal:
        document.read_tree(content)

    assert refusal.value.code == "xml_refused_dtd"


def test_the_words_of_a_document_type_in_a_comment_are_harmless() -> None:
    content = b"<!-- <!DOCTYPE feed> -->" + SMALL.partition(b"?>")[2]

    assert len(espi.parse(content).readings) == 2


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_a_document_is_read_in_the_encoding_it_declares(encoding: str) -> None:
    declared = "iso-8859-1" if encoding == "latin-1" else encoding.removesuffix("-sig")
    text = SMALL.decode().replace("UTF-8", declared).replace("<entry>", "<!-- é --><entry>", 1)

    payload = espi.parse(text.encode(encoding))

    assert payload.readings["value"].to_pylist() == [1, 2]


@pytest.mark.parametrize(
    "content",
    [
        SMALL.replace(b"<entry>", b"<entry><title>\xe9\xff</title>", 1),
        SMALL.replace(b"UTF-8", b"no-such-thing"),
    ],
    ids=["latin_1_bytes_in_utf_8", "unknown_encoding"],
)
def test_a_wrong_encoding_is_named(content: bytes) -> None:
    assert refusal_code(content) == "xml_encoding"


def test_an_undeclared_entity_is_not_resolved() -> None:
    content = usage_feed(block(readings(["&secret;"])))

    assert refusal_code(content) == "malformed_xml"


def test_a_large_source_is_streamed_whatever_kind_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = usage_feed(block(readings(range(500))))
    path = tmp_path / "feed.xml"
    path.write_bytes(content)
    whole = espi.parse(content)
    monkeypatch.setattr(safe_xml, "TREE_LIMIT", 1_000)

    assert espi.parse(path) == espi.parse(io.BytesIO(content)) == espi.parse(content) == whole


def test_a_missing_file_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        espi.parse(tmp_path / "missing.xml")
