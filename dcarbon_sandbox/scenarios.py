"""Named situations: faults and switches that belong together, put in force by one call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dcarbon_sandbox.faults import Faults
from dcarbon_sandbox.green_button.profiles import PROFILES
from dcarbon_sandbox.green_button.store import SECTION, Store


class UnknownScenario(ValueError):
    """No scenario has this name."""


@dataclass(frozen=True)
class Scenario:
    """What happens, in a sentence; the faults; switches by utility (``*``: every one)."""

    text: str
    faults: tuple[Mapping[str, Any], ...] = ()
    switches: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    clears: bool = False


SCENARIOS: Mapping[str, Scenario] = {
    "calm": Scenario("No faults; every switch as each utility has it.", clears=True),
    "declined": Scenario("The next customer's approval is a refusal.", ({"kind": "decline"},)),
    "narrowed": Scenario("The next customer grants usage only.", ({"kind": "narrow_scope"},)),
    "outage": Scenario("Every API call answers 503.", ({"kind": "unavailable", "times": None},)),
    "hiccups": Scenario(
        "The next three API calls answer 500, 503 and nothing at all.",
        (
            {"kind": "error"},
            {"kind": "unavailable"},
            {"kind": "time_out", "parameters": {"seconds": 5}},
        ),
    ),
    "throttled": Scenario(
        "The next five API calls answer 429 with Retry-After 2.",
        ({"kind": "throttled", "times": 5},),
    ),
    "slow": Scenario("Every answer takes two seconds.", ({"kind": "slow", "times": None},)),
    "broken-data": Scenario(
        "One answer is cut off, the next malformed, the next empty.",
        tuple(
            {"kind": kind, "path_prefix": prefix}
            for prefix in ("/pge/GreenButtonConnect/espi", "/api/v2/intervals")
            for kind in ("cut", "malformed", "empty")
        ),
    ),
    "asynchronous": Scenario(
        "Whole-subscription batches answer 202; a notification follows after two seconds.",
        switches={"*": {"asynchronous": "subscription"}},
    ),
    "notification-first": Scenario(
        "As asynchronous, and the notification overtakes the 202.",
        ({"kind": "notify_first", "times": None},),
        {"*": {"asynchronous": "subscription"}},
    ),
    "notification-twice": Scenario(
        "As asynchronous, and each notification comes twice.",
        ({"kind": "notify_twice", "times": None},),
        {"*": {"asynchronous": "subscription"}},
    ),
    "notification-lost": Scenario(
        "As asynchronous, and no notification comes.",
        ({"kind": "notify_lost", "times": None},),
        {"*": {"asynchronous": "subscription"}},
    ),
    "one-time-refresh": Scenario(
        "A refresh token works once.", switches={"*": {"one_time_refresh": True}}
    ),
    "short-tokens": Scenario(
        "Access tokens live 30 seconds, refresh tokens five minutes.",
        switches={"*": {"access_lifetime_s": 30, "refresh_lifetime_s": 300}},
    ),
    "refresh-expired": Scenario(
        "The next refresh fails as if the token had expired.", ({"kind": "expired_refresh"},)
    ),
    "no-limits": Scenario("No request is too many.", switches={"*": {"rate_per_s": None}}),
    "one-per-second": Scenario(
        "PG&E's limit: one request a second.", switches={"pge": {"rate_per_s": 1.0}}
    ),
}


def apply(name: str, store: Store, faults: Faults) -> Scenario:
    """Put a scenario in force on top of what already is; raises :class:`UnknownScenario`."""
    scenario = SCENARIOS.get(name)
    if scenario is None:
        raise UnknownScenario(f"unknown scenario {name!r}; known: {', '.join(SCENARIOS)}")
    if scenario.clears:
        faults.clear()
        with store.state.changing(SECTION):
            store.part("switches").clear()
    for rule in scenario.faults:
        faults.add(**rule)
    for code, values in scenario.switches.items():
        for profile in PROFILES.values() if code == "*" else (PROFILES[code],):
            store.change_switches(profile, dict(values))
    return scenario
