"""Authorizations in the words of administrators: their status, how collecting goes, who must act.

The status is what is stored, save one: ended here and not yet at the provider has its own word.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from dcarbon.domain import texts
from dcarbon.domain.states import LABELS as STATUS_LABELS
from dcarbon.domain.states import AuthStatus, SyncHealth

ENDING_CODE = "ending_at_provider"
"""The reason code of an authorization that has ended here and not yet at its provider."""
LATE_AFTER = timedelta(hours=36)
"""Whoever is authorized is synced every day: one and a half days without a sync are late."""


class AdminStatus(StrEnum):
    """How an authorization stands, as administrators filter and sort it. The most urgent first."""

    FAILED = "failed"
    NEEDS_REAUTHORIZATION = "needs_reauthorization"
    PENDING = "pending"
    ENDING = "ending_at_provider"
    ACTIVE = "active"
    REVOKED = "revoked"


class Collecting(StrEnum):
    """How the collecting of an authorization goes. The most urgent first."""

    BLOCKED = "blocked"
    LATE = "late"
    """Nothing is known to be wrong, and the daily sync has not come."""
    DELAYED = "delayed"
    OK = "ok"
    OFF = "off"
    """Not authorized: nothing is collected."""


STORED: Mapping[AdminStatus, AuthStatus] = {
    AdminStatus.FAILED: AuthStatus.FAILED,
    AdminStatus.NEEDS_REAUTHORIZATION: AuthStatus.EXPIRED,
    AdminStatus.PENDING: AuthStatus.PENDING,
    AdminStatus.ENDING: AuthStatus.REVOKED,
    AdminStatus.ACTIVE: AuthStatus.AUTHORIZED,
    AdminStatus.REVOKED: AuthStatus.REVOKED,
}
"""The stored word behind each."""

LABELS: Mapping[AdminStatus, str] = {
    word: texts.NOTICES[ENDING_CODE].title if word is AdminStatus.ENDING else STATUS_LABELS[stored]
    for word, stored in STORED.items()
}
"""What administrators read."""

COLLECTING_LABELS: Mapping[Collecting, str] = {
    Collecting.BLOCKED: texts.NOTICES[SyncHealth.BLOCKED].title,
    Collecting.LATE: "Sync is late",
    Collecting.DELAYED: texts.NOTICES[SyncHealth.DELAYED].title,
    Collecting.OK: "In order",
    Collecting.OFF: "Not collecting",
}

_STATUS = {stored: word for word, stored in STORED.items() if word is not AdminStatus.ENDING}
WAITING_FOR_A_PERSON = frozenset({AdminStatus.FAILED, AdminStatus.NEEDS_REAUTHORIZATION})
STUCK = frozenset({Collecting.BLOCKED, Collecting.LATE})


def status_of(status: str, reason_code: str | None) -> AdminStatus:
    """Return the word for a stored status and its reason code."""
    if status == AuthStatus.REVOKED and reason_code == ENDING_CODE:
        return AdminStatus.ENDING
    return _STATUS[AuthStatus(status)]


def collecting_of(
    status: str, sync_health: str, last_sign: datetime, *, now: datetime
) -> Collecting:
    """Return how collecting goes. ``last_sign``: the last sync, or before the first the consent."""
    if status != AuthStatus.AUTHORIZED:
        return Collecting.OFF
    if sync_health != SyncHealth.OK:
        return Collecting(sync_health)
    return Collecting.LATE if now - last_sign > LATE_AFTER else Collecting.OK


def needs_person(status: AdminStatus, collecting: Collecting) -> bool:
    """Say whether this stays as it is until somebody does something."""
    return status in WAITING_FOR_A_PERSON or collecting in STUCK


def sync_words(collecting: Collecting, *, code: str | None, has_synced: bool) -> str:
    """Say in a sentence how collecting goes. ``code``: why it does not go well, if it is known."""
    if collecting is Collecting.OFF:
        return "Not authorized, so nothing is collected."
    if collecting is Collecting.OK:
        return "Readings come in every day." if has_synced else "The first readings are awaited."
    if collecting is Collecting.LATE:
        return "The daily sync has not come. Please look at the runs of the last nights."
    if collecting is Collecting.DELAYED:
        notice = texts.NOTICES[SyncHealth.DELAYED]
        return f"{notice.what_happened} {notice.what_to_do}"
    return texts.of(code).message if code else texts.NOTICES[SyncHealth.BLOCKED].what_happened
