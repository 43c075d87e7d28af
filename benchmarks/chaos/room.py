"""The sandbox's control room, over HTTP as a person uses it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx2


@dataclass(frozen=True)
class Room:
    """What can be done to the stand-in utilities while they run."""

    address: str

    def now(self) -> datetime:
        return datetime.fromisoformat(self._get("clock")["now"])

    def run_clock_from(self, at: datetime) -> None:
        """Let the sandbox's clock run on from ``at``: set to real time, then moved there."""
        self._post("clock", {"at": None})
        self._post("clock", {"advance_s": (at - self.now()).total_seconds()})

    def freeze(self, at: datetime) -> None:
        self._post("clock", {"at": at.isoformat()})

    def advance(self, delta: timedelta) -> None:
        self._post("clock", {"advance_s": delta.total_seconds()})

    def add_fault(self, rule: Mapping[str, Any]) -> None:
        self._post("faults", rule)

    def clear_faults(self) -> int:
        """Withdraw every fault; return how many had not happened to the end."""
        left = len(self._get("faults")["faults"])
        self._ask("DELETE", "faults")
        return left

    def switch(self, utility: str, **values: object) -> None:
        self._post(f"utilities/{utility}", values)

    def configure_utilityapi(self, **values: object) -> None:
        self._ask("PATCH", "utilityapi/settings", values)

    def restate(self, meter_id: str, start: datetime, end: datetime, factor: float) -> None:
        times = {"start": start.isoformat(), "end": end.isoformat()}
        self._post("restatements", {"meter_id": meter_id, "factor": factor, **times})

    def act(self, authorization: str, verb: str) -> None:
        self._post(f"authorizations/{authorization}/{verb}", {})

    def ping(self) -> None:
        self._post("utilityapi/ping", {})

    def is_telling(self) -> bool:
        """Say whether a notification is on its way, or waits to be tried again."""
        return not all(one["is_over"] for one in self._get("notifications")["notifications"])

    def _get(self, path: str) -> dict[str, Any]:
        return self._ask("GET", path)

    def _post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self._ask("POST", path, body)

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        address = f"{self.address}/sandbox/{path}"
        answer = httpx2.request(method, address, json=body, timeout=30.0, trust_env=False)
        if answer.is_error:
            raise ValueError(f"{method} {path} answered {answer.status_code}: {answer.text[:200]}")
        found: dict[str, Any] = answer.json()
        return found
