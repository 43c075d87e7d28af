"""Making findings: a part, how bad it is, and a code; its words stand in the domain."""

from __future__ import annotations

from dcarbon.domain.system_words import State
from dcarbon.services.system_checks import Finding


def good(part: str, code: str, **values: object) -> Finding:
    return Finding(part, State.GOOD, code, values)


def watch(part: str, code: str, **values: object) -> Finding:
    return Finding(part, State.WATCH, code, values)


def wrong(part: str, code: str, **values: object) -> Finding:
    return Finding(part, State.WRONG, code, values)
