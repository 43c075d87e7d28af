"""What the members of an audit entry's details are called, and which people see at a facility.

Details are references, counts, times and stored words. People see those named in :data:`FACTS`;
administrators see every one, those without a name of their own under the stored one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

FACTS: Mapping[str, str] = {
    "old_utility": "Utility before",
    "new_utility": "Utility now",
    "start": "From",
    "end": "Up to",
    "days": "Days",
    "ends_at": "Ends",
    "readings": "Readings",
    "new": "New readings",
    "restated": "Restated readings",
    "changed": "Changed readings",
    "meters": "Meters",
    "payloads": "Answers of the provider",
    "format": "Format",
    "file": "File",
    "fields": "What was changed",
    "month": "Month",
    "basis": "Basis",
    "first_day": "First day",
    "last_day": "Last day",
    "before": "Was",
    "after": "Now",
    "attempts": "Attempts",
    "retries": "Retries",
}
"""Also for people who see the events of their own facility: no addresses, no reasons typed by
others, no identifiers."""

_OTHERS: Mapping[str, str] = {
    "code": "Code",
    "reason": "Reason",
    "by": "By",
    "how": "How",
    "payload": "Payload (SHA-256)",
    "sha256": "SHA-256",
    "web_session": "Session",
    "ip": "IP address",
    "wh": "Energy (Wh)",
    "reported_wh": "Reported energy (Wh)",
    "as_known_at": "As known at",
    "is_landed_first": "Collected before the end",
    "age_days": "Age (days)",
    "back": "Back since",
}

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
_STORED_WORD = re.compile(r"[a-z]+(?:_[a-z]+)+")
_TIME = len("2026-01-31T00:00:00")


def label_of(name: str) -> str:
    """Return what a member is called."""
    return FACTS.get(name) or _OTHERS.get(name) or name.replace("_", " ").capitalize()


def of(details: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return every member as label and text, for administrators."""
    return [(label_of(name), text_of(value)) for name, value in sorted(details.items())]


def facts_of(details: Mapping[str, Any], zone: tzinfo = UTC) -> list[tuple[str, str]]:
    """Return what the people of a facility see, in a fixed order, with times of its zone; what says
    nothing is left out.
    """
    return [
        (label, _fact_of(details[name], zone))
        for name, label in FACTS.items()
        if details.get(name) not in (None, "", [])
    ]


def text_of(value: Any, zone: tzinfo = UTC) -> str:
    """Return a stored value as people read it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):
        return ", ".join(text_of(one) for one in value) or "none"
    if isinstance(value, Mapping):
        return "; ".join(f"{label_of(name)}: {text_of(each)}" for name, each in value.items())
    return _moment_of(str(value), zone) or str(value)


def _fact_of(value: Any, zone: tzinfo) -> str:
    """Identifiers are counted: they say nothing to people."""
    if isinstance(value, list):
        words = [str(one).replace("_", " ") for one in value]
        return f"{len(words):,}" if any(map(_ID.fullmatch, words)) else ", ".join(words)
    text = text_of(value, zone)
    return text.replace("_", " ") if _STORED_WORD.fullmatch(text) else text


def _moment_of(text: str, zone: tzinfo) -> str:
    """Return a time without its T and microseconds; an empty text for what is none."""
    if len(text) < _TIME or text[10] != "T":
        return ""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return ""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M %Z}" if at.tzinfo else ""
