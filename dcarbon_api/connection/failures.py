"""Why an authorization did not come about, in the words of the catalogue of texts."""

from __future__ import annotations

from dataclasses import dataclass

from dcarbon.domain import texts

_TRY_LATER = frozenset({"provider_unavailable", "provider_throttled", "provider_outcome_unknown"})
"""Collecting tries again by itself; a person at the utility's door has to come back."""
_CALM = frozenset({"state_used", "already_authorized", "authorization_not_wanted"})
"""Nothing is wrong: what the person wanted may well have happened."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong and what to do, for a page."""

    code: str
    title: str
    what_happened: str
    what_to_do: str

    @property
    def is_calm(self) -> bool:
        return self.code in _CALM


def of(code: str | None, reason: str | None) -> Failure:
    """Return the words for a code; for one the catalogue does not know, the stored ``reason``."""
    known = texts.TEXTS.get(code or "")
    if known is not None:
        later = "Please try again in a few minutes."
        to_do = later if code in _TRY_LATER else known.what_to_do
        return Failure(code or "", known.title, known.what_happened, to_do)
    return Failure(
        code or "unknown",
        "The utility was not connected",
        reason or "The authorization was not finished.",
        "Please try again.",
    )
