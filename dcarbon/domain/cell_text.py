"""Texts of people and utilities in cells: a spreadsheet must show them, never compute them."""

from __future__ import annotations

import re
import unicodedata

FORMULA_MARKS = frozenset("=+-@\uff1d\uff0b\uff0d\uff20")
"""What a cell's text starts with when a spreadsheet takes it for a formula, and the full-width
forms that some of them take for the same."""
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?", re.ASCII)


def harmless(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula, on one line and without controls.

    What would start a formula gets an apostrophe before it; a plain number (``-12.5``) stays as it
    is. Applied twice, nothing more happens. The same for every format, so that a name is the same
    text in all of them.
    """
    line = " ".join("".join(map(_printable, text)).split())
    if line[:1] in FORMULA_MARKS and not _NUMBER.fullmatch(line):
        return f"'{line}"
    return line


def _printable(character: str) -> str:
    """Return a blank for what is no character of a text: XML cannot hold most of these."""
    is_text = unicodedata.category(character) not in {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"}
    return character if is_text else " "
