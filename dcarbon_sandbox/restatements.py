"""Corrections an administrator of the sandbox makes to what a meter is said to have measured."""

from __future__ import annotations

from datetime import datetime

from dcarbon_sandbox.loads import Restatement
from dcarbon_sandbox.state import SandboxState

_SECTION = "restatements"


def add(state: SandboxState, restatement: Restatement) -> None:
    """Remember a restatement; every provider shows it from its time on."""
    with state.changing(_SECTION) as section:
        section.setdefault("list", []).append(
            {
                "meter_id": restatement.meter_id,
                "start": restatement.start.isoformat(),
                "end": restatement.end.isoformat(),
                "factor": restatement.factor,
                "at": restatement.at.isoformat(),
            }
        )


def of_meter(state: SandboxState, meter_id: str) -> tuple[Restatement, ...]:
    """Return the meter's restatements, oldest first."""
    with state.lock:
        entries = [e for e in state.section(_SECTION).get("list", ()) if e["meter_id"] == meter_id]
    return tuple(
        Restatement(
            meter_id=meter_id,
            start=datetime.fromisoformat(entry["start"]),
            end=datetime.fromisoformat(entry["end"]),
            factor=entry["factor"],
            at=datetime.fromisoformat(entry["at"]),
        )
        for entry in entries
    )
