"""The figures of a report as they are stored with it: what was filed, what the checks found.

Everything that is shown or downloaded of a report comes from here, so that a final report stays
what it was when registries, units or claims change later.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from dcarbon.domain import claim_words, preflight, registry_files
from dcarbon.domain.filings import Filing
from dcarbon.domain.preflight import Preflight

VERSION = 1


@dataclass(frozen=True, slots=True)
class Figures:
    """One report in full. ``sentence`` says what is claimed and under which rule."""

    filing: Filing
    preflight: Preflight
    sentence: str
    file_name: str
    version: int = VERSION

    @property
    def csv_sha256(self) -> bytes:
        return hashlib.sha256(self.filing.given).digest()

    @property
    def mwh(self) -> str:
        """What the file says, with its decimals."""
        return registry_files.mwh_text(self.filing.profile.file, self.filing.reported_wh)


def of(filing: Filing, *, sequence: int) -> Figures:
    """Check a filing and put its figures together."""
    name = registry_files.file_name(
        filing.profile, filing.rows[0].generator_id, filing.month, sequence=sequence
    )
    return Figures(filing, preflight.check(filing), claim_words.sentence(filing), name)


def stored(figures: Figures) -> dict[str, Any]:
    """Return figures as JSON holds them: decimals as text, days as dates."""
    found: dict[str, Any] = msgspec.to_builtins(figures)
    return found


def read(given: Mapping[str, Any]) -> Figures:
    """Return figures that were stored."""
    return msgspec.convert(given, Figures)
