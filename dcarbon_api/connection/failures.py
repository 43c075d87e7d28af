"""Why an authorization did not come about, in the words of the catalogue of texts."""

from __future__ import annotations

from dataclasses import dataclass

from dcarbon.domain import texts

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
        return Failure(code or "", known.title, known.what_happened, known.what_to_do)
    return Failure(
        code or "unknown",
        "The utility was not connected",
        reason or "The authorization was not finished.",
        "Please try again.",
    )
