"""What the ESPI codes for the quality of a reading mean, in words for people."""

from __future__ import annotations

from collections.abc import Mapping

NOT_STATED = "not stated"
WORDS: Mapping[int, str] = {
    0: "valid",
    7: "manually edited",
    8: "estimated from a reference day",
    9: "estimated by interpolation",
    10: "questionable",
    11: "derived",
    12: "projected",
    13: "mixed",
    14: "raw",
    15: "normalized for weather",
    16: "other",
    17: "validated",
    18: "verified",
    19: "revenue quality",
}
"""By code of ``QualityOfReading`` (ESPI schema 4.0)."""
EXPLAINED: Mapping[int, str] = {
    0: "The utility marks it as good, without saying more.",
    7: "A person at the utility changed it.",
    8: "Not measured: taken from a day like this one.",
    9: "Not measured: drawn between the readings around it.",
    10: "A check at the utility failed.",
    11: "Computed from other readings.",
    12: "Not measured: a forecast.",
    13: "Put together from values of different quality.",
    14: "As the meter sent it, not checked yet.",
    15: "Changed to what usual weather would have made of it.",
    16: "A quality the utility does not name.",
    17: "Checked by the utility; may be edited or estimated under its approved procedure.",
    18: "It failed a check, and was found to be right.",
    19: "Good enough to bill by.",
}


def word(code: int | None) -> str:
    """Return what a code means; a utility may use codes of its own."""
    if code is None:
        return NOT_STATED
    return WORDS.get(code, f"code {code}")
