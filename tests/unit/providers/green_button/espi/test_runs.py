"""Readings written alike are read from the bytes; never otherwise than one by one from the tree."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dcarbon.domain.errors import UnreadablePayload
from dcarbon.providers.columns import ParsedPayload
from dcarbon.providers.green_button.espi import document, runs
from dcarbon.providers.green_button.espi.document import Document
from dcarbon.providers.green_button.espi.parse import assemble
from tests.unit.providers.green_button.espi.writing import (
    START,
    block,
    feed,
    meter_reading,
    reading,
    reading_type,
    readings,
    usage_point,
)

MANY = [7 * slot for slot in range(20)]


def _styled(content: bytes, prefix: str) -> bytes:
    """Write the ESPI elements with a prefix instead of a default namespace."""
    text = content.decode().replace('xmlns="http://naesb.org/espi"', f'xmlns:{prefix}="{_ESPI}"')
    names = (
        "IntervalBlock|IntervalReading|ReadingQuality|quality|timePeriod|duration|start|value"
        "|interval|UsagePoint|ServiceCategory|kind|MeterReading|ReadingType|accumulationBehaviour"
        "|commodity|flowDirection|intervalLength|powerOfTenMultiplier|uom"
    )
    return re.sub(rf"<(/?)({names})\b", rf"<\1{prefix}:\2", text).encode()


_ESPI = "http://naesb.org/espi"
PLAIN = feed(
    usage_point(),
    meter_reading(),
    reading_type(),
    block(readings(MANY), interval=(START, 86_400)),
    block("\n  ".join(reading(9 - slot, START + 900 * (50 + slot), quality=17) for slot in MANY)),
)
STYLES = {
    "no_prefix": PLAIN,
    "stylesheet": PLAIN.replace(b"<feed", b'\n<?xml-stylesheet href="a<b.xslt"?>\n<feed', 1),
    "espi": _styled(PLAIN, "espi"),
    "prefix_with_a_digit": _styled(PLAIN, "ns0"),
    "prefix_with_a_hyphen": _styled(PLAIN, "es-pi"),
}


def _outcome(content: bytes, *, plainly: bool) -> ParsedPayload | str:
    read = document.read_plain_tree if plainly else document.read_tree
    try:
        found: Document = read(content)
    except UnreadablePayload as refusal:
        return refusal.code
    return assemble(found)


@pytest.mark.parametrize("content", STYLES.values(), ids=STYLES.keys())
def test_runs_are_cut_down_to_their_first_reading(content: bytes) -> None:
    cut = runs.fold(content)

    assert cut is not None
    assert len(re.findall(rb"<[\w:-]*IntervalReading ", cut.content)) == 2
    assert len(re.findall(rb"<[\w:-]*value>", cut.content)) == 2


@pytest.mark.parametrize("content", STYLES.values(), ids=STYLES.keys())
def test_what_is_read_is_the_same_as_reading_by_reading(content: bytes) -> None:
    payload = _outcome(content, plainly=False)

    assert isinstance(payload, ParsedPayload)
    assert payload.readings["value"].to_pylist() == [*MANY, *(9 - slot for slot in MANY)]
    assert payload == _outcome(content, plainly=True)


_EDITS = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.integers(0, 12),
        st.sampled_from(
            [
                b"",
                b"-",
                b"7",
                b"<",
                b">",
                b"/",
                b" ",
                b"\x01",
                b"99999999999999999999",
                b"&#49;",
                b"&amp;",
                b"<!-- -->",
                b"<![CDATA[5]]>",
                b"<?p i?>",
                b"<value>5</value>",
                b"</value><value>",
                b"<start>1</start>",
                b"</IntervalReading>",
                b"<IntervalReading>",
                b"</IntervalReading><IntervalReading>",
                b"</IntervalBlock>",
                b'<x xmlns="y"/>',
                b"<cost>3</cost>",
                b"1.5",
                b"\xc3\xa9",
                b"\xff",
            ]
        ),
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(content=st.sampled_from(list(STYLES.values())), edits=_EDITS)
def test_however_a_document_is_damaged_both_ways_agree(
    content: bytes, edits: list[tuple[float, int, bytes]]
) -> None:
    for share, removed, added in edits:
        place = int(share * len(content))
        content = content[:place] + added + content[place + removed :]

    assert _outcome(content, plainly=False) == _outcome(content, plainly=True)


_NUMBERS = [
    *("", "-5", "--5", "5-", "+5", "05", "1 2", " 5", "5.0", "1_0", "0x1F", "nan"),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775808", str(START * 1000)),
]


@settings(max_examples=200, deadline=None)
@given(
    content=st.sampled_from(list(STYLES.values())),
    number=st.integers(0, 200),
    text=st.sampled_from(_NUMBERS),
)
def test_whatever_stands_for_a_number_both_ways_agree(
    content: bytes, number: int, text: str
) -> None:
    places = list(re.finditer(rb"(?<=>)-?[0-9]+(?=<)", content))
    place = places[number % len(places)]
    content = content[: place.start()] + text.encode() + content[place.end() :]

    assert _outcome(content, plainly=False) == _outcome(content, plainly=True)


def test_channels_written_in_turn_in_two_ways_are_both_cut() -> None:
    content = feed(
        *(
            block(
                "".join(
                    reading(n, START + 900 * n, quality=17 if day % 2 else None)
                    for n in range(96 * day, 96 * day + 96)
                )
            )
            for day in range(40)
        )
    )

    cut = runs.fold(content)

    assert cut is not None
    assert cut.content.count(b"<value>") == 40
    assert _outcome(content, plainly=False) == _outcome(content, plainly=True)


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.replace(b"<feed", b"<!-- c --><feed", 1),
        PLAIN.replace(b"<entry>", b"<?p i?><entry>", 1),
        PLAIN.replace(b"<feed", b"<?p ? ?><feed", 1),
        PLAIN.replace(b"<value>7<", b"<value><![CDATA[7]]><"),
        PLAIN.replace(b'"UTF-8"', b'"GB18030"'),
        PLAIN.replace(b'"UTF-8"', b'"UTF-7"'),
        PLAIN.decode().replace("UTF-8", "UTF-16").encode("utf-16"),
        feed(block(readings([1, 2]))),
        feed(block(readings([1, 2, 3]) + reading(4, START + 2_700, quality=8))),
    ],
    ids=[
        "comment",
        "instruction",
        "odd_instruction",
        "cdata",
        "gb18030",
        "utf_7",
        "utf_16",
        "short",
        "unlike",
    ],
)
def test_where_the_bytes_prove_nothing_no_run_is_cut(content: bytes) -> None:
    assert runs.fold(content) is None
    assert _outcome(content, plainly=False) == _outcome(content, plainly=True)


@pytest.mark.parametrize(
    "body",
    [
        readings(MANY).replace("<value>", "<value>2</value><value>"),
        readings(MANY).replace("<value>", "<value>1<b/>").replace("<b/>", "<b>5</b>"),
        readings(MANY).replace("<timePeriod>", "<cost>5</cost>6<timePeriod>"),
        readings(MANY).replace("<value>", "<x><value>").replace("</value>", "</value></x>"),
        readings(MANY).replace("<timePeriod>", "<value/><timePeriod>"),
        "".join(reading(1, (START + 900 * slot) * 1000, 900_000) for slot in MANY),
        "".join(reading(1, START + 900 * slot, None) for slot in MANY),
        "".join(reading(None, START + 900 * slot) for slot in MANY),
        "".join(reading(1, START + 900 * slot, quality=99_999) for slot in MANY),
        readings(MANY).replace("<IntervalReading>", '<IntervalReading run-0="0">'),
        readings(MANY).replace("</IntervalReading>", "</IntervalReading><interval>3</interval>"),
        readings(MANY).replace("</IntervalReading>", '</IntervalReading><IntervalReading a=""/>'),
        readings(MANY).replace("<value>", '<value xmlns="http://example.test/other">'),
        readings(MANY).replace("<timePeriod>", "<x>&#53;</x>5<timePeriod>"),
        readings(MANY).replace("<timePeriod>", "<x>&amp;</x><timePeriod>"),
    ],
    ids=[
        "two_values",
        "markup_in_value",
        "number_between_elements",
        "value_elsewhere",
        "empty_second_value",
        "milliseconds",
        "no_duration",
        "no_value",
        "absurd_quality",
        "forged_mark",
        "something_between",
        "another_reading_between",
        "value_of_another_namespace",
        "number_as_character_references",
        "entity",
    ],
)
def test_runs_of_odd_readings_are_judged_as_single_ones_are(body: str) -> None:
    content = feed(meter_reading(), reading_type(), block(body))

    assert _outcome(content, plainly=False) == _outcome(content, plainly=True)


def test_a_prefix_that_means_something_else_elsewhere_is_understood() -> None:
    """The first block binds the prefix to ESPI, the second to a namespace nobody knows."""
    good = _styled(feed(block(readings(MANY))), "e")
    other = good.replace(_ESPI.encode(), b"http://example.test/other")
    entry = re.search(rb"<entry>.*</entry>", other, re.DOTALL)
    assert entry is not None

    for content in (
        good.replace(b"</feed>", entry[0] + b"</feed>"),
        good.replace(b"<entry>", entry[0] + b"<entry>", 1),
    ):
        assert runs.fold(content) is not None
        payload = _outcome(content, plainly=False)
        assert payload == _outcome(content, plainly=True)
        assert isinstance(payload, ParsedPayload)
        assert payload.readings["value"].to_pylist() == MANY


@pytest.mark.parametrize("reverse", [False, True])
def test_a_second_prefix_that_changes_its_meaning_is_understood(*, reverse: bool) -> None:
    """Only in one block is ``x:value`` the value; in the other one there is none."""
    namespaces = [_ESPI, "http://example.test/other"]
    blocks = [
        block(readings(MANY, START + 86_400 * number))
        .replace("<IntervalBlock", f'<IntervalBlock xmlns:x="{namespace}"')
        .replace("value>", "x:value>")
        for number, namespace in enumerate(reversed(namespaces) if reverse else namespaces)
    ]
    content = feed(*blocks)

    payload = _outcome(content, plainly=False)

    assert payload == _outcome(content, plainly=True)
    assert isinstance(payload, ParsedPayload)
    assert len(payload.readings) == len(MANY)


def test_a_block_inside_another_is_left_alone_either_way() -> None:
    inner = f'<IntervalBlock xmlns="{_ESPI}">{readings(MANY)}</IntervalBlock>'

    content = feed(block(readings(MANY) + inner), block(inner + readings(MANY)))

    assert _outcome(content, plainly=False) == _outcome(content, plainly=True)
