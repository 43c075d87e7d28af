"""An export as an Excel workbook, sent while it is made.

XlsxWriter makes the frame: styles, sheets, widths, filters, the sheet *About*. The rows of readings
are written straight into the frame's sheets, as the same XML and several times as fast, and the
whole is zipped as it goes: nothing waits for the end. See decision on exports.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from dcarbon.domain.cell_text import harmless
from dcarbon.services import exports_about, exports_columns
from dcarbon.services.exports_about import Section
from dcarbon.services.exports_blocks import Block
from dcarbon.services.exports_columns import COLUMNS
from dcarbon.services.exports_excel_rows import FIRST_ROW, Styles, rows
from dcarbon.services.exports_outlet import Outlet
from dcarbon.services.exports_plan import Plan

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SHEET_READINGS = 1_048_575
"""Rows of a sheet, less the header."""
MOST_SHEETS = 3
MOST_READINGS = MOST_SHEETS * SHEET_READINGS
"""A workbook of more opens on few computers."""

_FAST = 1
"""zlib's quickest level: rows are alike, a thorough one gains a fifth and takes twice the time."""
_CREATED = datetime(2000, 1, 1, tzinfo=UTC)
"""Always the same, so that the same readings are the same bytes."""
_PIECE = 4_096
"""Rows made at once: four megabytes of XML."""
_DATE_FORMAT = "yyyy-mm-dd hh:mm:ss"
_DATES = {exports_columns.LOCAL_START, exports_columns.UTC_START}
_OF_EXCEL = """\
Dates and times in a sheet have no zone: local_start is the meter's clock.
A sheet computes with 15 digits. A value with more of them is there as text, so that none is lost.
More readings than a sheet has rows go on in the next one.
"""
_SAMPLE_STYLE = re.compile(rb'<c r="([A-Z]+)2"(?: s="(\d+)")?')


@dataclass(frozen=True, slots=True)
class Frame:
    """A workbook without readings: the parts of its file, and those that are sheets of readings."""

    parts: Mapping[str, bytes]
    sheets: Mapping[str, int]
    """How many readings go into a sheet, by the name of its part."""


def chunks(
    plan: Plan, blocks: Iterable[Block], *, sheet_readings: int = SHEET_READINGS
) -> Iterator[bytes]:
    """Yield the file in pieces. The plan has at most ``MOST_READINGS``."""
    frame = frame_of(plan, sheet_readings)
    outlet = Outlet()
    supply = Supply(piece for block in blocks for piece in block.slices(_PIECE))
    with zipfile.ZipFile(outlet, "w", zipfile.ZIP_DEFLATED, compresslevel=_FAST) as archive:
        for name, content in frame.parts.items():
            with archive.open(name, "w") as part:
                if name not in frame.sheets:
                    part.write(content)
                    continue
                head, styles, tail = _opened(content, frame.sheets[name])
                part.write(head)
                for first_row, piece in supply.taken(frame.sheets[name]):
                    part.write(rows(piece, first_row, styles))
                    yield outlet.taken()
                part.write(tail)
    yield outlet.taken()


class Supply:
    """Pieces of readings, cut where a sheet is full."""

    def __init__(self, pieces: Iterator[Block]) -> None:
        self._pieces = pieces
        self._rest: Block | None = None

    def taken(self, most: int) -> Iterator[tuple[int, Block]]:
        """Yield at most so many readings, each piece with the number of its first row."""
        row = FIRST_ROW
        while most:
            piece = self._rest if self._rest is not None else next(self._pieces, None)
            if piece is None:
                return
            self._rest = None
            if len(piece) > most:
                piece, self._rest = piece.parted(most)
            yield row, piece
            row, most = row + len(piece), most - len(piece)


def frame_of(plan: Plan, sheet_readings: int) -> Frame:
    """Make the workbook without its readings: as many sheets as it needs of so many rows."""
    counts = [
        min(sheet_readings, plan.readings - first)
        for first in range(0, max(1, plan.readings), sheet_readings)
    ]
    content = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(content, options)
    book.set_properties({"title": exports_about.TITLE, "created": _CREATED})
    bold, dates = book.add_format({"bold": True}), book.add_format({"num_format": _DATE_FORMAT})
    sheets: dict[str, int] = {}
    for number, count in enumerate(counts):
        sheet = book.add_worksheet(f"Readings {number + 1}" if number else "Readings")
        sheets[f"xl/worksheets/sheet{sheet.index + 1}.xml"] = count
        _lay_out(sheet, count, bold=bold, dates=dates)
        if not number:
            _write_about(book, plan, bold=bold)
    book.close()
    with zipfile.ZipFile(content) as archive:
        return Frame({name: archive.read(name) for name in archive.namelist()}, sheets)


def _lay_out(sheet: Worksheet, count: int, *, bold: Format, dates: Format) -> None:
    """Write the header, and one row to show how cells look: that row is taken out again."""
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, max(1, count), len(COLUMNS) - 1)
    for place, column in enumerate(COLUMNS):
        sheet.set_column(place, place, column.width)
        sheet.write_string(0, place, column.name, bold)
        sheet.write_number(1, place, 0, dates if column in _DATES else None)


def _write_about(book: xlsxwriter.Workbook, plan: Plan, *, bold: Format) -> None:
    wrapped = book.add_format({"text_wrap": True, "valign": "top"})
    top = book.add_format({"valign": "top"})
    sheet = book.add_worksheet("About")
    sheet.set_column(0, 0, 34, top)
    sheet.set_column(1, 1, 100, wrapped)
    sheet.write_string(0, 0, exports_about.TITLE, bold)
    row = 2
    of_excel = Section("In a workbook", tuple(("", one) for one in _OF_EXCEL.splitlines()))
    for section in (*exports_about.sections(plan), of_excel):
        sheet.write_string(row, 0, section.title, bold)
        for name, says in section.lines:
            row += 1
            sheet.write_string(row, 0, harmless(name), top)
            sheet.write_string(row, 1, harmless(says), wrapped)
        row += 2


def _opened(content: bytes, count: int) -> tuple[bytes, Styles, bytes]:
    """Return a sheet's XML before and after its readings, and each column's style."""
    sample, end = content.index(b'<row r="2"'), content.index(b"</sheetData>")
    letters = _SAMPLE_STYLE.findall(content[sample:end])
    last = f"{letters[-1][0].decode()}{count + 1}"
    head = re.sub(
        rb'<dimension ref="[^"]+"', f'<dimension ref="A1:{last}"'.encode(), content[:sample]
    )
    styles = {letter.decode(): f' s="{s.decode()}"' if s else "" for letter, s in letters}
    return head, styles, content[end:]
