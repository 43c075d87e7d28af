"""One clock for every process of the product: real time moved by what a file says.

The product asks its runtime what time it is, never the machine. So a jump of the clock is a number
written to a file, and all processes see it at once; Dagster's own loops stay on real time.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

VARIABLE = "CHAOS_CLOCK_FILE"


class SharedClock:
    """Real time plus the seconds in ``path``."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def of_environment(cls) -> SharedClock:
        return cls(Path(os.environ[VARIABLE]))

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(self._path.read_text()))

    def set(self, at: datetime) -> None:
        """Let it be ``at`` now and run on from there, for every process at once."""
        beside = self._path.with_suffix(".new")
        beside.write_text(repr((at - datetime.now(UTC)).total_seconds()))
        beside.replace(self._path)

    def advance(self, delta: timedelta) -> None:
        """Jump; a negative ``delta`` is a clock set back."""
        self.set(self.now() + delta)
