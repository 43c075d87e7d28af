"""The state of this server: records, counters, settings and the sandbox's clock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

from dcarbon_sandbox.clock import SandboxClock
from dcarbon_sandbox.faults import Faults
from dcarbon_sandbox.state import SandboxState
from dcarbon_sandbox.utilityapi import settings

SECTION = "utilityapi"
PROVIDER = "utilityapi"
Record = dict[str, Any]

_FIRST_UIDS = {
    "template": 71_120,
    "form": 560_118,
    "referral": 330_914,
    "authorization": 402_118,
    "meter": 8_812_014,
    "event": 1,
    "job": 1,
}


@dataclass
class Service:
    """Everything a view needs. ``base_url`` is for API links, ``pages_url`` for a browser's."""

    state: SandboxState
    clock: SandboxClock
    faults: Faults
    base_url: Callable[[], str]
    pages_url: Callable[[], str]
    wake: Callable[[], None] = field(default=lambda: None)
    sign_ins: dict[str, Record] = field(default_factory=dict)
    """Hosted-form steps in progress, by one-time key; not worth keeping over a restart."""
    due: tuple[float, float] = (float("-inf"), float("-inf"))
    """Lower bound of the next job's sandbox and real time; see ``jobs``."""
    delivering: threading.Lock = field(default_factory=threading.Lock)

    def records(self, kind: str) -> dict[str, Record]:
        """Return the live mapping of uid to record (``forms``, ``meters``, …), oldest first."""
        found: dict[str, Record] = self.state.section(SECTION).setdefault(kind, {})
        return found

    def new_uid(self, kind: str) -> str:
        counters = self.state.section(SECTION).setdefault("counters", {})
        counters[kind] = counters.get(kind, _FIRST_UIDS[kind] - 1) + 1
        return str(counters[kind])

    def setting(self, name: str) -> Any:
        chosen = self.state.section(SECTION).get("settings", {})
        if name == "page_sizes":
            return {**settings.DEFAULTS[name], **chosen.get(name, {})}
        return chosen.get(name, settings.DEFAULTS[name])

    def configure(self, changes: Mapping[str, Any]) -> None:
        """Change settings; ``ValueError`` names the first unknown or wrongly typed one."""
        good = settings.validated(changes)
        with self.state.lock:
            self.state.section(SECTION).setdefault("settings", {}).update(good)
            self.changed()

    def stamp(self) -> str:
        """Return now as the platform prints it."""
        return self.clock.now().astimezone(UTC).isoformat(timespec="microseconds")

    def epoch(self) -> float:
        return self.clock.now().timestamp()

    def changed(self) -> None:
        self.state.changed(SECTION)
