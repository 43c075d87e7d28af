"""Names that somebody typed, in an export: the same text everywhere, and never a formula."""

from __future__ import annotations

import csv
import io

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dcarbon.db.meters import Meter
from dcarbon.services.exports import Format
from dcarbon.services.exports_plan import Wish
from dcarbon.services.runtime import Runtime
from tests.integration.services.conftest import Settle
from tests.integration.services.exporting import SPRING, Site, made

pytestmark = pytest.mark.database
NASTY = {
    '=HYPERLINK("http://example.test","x")': '\'=HYPERLINK("http://example.test","x")',
    "@SUM(1,2)": "'@SUM(1,2)",
    '+1, "two"\r\n<b>&': '\'+1, "two" <b>&',
    "-12": "-12",
    "0042": "0042",
    "Zähler ½": "Zähler ½",
}


@pytest.mark.parametrize(("typed", "shown"), NASTY.items())
def test_a_name_is_text_in_every_format(
    runtime: Runtime, settle: Settle, typed: str, shown: str
) -> None:
    ann = settle("ann")
    site = Site(runtime, ann.facility.id)
    meter = site.meter("1")
    with runtime.sessions.begin() as session:
        session.get_one(Meter, meter).meter_numbers = [typed]
    site.state(site.series(site.channel(meter), 900), SPRING, [1, 2], interval_s=900)
    wish = Wish("2025-01-01", "2026-01-01", ann.facility.id)
    content = {kind: made(runtime, wish, kind, ann.actor) for kind in Format}

    rows = list(csv.DictReader(io.StringIO(content[Format.CSV].decode(), newline="")))
    cell = openpyxl.load_workbook(io.BytesIO(content[Format.EXCEL]))["Readings"]["A3"]
    table = pq.read_table(pa.BufferReader(content[Format.PARQUET]))

    assert [row["meter"] for row in rows] == [shown, shown]
    assert (cell.value, cell.data_type) == (shown, "s")
    assert table["meter"].to_pylist() == [shown, shown]
