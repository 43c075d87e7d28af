"""The checks before a report leaves: what a registry would refuse, said before it does.

Pure. Each rule has a stable code, a name, and a sentence for people that says what to do. The
rules themselves stand in ``preflight_readings`` and ``preflight_file``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from dcarbon.domain import preflight_file as file
from dcarbon.domain import preflight_readings as readings
from dcarbon.domain.filings import Filing


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Rule:
    """One check. ``look`` returns what is wrong and what to do, or nothing."""

    code: str
    title: str
    severity: Severity
    look: Callable[[Filing], str | None]
    is_for: Literal["all", "reports", "corrections"] = "all"

    def applies_to(self, filing: Filing) -> bool:
        is_correction = filing.corrects_wh is not None
        return self.is_for == "all" or is_correction is (self.is_for == "corrections")


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found; ``words`` are empty when it passed."""

    code: str
    title: str
    severity: Severity
    words: str = ""


@dataclass(frozen=True, slots=True)
class Preflight:
    """The whole result, in the order of the rules."""

    errors: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    passed: tuple[Finding, ...]

    @property
    def is_clear(self) -> bool:
        """May the report be made final? Warnings do not stop it."""
        return not self.errors


def check(filing: Filing) -> Preflight:
    """Check a filing against every rule that is for it."""
    found = [
        Finding(rule.code, rule.title, rule.severity, rule.look(filing) or "")
        for rule in RULES
        if rule.applies_to(filing)
    ]
    return Preflight(
        tuple(one for one in found if one.words and one.severity is Severity.ERROR),
        tuple(one for one in found if one.words and one.severity is Severity.WARNING),
        tuple(one for one in found if not one.words),
    )


_E, _W = Severity.ERROR, Severity.WARNING
RULES: tuple[Rule, ...] = (
    Rule("meter_missing", "A meter counts for the unit", _E, readings.meter_missing),
    Rule("meter_gap", "A meter counts on every day of the month", _E, readings.days_without_meter),
    Rule(
        "channel_not_eligible", "Every channel that counts is eligible", _E, readings.not_eligible
    ),
    Rule("month_not_over", "The month is over", _E, readings.month_not_over),
    Rule("days_incomplete", "Every day of every meter is complete", _E, readings.days_incomplete),
    Rule("estimates", "Nothing is estimated", _E, readings.estimates),
    Rule("rows_gap", "The file covers the whole month", _E, file.rows_gap),
    Rule("rows_overlap", "No day is in the file twice", _E, file.rows_overlap),
    Rule("already_reported", "No day was reported before", _E, file.already_reported, "reports"),
    Rule("beyond_capacity", "The total is within the nameplate", _E, readings.beyond_capacity),
    Rule(
        "day_beyond_capacity", "Each day is within the nameplate", _W, readings.day_beyond_capacity
    ),
    Rule("before_operation", "The unit was in operation", _E, readings.before_operation),
    Rule("window_closed", "The registry still takes the month", _E, file.window_closed),
    Rule("window_disputed", "Every published deadline is kept", _W, file.window_disputed),
    Rule("registry_id_missing", "The unit has an id at the registry", _E, file.id_missing),
    Rule(
        "reporting_unit_missing",
        "The unit has a reporting unit id",
        _E,
        file.reporting_unit_missing,
    ),
    Rule("registry_id_not_a_number", "The generator id is a number", _E, file.id_not_a_number),
    Rule(
        "reporting_unit_not_plain", "The reporting id is plain", _E, file.reporting_unit_not_plain
    ),
    Rule("not_ascii", "The file is plain ASCII", _E, file.not_ascii),
    Rule("columns_wrong", "The columns are the registry's", _E, file.columns),
    Rule("vintage_format", "The month is written MM/YYYY", _E, file.vintage_format),
    Rule("date_format", "The dates are written MM/DD/YYYY", _E, file.date_format),
    Rule("total_format", "The total has the registry's decimals", _E, file.total_format),
    Rule("trailing_rows", "Nothing follows the last row", _E, file.trailing_rows),
    Rule(
        "adjustment_unchanged",
        "A correction changes the total",
        _E,
        file.adjustment_unchanged,
        "corrections",
    ),
    Rule(
        "adjustment_unmarked",
        "The form of a correction is known",
        _W,
        file.adjustment_unmarked,
        "corrections",
    ),
    Rule("format_unconfirmed", "The registry's format is confirmed", _W, file.unconfirmed),
    Rule("clocks_change", "Every day has 24 hours", _W, readings.clocks_change),
    Rule("below_one_mwh", "There is at least one whole MWh", _W, file.below_one_mwh, "reports"),
)
