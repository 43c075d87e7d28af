"""What a replay found, or did."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from uuid import UUID

from dcarbon.db.replays import DayDifference

MOST_LISTED = 1_000
"""Days and payloads a report keeps by name; its sums are of all."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A payload that could not be read: ``code`` says why, ``was`` what state it had."""

    payload_id: UUID
    facility_id: UUID
    was: str
    code: str


@dataclass(slots=True)
class Report:
    """What a replay found, or did. Counts are payloads, readings and meters."""

    replay_id: UUID
    is_applied: bool
    counts: Counter[str] = field(default_factory=Counter)
    """``facilities``; ``facilities_left``, where nothing is written since a payload that states
    readings can no longer be read; ``payloads``, ``unreadable_before``, ``unreadable_now``,
    ``readable_again``, ``lost`` (no bytes in the landing zone); ``new``, ``changed``;
    ``meters_changed``."""
    days: list[DayDifference] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        """Return what the table ``replays`` keeps."""
        days = [
            {
                **each._asdict(),
                "meter_id": str(each.meter_id),
                "utc_day": each.utc_day.isoformat(),
                "before": None if each.before is None else str(each.before),
                "after": str(each.after),
            }
            for each in self.days
        ]
        troubles = [
            {"payload": str(t.payload_id), "was": t.was, "code": t.code} for t in self.troubles
        ]
        return {**self.counts, "days": days, "troubles": troubles}
