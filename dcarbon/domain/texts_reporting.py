"""Words for reporting: what stands in the way of a generation report."""

from __future__ import annotations

from collections.abc import Mapping

from dcarbon.domain.text import Text

_NOTHING_CHANGED = "Nothing was changed."

REPORTING: Mapping[str, Text] = {
    "registry_unknown": Text(
        "This registry is not known here",
        "We do not know this registry's file format.",
        "Please choose one of the list.",
    ),
    "month_invalid": Text(
        "This is no month",
        "The month could not be read, or has not begun yet.",
        "Please write it as 2026-03.",
    ),
    "month_not_claimed": Text(
        "Nothing to report",
        "No meter counts for this unit in this month.",
        "Please say first which meter does, on the page Generation.",
    ),
    "nothing_to_correct": Text(
        "Nothing to correct",
        "This month is reported, and the readings we know now come to the same number.",
        "You need not do anything: when they change, a correction is opened by itself.",
    ),
    "report_has_errors": Text(
        "Not ready yet",
        "Something stands in the way of this report.",
        "Please put right what the checks name, then look again.",
    ),
    "report_changed": Text(
        "The number has changed",
        "Readings, claims or the unit changed since you opened this report, so it was put together "
        f"anew. {_NOTHING_CHANGED}",
        "Please look at the number again, then make it final.",
    ),
    "report_is_final": Text(
        "This report is final",
        f"A final report never changes. {_NOTHING_CHANGED}",
        "When readings of the month change, a correction is opened by itself.",
    ),
    "report_not_final": Text(
        "Not final yet",
        "Files can be downloaded once the report is final.",
        "Please look at the checks, make it final, and download then.",
    ),
    "evidence_differs": Text(
        "The evidence could not be put together",
        "What is stored does not come to the number of this report any more. We have been told.",
        "Nothing is lost. Please try again later, or write to us.",
    ),
}
