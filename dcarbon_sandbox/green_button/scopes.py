"""Scope strings: checking a requested one, writing the granted one (green-button reference 3.4)."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from dcarbon_sandbox.customers import SandboxMeter
from dcarbon_sandbox.green_button.profiles import Profile

GROUPS = ("usage", "billing", "basic", "account", "program")
"""Data groups a customer chooses from: usage, bills, name and address, account, programmes."""
_BLOCKS = {
    "usage": {4, 5, 6, 7, 8, 9, 10, 12, 17, 29},
    "billing": {15, 16, 26, 27, 28},
    "basic": {51, 53, 54, 58, 60, 61},
    "account": {46, 47, 50, 55, 56, 57, 59},
    "program": {62},
}
_OFFERED = {1, 3, 13, 14, 18, 19, 31, 32, 34, 35, 36, 37, 38, 39, 40, 41, 44, 64, 65, 69}
_OFFERED_ALL = _OFFERED.union(*_BLOCKS.values())
_TERM = re.compile(r"[A-Za-z]+=[^;=\s,\"\\]+")
_MAX_LENGTH = 256
_PGE_ALWAYS = (1, 3, 8, 13, 14, 18, 19, 31, 32, 35, 37, 38, 39)


def is_acceptable(profile: Profile, scope: str, *, bare_only: bool) -> bool:
    """Say whether an authorize request may carry this scope."""
    if len(scope) > _MAX_LENGTH:
        return False
    terms = [term for term in scope.split(";") if term]
    if not terms or not all(_TERM.fullmatch(term) for term in terms):
        return False
    if bare_only and any(not term.startswith("FB=") for term in terms):
        return False
    blocks = function_blocks(scope)
    return blocks is not None and blocks <= _OFFERED_ALL and (bool(blocks) or profile.code == "pge")


def function_blocks(scope: str) -> set[int] | None:
    """Return the numbers of the FB term, an empty set without one, ``None`` if it is malformed."""
    numbers = re.search(r"(?:^|;)FB=([^;]*)", scope)
    if numbers is None:
        return set()
    if not re.fullmatch(r"\d+(_\d+)*", numbers.group(1)):
        return None
    return {int(number) for number in numbers.group(1).split("_")}


def groups_of(scope: str) -> tuple[str, ...]:
    """Return the data groups a requested scope can open; all of them when it names no block."""
    blocks = function_blocks(scope)
    if not blocks:
        return GROUPS
    return tuple(group for group in GROUPS if blocks & _BLOCKS[group])


def granted(
    profile: Profile,
    requested: str,
    groups: Collection[str],
    meters: Sequence[SandboxMeter],
    history_s: int,
) -> str:
    """Return the scope the customer grants: the requested one, less what they refused."""
    if profile.dialect == "pge":
        return _pge_scope(profile, groups, meters, history_s)
    refused = set().union(*(_BLOCKS[group] for group in GROUPS if group not in groups))
    terms = []
    for term in requested.split(";"):
        name, _, value = term.partition("=")
        if name == "FB":
            kept = [n for n in value.split("_") if int(n) not in refused]
            terms.append("FB=" + "_".join(kept))
        elif name == "HistoryLength" and value.isdecimal():
            # Some clients ask in months (reference 3.4): their unit is kept.
            months = int(value) <= 600
            terms.append(f"HistoryLength={history_s // 2_628_000 if months else history_s}")
        else:
            terms.append(term)
    return ";".join(terms)


def _pge_scope(
    profile: Profile, groups: Collection[str], meters: Sequence[SandboxMeter], history_s: int
) -> str:
    blocks = list(_PGE_ALWAYS)
    if "usage" in groups:
        blocks.append(4)
        blocks += [5] if any(m.commodity == "electricity" for m in meters) else []
    if {"usage", "billing"} & set(groups) and any(m.commodity == "gas" for m in meters):
        blocks.append(10)
    blocks += [15] if {"usage", "billing"} & set(groups) else []
    blocks += [16] if "billing" in groups else []
    blocks += [46, 47] if {"basic", "account", "program"} & set(groups) else []
    words = {"program": "ProgramEnrollment"}
    named = "_".join(words.get(g, g.capitalize()) for g in GROUPS if g in groups)
    return (
        f"FB={'_'.join(map(str, blocks))};AdditionalScope={named};IntervalDuration=900_3600;"
        f"BlockDuration=Daily;HistoryLength={history_s};AccountCollection={len(meters)};"
        f"BR={profile.bulk_id};dataCustodianId=PGE"
    )
