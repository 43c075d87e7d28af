"""UtilityAPI documents, bytes to facts and columns: pure functions, one per kind of document."""

from __future__ import annotations

from dcarbon.providers.utilityapi.intervals import parse_intervals
from dcarbon.providers.utilityapi.records import (
    AuthorizationFacts,
    EventFacts,
    MeterState,
    parse_authorizations,
    parse_events,
    parse_meter_states,
    parse_meters,
)
from dcarbon.providers.utilityapi.wire import Note

__all__ = [
    "AuthorizationFacts",
    "EventFacts",
    "MeterState",
    "Note",
    "parse_authorizations",
    "parse_events",
    "parse_intervals",
    "parse_meter_states",
    "parse_meters",
]
