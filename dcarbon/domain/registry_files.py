"""The monthly file as a registry takes it: rows to bytes, and what is wrong with given bytes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from dcarbon.domain.registries import FileFormat, RegistryProfile

_NEWLINE = "\r\n"
_WH_DIGITS = 6
"""One MWh is 10 ** 6 Wh."""
_VINTAGE_LENGTH = 7
_DATE_LENGTH = 10
_NUMBER = re.compile(r"[0-9]+")
_PLAIN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_FIXED_COLUMNS = 6


@dataclass(frozen=True, slots=True)
class FileRow:
    """One row: a unit's generation from ``start`` to ``end``, local days, both inclusive."""

    generator_id: str
    reporting_unit_id: str
    vintage: date
    start: date
    end: date
    wh: int
    is_adjustment: bool = False
    """``wh`` is then the full corrected total, never the difference."""


def generator_number(file: FileFormat, registry_id: str) -> str:
    """Return the id as the file has it: ``M805`` is 805 at M-RETS."""
    trimmed = registry_id.strip()
    for prefix in file.id_prefixes:
        rest = trimmed[len(prefix) :]
        if trimmed.upper().startswith(prefix) and _NUMBER.fullmatch(rest):
            return rest
    return trimmed


def reportable_wh(file: FileFormat, wh: Decimal) -> int:
    """Return what of an exact amount a file can say: cut at its last decimal, never rounded up."""
    step: int = 10 ** (_WH_DIGITS - file.decimals)
    return int(wh // step) * step


def mwh_text(file: FileFormat, wh: int) -> str:
    return f"{Decimal(wh).scaleb(-_WH_DIGITS):.{file.decimals}f}"


def content(file: FileFormat, rows: Sequence[FileRow]) -> bytes:
    """Return the file's bytes; nothing follows the last row, not even a line's end."""
    lines = [",".join(file.columns)] if file.has_header else []
    lines += [",".join(_cells(file, row)) for row in rows]
    # What is not ASCII is kept, so that the check of the file can point at it.
    return _NEWLINE.join(lines).encode()


def file_name(profile: RegistryProfile, generator_id: str, month: date, *, sequence: int) -> str:
    """Return a name that says registry, unit and month; ``sequence`` counts the corrections."""
    unit = re.sub(r"[^A-Za-z0-9-]+", "-", generator_id).strip("-") or "unit"
    correction = f"-adjustment-{sequence}" if sequence else ""
    return f"{profile.key}-{unit}-{month:%Y-%m}{correction}.csv"


def _cells(file: FileFormat, row: FileRow) -> list[str]:
    cells = [
        row.generator_id,
        row.reporting_unit_id,
        row.vintage.strftime(file.vintage_format),
        row.start.strftime(file.date_format),
        row.end.strftime(file.date_format),
        mwh_text(file, row.wh),
    ]
    if row.is_adjustment and file.adjustment_word is not None:
        cells.append(file.adjustment_word)
    return cells


def not_ascii(given: bytes) -> bool:
    return not given.isascii()


def trailing_rows(given: bytes) -> bool:
    """Is there an empty row, a line's end or a space after the last row?"""
    text = given.decode(errors="replace")
    return text != text.rstrip() or any(not line.strip(" ,") for line in text.splitlines())


def wrong_columns(file: FileFormat, given: bytes) -> bool:
    """Is the header not the documented one, or a row of another width?"""
    rows = _rows(given)
    if file.has_header:
        if not rows or rows[0] != list(file.columns):
            return True
        rows = rows[1:]
    widths = {_FIXED_COLUMNS}
    if file.adjustment_word is not None:
        widths.add(_FIXED_COLUMNS + 1)
    return not rows or any(len(row) not in widths or not _is_marked(file, row) for row in rows)


def wrong_vintages(file: FileFormat, given: bytes) -> list[str]:
    """Return the vintages that are not a month written as documented."""
    return [
        row[2]
        for row in _data_rows(file, given)
        if not _is_written(row[2], file.vintage_format, _VINTAGE_LENGTH)
    ]


def wrong_dates(file: FileFormat, given: bytes) -> list[str]:
    """Return the dates that are not written as documented."""
    return [
        cell
        for row in _data_rows(file, given)
        for cell in row[3:5]
        if not _is_written(cell, file.date_format, _DATE_LENGTH)
    ]


def wrong_ids(file: FileFormat, given: bytes) -> list[str]:
    """Return the generator ids that are not a number only."""
    return [row[0] for row in _data_rows(file, given) if not _NUMBER.fullmatch(row[0])]


def wrong_reporting_units(file: FileFormat, given: bytes) -> list[str]:
    """Return the reporting unit ids that are not letters, digits and dashes only."""
    return [row[1] for row in _data_rows(file, given) if not _PLAIN_ID.fullmatch(row[1])]


def wrong_totals(file: FileFormat, given: bytes) -> list[str]:
    """Return the totals that are no number with the decimals the file has."""
    pattern = re.compile(rf"[0-9]+\.[0-9]{{{file.decimals}}}")
    return [row[5] for row in _data_rows(file, given) if not pattern.fullmatch(row[5])]


def _is_marked(file: FileFormat, row: list[str]) -> bool:
    return len(row) <= _FIXED_COLUMNS or row[_FIXED_COLUMNS] == file.adjustment_word


def _is_written(text: str, pattern: str, length: int) -> bool:
    try:
        datetime.strptime(text, pattern)  # noqa: DTZ007 — a calendar day has no zone
    except ValueError:
        return False
    return len(text) == length


def _rows(given: bytes) -> list[list[str]]:
    return [line.split(",") for line in given.decode(errors="replace").splitlines()]


def _data_rows(file: FileFormat, given: bytes) -> list[list[str]]:
    rows = _rows(given)[1 if file.has_header else 0 :]
    return [row for row in rows if len(row) >= _FIXED_COLUMNS]
