"""What is in the database and beside it: keys against what they sealed, answers against their hash.

The rest of the house is said as the System page says it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence

from dcarbon.db import payloads, sealed_secrets
from dcarbon.domain.errors import (
    DCarbonError,
    LandingUnavailable,
    PayloadCorrupt,
    PayloadMissing,
    SealBroken,
    SettingsInvalid,
)
from dcarbon.domain.system_words import State
from dcarbon.services import live_keys, system_state
from dcarbon.services.doctor.findings import good, wrong
from dcarbon.services.runtime import Runtime, open_runtime
from dcarbon.services.system_checks import Finding
from dcarbon.settings import Settings

SAMPLE = 20
_LIVELINESS = frozenset({"pipelines", "mail", "orders", "syncs"})
"""Parts that only say something while DCarbon runs."""
_ELSEWHERE = frozenset({"disk", "settings"})
"""Looked at before the database is."""


def of_keys(settings: Settings) -> Iterator[Finding]:
    """Say whether the keys of the settings can be used, without making any."""
    file = live_keys.key_file(settings)
    if settings.seal_keys is None and file is None:
        yield wrong("keys", "keys_absent")
        return
    if file is not None and not file.exists():
        if settings.seal_keys_file is not None:
            return  # said with the files
        lost, new = wrong("keys", "keys_absent"), good("keys", "keys_not_made", place=file)
        yield lost if is_made(settings) else new
        return
    try:
        live_keys.given(settings)
    except SettingsInvalid as error:
        yield wrong("keys", "keys_unusable", said=error.display_message)


def of_house(settings: Settings, *, is_running: bool) -> Iterator[Finding]:
    """Open everything and look. ``is_running``: processes are expected to give signs of life."""
    try:
        with open_runtime(settings, needs_keys=False) as runtime:
            for finding in system_state.read(runtime).findings:
                is_asked = is_running or finding.part not in _LIVELINESS
                if is_asked and finding.part not in _ELSEWHERE:
                    yield finding
            yield from _of_secrets(runtime)
            yield from _of_landing(runtime)
    except DCarbonError as error:
        yield wrong("database", "inside_unread", said=error.display_message)


def _of_secrets(runtime: Runtime) -> Iterator[Finding]:
    with runtime.sessions() as session:
        found = sealed_secrets.newest(session, now=runtime.now(), limit=SAMPLE)
    ring, shut = runtime.keys.given.ring, 0
    for sealed, bound_to in found:
        try:
            ring.open(sealed, bound_to=bound_to)
        except SealBroken:
            shut += 1
    if shut:
        yield wrong("keys", "secrets_shut", count=len(found), shut=shut)
    elif found:
        yield good("keys", "secrets_open", count=len(found))


def _of_landing(runtime: Runtime) -> Iterator[Finding]:
    place = runtime.landing.shown
    try:
        _write_and_remove(runtime)
        with runtime.sessions() as session:
            digests = payloads.sample(session, limit=SAMPLE)
        missing, corrupt = _damaged(runtime, digests)
    except (LandingUnavailable, OSError) as error:
        why = getattr(error, "reason", None) or type(error).__name__
        yield wrong("landing", "landing_refused", place=place, why=why)
        return
    if missing or corrupt:
        counts = {"missing": missing, "corrupt": corrupt}
        yield wrong("landing", "payloads_damaged", count=len(digests), **counts)
    else:
        yield good("landing", "landing_good", place=place, count=len(digests))


def _write_and_remove(runtime: Runtime) -> None:
    content = b"dcarbon doctor " + secrets.token_bytes(16)
    digest = runtime.landing.put(content)
    try:
        runtime.landing.get(digest)
    finally:
        runtime.landing.remove(digest)


def _damaged(runtime: Runtime, digests: Sequence[bytes]) -> tuple[int, int]:
    """Return how many answers are missing, and how many have other bytes."""
    missing = corrupt = 0
    for digest in digests:
        try:
            with runtime.landing.open(digest) as stream:
                while stream.read(1 << 20):
                    pass
        except PayloadMissing:
            missing += 1
        except PayloadCorrupt:
            corrupt += 1
    return missing, corrupt


def is_made(settings: Settings) -> bool:
    """Say whether the embedded database exists."""
    return (settings.directory / "postgresql" / "PG_VERSION").exists()


def worst(findings: Sequence[Finding]) -> State:
    """Return the worst state of all; good when there is none."""
    states = {finding.state for finding in findings}
    return next((state for state in State if state in states), State.GOOD)
