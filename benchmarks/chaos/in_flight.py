"""Refresh tokens that a kill cut off on their way: the one loss nothing on our side can prevent.

A token that works once is dead at the utility as soon as the new one is issued. A process killed
with signal 9 between the utility's answer and the commit takes the new one with it. So a grant may
only be gone when a process that holds tokens was killed in the very moment the utility issued its
last one; any other loss is ours.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson

from dcarbon_sandbox.green_button.profiles import Switches

HOLDERS = frozenset({"run", "code", "web", "everything"})
"""What is killed with these may hold a token that is stored nowhere yet."""
_JUST_BEFORE = timedelta(seconds=3)
_ROUNDING = timedelta(seconds=2)


@dataclass
class InFlight:
    """The moments of kills, on the sandbox's clock, and the losses they explain."""

    kills: list[datetime] = field(default_factory=list)
    explained: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)

    def weigh(self, name: str, external_id: str | None, directory: Path) -> None:
        """Say of a grant that is gone whether a kill explains it."""
        issued = _last_issued(external_id, directory)
        is_explained = issued is not None and any(
            issued - _ROUNDING <= kill <= issued + _JUST_BEFORE for kill in self.kills
        )
        (self.explained if is_explained else self.unexplained).append(name)


def _last_issued(external_id: str | None, directory: Path) -> datetime | None:
    """Return when the utility last issued a refresh token for this authorization."""
    records = orjson.loads((directory / "state" / "green_button.json").read_bytes())
    ends = [
        token["expires_at"]
        for token in records["refresh"].values()
        if token["authorization"] == external_id
    ]
    if not ends:
        return None
    return datetime.fromtimestamp(max(ends) - Switches().refresh_lifetime_s, UTC)
