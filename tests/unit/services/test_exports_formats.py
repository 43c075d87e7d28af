"""What is particular to each format: typed cells, frozen headers, sheets, metadata, memory."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl.workbook import Workbook

from benchmarks.harness import peak_memory
from dcarbon.services import (
    exports_about,
    exports_csv,
    exports_excel,
    exports_parquet,
    exports_zip,
)
from dcarbon.services.exports import Format
from dcarbon.services.exports_blocks import Block
from dcarbon.services.exports_columns import COLUMNS
from dcarbon.services.exports_plan import Plan
from tests.unit.services import exporting
from tests.unit.services.exporting import blocks_of, plan_of

_SLACK = 40_000_000
NAMES = [column.name for column in COLUMNS]


def workbook(readings: int, **options: Any) -> Workbook:
    plan = plan_of(readings)
    content = b"".join(exports_excel.chunks(plan, blocks_of(plan, 70), **options))
    return openpyxl.load_workbook(io.BytesIO(content))


def test_a_sheet_has_typed_cells_under_a_frozen_header() -> None:
    sheet = workbook(3)["Readings"]

    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == "A1:N4"
    assert sheet.dimensions == "A1:N4"
    kinds = {name: cell.data_type for name, cell in zip(NAMES, sheet[2], strict=True)}
    assert {name for name, kind in kinds.items() if kind == "d"} == {"local_start", "utc_start"}
    assert {name for name, kind in kinds.items() if kind == "b"} == {"restated"}
    assert kinds["value"] == kinds["duration_s"] == "n"
    assert sheet["C2"].value == datetime(2021, 1, 1)  # noqa: DTZ001 — a sheet knows no zones
    assert (sheet["J2"].value, sheet["J3"].value) == (None, 17)


def test_readings_go_on_in_further_sheets() -> None:
    book = workbook(250, sheet_readings=100)

    assert book.sheetnames == ["Readings", "About", "Readings 2", "Readings 3"]
    rows = [
        row
        for name in ("Readings", "Readings 2", "Readings 3")
        for row in book[name].iter_rows(min_row=2, values_only=True)
    ]
    assert [book[name].max_row for name in ("Readings", "Readings 2", "Readings 3")] == [
        101,
        101,
        51,
    ]
    assert [row[6] for row in rows] == [n * 7_919 % 2_000_003 / 1000 for n in range(250)]
    assert book["Readings 2"].freeze_panes == "A2"


def test_a_sheet_that_is_exactly_full_has_no_empty_one_after_it() -> None:
    assert workbook(100, sheet_readings=100).sheetnames == ["Readings", "About"]


def test_a_workbook_says_what_is_in_it() -> None:
    about = workbook(3)["About"]

    told = {row[0].value: row[1].value for row in about.iter_rows()}
    assert told["Facility"] == "Hall"
    assert told["Readings"] == "3"
    assert told["Time zone"] == "America/Los_Angeles"
    assert set(NAMES) <= set(told)
    assert "8 estimated from a reference day" in told


def test_nothing_in_a_workbook_has_a_time_of_its_own() -> None:
    plan = plan_of(3)
    content = b"".join(exports_excel.chunks(plan, blocks_of(plan)))

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert {one.date_time for one in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert b"2000-01-01T00:00:00Z" in archive.read("docProps/core.xml")


def test_parquet_is_typed_and_says_what_is_in_it() -> None:
    plan = plan_of(300_000)
    content = b"".join(exports_parquet.chunks(plan, blocks_of(plan)))

    file = pq.ParquetFile(pa.BufferReader(content))
    schema = file.schema_arrow
    assert schema.names == NAMES
    assert schema.field("utc_start").type == pa.timestamp("us", tz="UTC")
    assert schema.field("local_start").type == pa.timestamp("us")
    assert schema.field("value").type == pa.decimal128(38, 3)
    assert pa.types.is_dictionary(schema.field("meter").type)
    assert schema.field("value").metadata[b"description"].decode() == COLUMNS[6].says
    about = json.loads(schema.metadata[exports_parquet.ABOUT_KEY.encode()])
    assert about["What this is"]["Readings"] == "300,000"
    assert file.metadata.num_row_groups == 5
    assert file.read()["value"].null_count == 0


def test_about_is_a_text_of_its_own_too() -> None:
    told = exports_about.text(plan_of(1234))

    assert "Readings: 1,234\n" in told
    assert "* One row for each interval" in told
    for column in COLUMNS:
        assert f"{column.name}: {column.says}" in told


class BrokenError(Exception):
    """Something failed while the file was made."""


def broken_off(plan: Plan) -> Iterator[Block]:
    yield from list(blocks_of(plan, 70_000))[:-1]
    raise BrokenError


def sent(chunks: Iterator[bytes]) -> bytes:
    """Return what has left the house by the time of the failure."""
    content = bytearray()
    while True:
        try:
            content += next(chunks)
        except BrokenError:
            return bytes(content)


def test_half_a_file_is_never_taken_for_a_whole_one() -> None:
    plan = plan_of(200_000)

    text = sent(exports_csv.chunks(broken_off(plan)))
    with pytest.raises(pd.errors.ParserError):
        pd.read_csv(io.BytesIO(text))
    assert text.decode().splitlines()[-1].startswith("INCOMPLETE")
    for chunks in (exports_zip.chunks, exports_excel.chunks):
        content = sent(chunks(plan, broken_off(plan)))
        assert len(content) > 100_000
        with pytest.raises(zipfile.BadZipFile):
            zipfile.ZipFile(io.BytesIO(content))
    content = sent(exports_parquet.chunks(plan, broken_off(plan)))
    with pytest.raises(pa.ArrowInvalid):
        pq.ParquetFile(pa.BufferReader(content))


@pytest.mark.parametrize("kind", list(Format))
def test_memory_does_not_grow_with_the_readings(kind: Format) -> None:
    few, many = (
        peak_memory(
            partial(exporting.write, kind, count), warm_up=partial(exporting.write, kind, 40_000)
        )
        for count in (200_000, 600_000)
    )

    assert few.finished
    assert many.finished
    assert int(many.outcome) > 2.5 * int(few.outcome)
    assert many.over_rest < few.over_rest + _SLACK
