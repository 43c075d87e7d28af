"""An export as CSV (RFC 4180): UTF-8, a header row, CR LF, and nothing that is not a reading.

The one exception: a web server ends an answer that fails halfway as if it were whole, so a failure
leaves a last line that says so, with more fields than the header: strict readers refuse it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dcarbon.services import exports_bytes as text
from dcarbon.services.exports_blocks import Block
from dcarbon.services.exports_columns import COLUMNS

MEDIA_TYPE = "text/csv; charset=utf-8; header=present"
BROKEN_OFF = ",".join(["INCOMPLETE: this export was broken off"] + [""] * (2 * len(COLUMNS)))
_PIECE = 2_048
"""Rows made at once: half a megabyte of text stays in the processor's cache."""


def chunks(blocks: Iterable[Block]) -> Iterator[bytes]:
    """Yield the file in pieces."""
    yield (",".join(column.name for column in COLUMNS) + "\r\n").encode()
    try:
        for block in blocks:
            for piece in block.slices(_PIECE):
                yield rows(piece)
    except Exception:
        yield f"{BROKEN_OFF}\r\n".encode()
        raise


def rows(block: Block) -> bytes:
    """Return the rows of a block, in the order of the columns."""
    count = len(block)
    meter, channel = block.meter, block.channel
    lead = f"{_field(meter.name)},{_field(channel.name)},"
    kind = f",{_field(channel.unit)},{_field(channel.direction)},"
    offsets = [f"{one},{one}," for one in block.offset_texts]
    qualities = [
        f"{'' if code is None else code},{_field(word)},"
        for code, word in zip(block.qualities, block.quality_words, strict=True)
    ]
    return text.joined(
        [
            text.constant(lead, count),
            text.clock(block.local_s),
            text.picked(offsets, block.offset),
            text.clock(block.start_s),
            text.constant("Z,", count),
            text.whole(block.duration_s),
            text.constant(",", count),
            text.decimals(block.value, block.exponent),
            text.constant(kind, count),
            text.picked(qualities, block.quality),
            text.picked(["false,", "true,"], block.is_restated.astype("int8")),
            text.picked(block.payload_hashes, block.payload),
            text.constant(f",{meter.id}\r\n", count),
        ]
    )


def _field(value: str) -> str:
    """Return a text as one field. Names are harmless already: the plan has made them so."""
    return '"{}"'.format(value.replace('"', '""')) if set(value) & set(',"\r\n') else value
