"""States and territories of the USA by postal code letters, and the time zone most of each has.

Several states lie in two zones: this is only what is offered before anybody says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping

_ZONES: Mapping[str, str] = {
    "America/New_York": "CT DE DC FL GA MA MD ME NC NH NJ NY OH PA RI SC VA VT WV",
    "America/Detroit": "MI",
    "America/Indiana/Indianapolis": "IN",
    "America/Kentucky/Louisville": "KY",
    "America/Chicago": "AL AR IA IL KS LA MN MO MS ND NE OK SD TN TX WI",
    "America/Denver": "CO MT NM UT WY",
    "America/Boise": "ID",
    "America/Phoenix": "AZ",
    "America/Los_Angeles": "CA NV OR WA",
    "America/Anchorage": "AK",
    "Pacific/Honolulu": "HI",
    "America/Puerto_Rico": "PR VI",
    "Pacific/Guam": "GU MP",
    "Pacific/Pago_Pago": "AS",
}

TIME_ZONES: Mapping[str, str] = {
    state: zone for zone, states in _ZONES.items() for state in states.split()
}
"""Time zone by state, as ``CA``."""
