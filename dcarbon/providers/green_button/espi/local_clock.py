"""Whether a document writes local wall-clock time as if it were UTC."""

from __future__ import annotations

from dcarbon.domain.calendar import LONGEST_DAY_S
from dcarbon.providers.green_button.espi.blocks import NOT_STATED
from dcarbon.providers.green_button.espi.document import Document

_DAY_S = 86_400


def looks_like_local_clock(document: Document, utc_offset_s: int | None) -> bool:
    """Say whether a download has daily blocks from 00:00 to 24:00 "UTC" for a meter elsewhere.

    The document must state an offset: one of 0 is what such files write (SDG&E), any other
    contradicts midnight in UTC (Ameren). Blocks of one reading say nothing. What was fetched for
    a subscription is left alone: there a UTC day is what was asked for, as in UtilityAPI's feeds,
    and a custodian's habit belongs into its profile. This is a hint; no time is changed by it
    (reference 5.6).
    """
    columns = document.columns
    if utc_offset_s is None or _is_fetched(document):
        return False
    daily = 0
    for number, count in enumerate(columns.rows):
        start, end = columns.interval_start[number], columns.interval_end[number]
        if count < 2 or start == NOT_STATED:  # noqa: PLR2004 — a day of one reading says nothing
            continue
        if start % _DAY_S or end % _DAY_S or end - start > LONGEST_DAY_S:
            return False
        daily += 1
    return daily > 0


def _is_fetched(document: Document) -> bool:
    paths = (path for links in document.owners for path in (*links.selfs, *links.ups))
    return any(path.startswith("Subscription/") for path in paths)
