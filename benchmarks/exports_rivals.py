"""What people write such files with: the same columns, ready in memory, to the same files."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from itertools import chain, islice
from typing import Any

import pandas as pd
from openpyxl import Workbook

from dcarbon.services.exports_blocks import Block
from dcarbon.services.exports_columns import COLUMNS


def rates(blocks: Iterable[Block], count: int) -> dict[str, float]:
    """Return readings/s of each rival, on the first readings of an export."""
    rows = list(islice(chain.from_iterable(map(_of_block, blocks)), count))
    frame = pd.DataFrame(rows, columns=[column.name for column in COLUMNS])
    timed: dict[str, Callable[[], object]] = {
        "pandas to_csv": lambda: frame.to_csv(io.StringIO(), index=False),
        "csv module": lambda: csv.writer(io.StringIO()).writerows(rows),
        "pandas to_parquet": lambda: frame.to_parquet(io.BytesIO(), index=False),
        "openpyxl, write only": partial(_by_openpyxl, rows),
        "pandas to_excel, XlsxWriter": partial(_by_pandas, frame),
    }
    return {name: len(rows) / _seconds(work) for name, work in timed.items()}


def _of_block(block: Block) -> Iterator[tuple[object, ...]]:
    meter, channel = block.meter, block.channel
    for n in range(len(block)):
        start = datetime.fromtimestamp(int(block.start_s[n]), UTC)
        quality = int(block.quality[n])
        yield (
            meter.name,
            channel.name,
            start.astimezone(meter.zone).replace(tzinfo=None),
            block.offset_texts[int(block.offset[n])],
            start.replace(tzinfo=None),
            int(block.duration_s[n]),
            int(block.value[n]) / 10**-block.exponent,
            channel.unit,
            channel.direction,
            block.qualities[quality],
            block.quality_words[quality],
            bool(block.is_restated[n]),
            block.payload_hashes[int(block.payload[n])],
            str(meter.id),
        )


def _by_openpyxl(rows: list[tuple[Any, ...]]) -> None:
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in rows:
        sheet.append(row)
    book.save(io.BytesIO())


def _by_pandas(frame: pd.DataFrame) -> None:
    frame.to_excel(io.BytesIO(), engine="xlsxwriter", index=False)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
