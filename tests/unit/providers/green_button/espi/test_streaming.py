"""Streaming is only another way to read: whatever the document, the result is the same."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.espi import stream_file
from benchmarks.espi_documents import PER_DAY, write_feed
from benchmarks.harness import MEGABYTE, peak_memory
from dcarbon.domain.errors import UnreadablePayload
from dcarbon.providers.columns import ParsedPayload
from dcarbon.providers.green_button.espi import document
from dcarbon.providers.green_button.espi.document import Document
from dcarbon.providers.green_button.espi.parse import assemble
from tests.unit.providers.green_button.espi.writing import (
    BASE,
    START,
    block,
    feed,
    meter_reading,
    reading,
    reading_type,
    readings,
    usage_point,
)

_values = st.one_of(
    st.integers(-(2**50), 2**50),
    st.sampled_from([None, "", "1.5", "1_0", "<!--x-->7", "<![CDATA[8]]>", "9<b/>"]),
)
_starts = st.one_of(
    st.integers(START, START + 5).map(lambda slot: START + (slot - START) * 900),
    st.sampled_from(["", "1.5", "-1", str(START * 1000)]),
)
_durations = st.sampled_from([900, 900, 900, 3600, 0, None, "x"])
_qualities = st.sampled_from([None, 8, 17, 19, "x"])
_readings = st.builds(reading, _values, _starts, _durations, quality=_qualities)
_gaps = st.sampled_from(["", "\n      ", "<extension/>", "<!-- c -->"])
_points = st.sampled_from(["7", "8"])
_meter_readings = st.sampled_from(["1", "2"])


def _path(point: str, reading_id: str) -> str:
    return f"{BASE}/Subscription/1/UsagePoint/{point}/MeterReading/{reading_id}"


@st.composite
def _blocks(draw: st.DrawFn) -> str:
    gap = draw(_gaps)
    body = gap.join(draw(st.lists(_readings, max_size=6)))
    href = f"{_path(draw(_points), draw(_meter_readings))}/IntervalBlock/{draw(st.integers(0, 3))}"
    interval = draw(st.sampled_from([None, (START, 86_400)]))
    stamp = draw(st.sampled_from([None, "2026-01-02T00:00:00Z", "2026-01-03", "never"]))
    return block(body, draw(st.sampled_from([href, None])), updated=stamp, interval=interval)


@st.composite
def _documents(draw: st.DrawFn) -> bytes:
    entries = draw(st.lists(_blocks(), max_size=5))
    entries += draw(st.sampled_from([[], [usage_point()], [usage_point(), reading_type()]]))
    entries += [
        meter_reading(_path(draw(_points), draw(_meter_readings)))
        for _ in range(draw(st.integers(0, 2)))
    ]
    entries.append(draw(st.sampled_from(["", "<other><a/></other>", "text between"])))
    return feed(*draw(st.permutations(entries)))


def _outcome(read: Document | str) -> ParsedPayload | str:
    return read if isinstance(read, str) else assemble(read)


def _whole(content: bytes) -> Document | str:
    try:
        return document.read_tree(content)
    except UnreadablePayload as refusal:
        return refusal.code


def _streamed(content: bytes, size: int) -> Document | str:
    try:
        return document.read_stream(
            content[offset : offset + size] for offset in range(0, len(content), size)
        )
    except UnreadablePayload as refusal:
        return refusal.code


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(content=_documents(), size=st.integers(50, 5_000))
def test_streaming_and_reading_whole_agree(content: bytes, size: int) -> None:
    assert _outcome(_streamed(content, size)) == _outcome(_whole(content))


def test_a_block_of_any_size_is_taken_in_parts_with_the_same_result() -> None:
    """One block of 20,000 readings: its finished readings are taken while it is still open."""
    content = feed(
        usage_point(),
        meter_reading(),
        reading_type(),
        block(readings(range(20_000)), interval=(START, 86_400)),
    )

    streamed, whole = _streamed(content, 65_536), _whole(content)

    assert not isinstance(streamed, str)
    assert list(streamed.columns.rows) == [20_000]
    assert _outcome(streamed) == _outcome(whole)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 61, 62, 63, 200])
def test_parts_may_be_taken_wherever_a_chunk_ends(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in the middle of a reading, of a number, or of the blanks between two."""
    body = "\n  ".join(reading(10**9 + slot, START + slot * 900) for slot in range(40))
    content = feed(block(f"\n  {body}\n", interval=(START, 36_000)))
    whole = _outcome(_whole(content))
    monkeypatch.setattr(document, "_DRAIN_FROM", 3)

    assert _outcome(_streamed(content, size)) == whole


def test_memory_stays_flat_however_long_the_stream(tmp_path: Path) -> None:
    """A tree of this file takes 60 MB; its readings take one."""
    small = write_feed(tmp_path / "small.xml", PER_DAY)
    large = write_feed(tmp_path / "large.xml", PER_DAY * 400)

    usage = peak_memory(partial(stream_file, large), warm_up=partial(stream_file, small))

    assert usage.finished
    assert usage.over_rest < 25 * MEGABYTE


def test_a_doubled_value_in_an_open_block_is_still_refused() -> None:
    many = readings(range(9_000))
    doubled = reading(1, START + 9_000 * 900).replace("<value>", "<value>2</value><value>")

    assert _streamed(feed(block(many + doubled + many)), 65_536) == "ambiguous_reading"
