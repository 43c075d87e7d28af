"""What a report claims, in one sentence: how much, of what, for which month, by which rule."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from dcarbon.domain import registry_files
from dcarbon.domain.filings import Filing

BASES: Mapping[str, str] = {
    "production": "all energy its production meters counted",
    "hourly_export": "what its meters gave to the grid, in each hour beyond what they took from it",
}
RULES: Mapping[str, str] = {
    "production": "a meter at the AC output of the generator counts in full",
    "hourly_export": "without a production meter, only the hourly positive flow to the grid counts",
}
SOURCE = "M-RETS operating procedures, 4.3"
"""Where the rules stand that both rest on."""


def bases(filing: Filing) -> list[str]:
    """Return on what the days of a filing count, in a fixed order."""
    found = {claim.basis for claim in filing.claims}
    return [basis for basis in BASES if basis in found]


def month_name(month: date) -> str:
    return f"{month:%B %Y}"


def sentence(filing: Filing) -> str:
    """Return what is claimed and under which rule, in one sentence."""
    profile, found = filing.profile, bases(filing)
    amount = registry_files.mwh_text(profile.file, filing.reported_wh)
    head = f"{amount} MWh are claimed at {profile.name} for {filing.unit.name} in "
    month = month_name(filing.month)
    if not found:
        return f"{head}{month}: no meter counts, so nothing can be claimed."
    what = " and ".join(BASES[basis] for basis in found)
    rules = "; ".join(RULES[basis] for basis in found)
    corrected = ", the full corrected total," if filing.corrects_wh is not None else ""
    return f"{head}{month}{corrected} as {what}, under the rule that {rules} ({SOURCE})."
