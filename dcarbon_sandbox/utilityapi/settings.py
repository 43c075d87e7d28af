"""What an administrator may switch on this server; every key has a default and a type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DEFAULT_TOKEN = "utilityapi-sandbox-token"  # noqa: S105 — published on purpose, opens only the sandbox

DEFAULTS: Mapping[str, Any] = {
    "token": DEFAULT_TOKEN,
    # The empty list, pending, updated: seconds of the sandbox clock, or of real time, if that
    # comes first and real_time is on (so a clock that stands still does not stall a client).
    "appear_delay_s": 0.3,
    "update_delay_s": 1.0,
    "collection_delay_s": 1.0,
    "real_time": True,
    "prepaid": True,
    "portal": "sandbox",
    "redirect_uris": [],
    "any_loopback_redirect": True,
    "page_sizes": {
        "templates": 100,
        "forms": 100,
        "authorizations": 100,
        "meters": 1000,
        "events": 1000,
        "bills": 24,
        "intervals": 4,
    },
    "interval_days": 7,
    # Interval objects that straddle start or end: "cut" to the range, or "whole".
    "straddle": "cut",
    # The newest object's uid names what it holds so far (true) or its full span (false).
    "growing_uid": True,
    "overlap": False,
    # Any of kwh, net, fwd, rev, max.
    "omit": [],
    "gas_kwh": "null",
    "unknown_extras": False,
    # What GET of a revoked meter answers: "gone" (404) or "empty".
    "after_revoke": "gone",
    # Utilities whose meters start with partial details (is_expanded false).
    "partial_details": ["SMUD"],
    # Endpoints: {"url": …, "secret": …, "types": [event types] or null for all}.
    "webhooks": [],
    "webhook_reorder": False,
    "webhook_duplicate": False,
    "webhook_timeout_s": 5.0,
    "webhook_ca": "",
}
_CHOICES = {
    "straddle": ("cut", "whole"),
    "gas_kwh": ("null", "absent"),
    "after_revoke": ("gone", "empty"),
}
_OMITTABLE = {"kwh", "net", "fwd", "rev", "max"}


def validated(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes if each is known and of its default's type; ``ValueError`` otherwise."""
    for name, value in changes.items():
        if name not in DEFAULTS:
            raise ValueError(f"unknown setting: {name}")
        default = DEFAULTS[name]
        number = isinstance(default, float) and type(value) is int
        if type(value) is not type(default) and not number:
            raise ValueError(f"{name} must be {type(default).__name__}")
        if name in _CHOICES and value not in _CHOICES[name]:
            raise ValueError(f"{name} must be one of {', '.join(_CHOICES[name])}")
        _validate_members(name, value)
    return dict(changes)


def _validate_members(name: str, value: Any) -> None:
    if name == "omit" and not set(value) <= _OMITTABLE:
        raise ValueError(f"omit takes {', '.join(sorted(_OMITTABLE))}")
    if name == "interval_days" and value < 1:
        raise ValueError("interval_days must be at least 1")
    if name == "page_sizes":
        good = all(type(size) is int and size > 0 for size in value.values())
        if not good or not set(value) <= set(DEFAULTS["page_sizes"]):
            raise ValueError("page_sizes maps listing keys to whole numbers above zero")
    if name == "webhooks":
        for endpoint in value:
            if not isinstance(endpoint, dict) or not {"url", "secret"} <= endpoint.keys():
                raise ValueError("a webhook endpoint needs url and secret")
