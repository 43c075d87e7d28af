"""An export as CSV in a ZIP, beside a text that says what it is; sent while it is made.

What people get when they take CSV: a tenth of the bytes, the words travel with the numbers, and a
download that was broken off does not open, where half a plain CSV looks like a whole one.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator

from dcarbon.services import exports_about, exports_csv
from dcarbon.services.exports_blocks import Block
from dcarbon.services.exports_outlet import Outlet
from dcarbon.services.exports_plan import Plan

MEDIA_TYPE = "application/zip"
READINGS, ABOUT = "readings.csv", "about.txt"
_FAST = 1
"""zlib's quickest level, as for workbooks."""
_LONGEST_ROW = 1_500
"""Bytes, with names of ``LONGEST_NAME`` characters that take four bytes each."""
_SMALL = 2**31
"""What fits the first kind of ZIP; larger files need the second, which a few programs refuse."""


def chunks(plan: Plan, blocks: Iterable[Block]) -> Iterator[bytes]:
    """Yield the file in pieces."""
    outlet = Outlet()
    is_large = plan.readings * _LONGEST_ROW > _SMALL
    with zipfile.ZipFile(outlet, "w", zipfile.ZIP_DEFLATED, compresslevel=_FAST) as archive:
        with archive.open(ABOUT, "w") as part:
            part.write(exports_about.text(plan).encode())
        with archive.open(READINGS, "w", force_zip64=is_large) as part:
            for rows in exports_csv.chunks(blocks):
                part.write(rows)
                yield outlet.taken()
    yield outlet.taken()
