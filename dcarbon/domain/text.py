"""A text for people, in the three parts a page shows apart."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """A heading, what happened, and what to do now. Whole sentences save the title."""

    title: str
    what_happened: str
    what_to_do: str

    @property
    def message(self) -> str:
        """What happened and what to do, where one string is wanted."""
        return f"{self.what_happened} {self.what_to_do}"
