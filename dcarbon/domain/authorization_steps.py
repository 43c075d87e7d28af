"""The steps of an authorization in words: each state with its reason, from an audit event.

Who did it, and the number of the attempt, are put beside them by whoever reads the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dcarbon.domain import audit_details, audit_words, texts
from dcarbon.domain.admin_status import AdminStatus
from dcarbon.domain.audit_events import AuditEvent

EVENTS: Mapping[AuditEvent, AdminStatus | None] = {
    AuditEvent.AUTHORIZATION_STARTED: AdminStatus.PENDING,
    AuditEvent.AUTHORIZATION_CREATED: AdminStatus.ACTIVE,
    AuditEvent.AUTHORIZATION_FAILED: AdminStatus.FAILED,
    AuditEvent.AUTHORIZATION_EXPIRED: AdminStatus.NEEDS_REAUTHORIZATION,
    AuditEvent.AUTHORIZATION_REVOKED: AdminStatus.ENDING,
    AuditEvent.AUTHORIZATION_ENDED_AT_PROVIDER: AdminStatus.REVOKED,
    AuditEvent.AUTHORIZATION_METHOD_CHANGED: None,
    AuditEvent.AUTHORIZATION_RETRIED: None,
    AuditEvent.TOKEN_ROTATED: None,
    AuditEvent.TOKEN_ROTATION_FAILED: None,
    AuditEvent.CONSENT_ENDING_ANNOUNCED: None,
    AuditEvent.COLLECTION_REQUESTED: None,
    AuditEvent.REPULL_REQUESTED: None,
}
"""The events that make the timeline, and the state each leads to; ``None``: it stays as it is.

What comes every day (readings imported) is not among them: that is in the sync attempts.
"""
BY_PROVIDER = "provider"

ENDED_BECAUSE: Mapping[str, str] = {
    "withdrawn": "Somebody at the facility ended the access.",
    "ended_by_admin": "An administrator ended the access.",
    "ended_at_provider": "The customer ended the access on the utility's side.",
    "provider_changed": "The facility moved to another utility or way to authorize.",
    "not_wanted": "The consent came when nobody wanted it any more.",
    "scope_too_narrow": "The consent leaves out the interval readings, so it is of no use.",
}
"""By the reason in the entry of an authorization that was ended."""
ENDED_HOW: Mapping[str, str] = {
    "confirmed": "The provider confirmed the end.",
    "already_gone": "The provider had ended it already.",
    "renewed": "A newer authorization goes by the same name there, so that one was kept.",
    "not_offered": "The utility offers no way for us to end it. Our keys are destroyed.",
}
RETRIED_BY: Mapping[str, str] = {
    "asking": "Whoever may authorize was asked by mail to do it again.",
    "looking_again": "The consent was given; we ask the provider for it again.",
    "collecting": "The consent stands; the readings are collected at once.",
}


@dataclass(frozen=True, slots=True)
class Words:
    """One step. ``code`` is the stable code behind the reason, where there is one."""

    status: AdminStatus | None
    title: str
    reason: str
    code: str | None = None


def of(event: str, details: Mapping[str, Any]) -> Words:
    """Return the words for an entry of :data:`EVENTS`; details it lacks are left out."""
    known = AuditEvent(event)
    told = audit_words.of(event)
    code = details.get("code")
    reason = _reason(known, details) or told.sentence
    return Words(_status(known, details), told.title, reason, str(code) if code else None)


def _status(event: AuditEvent, details: Mapping[str, Any]) -> AdminStatus | None:
    if event is AuditEvent.AUTHORIZATION_REVOKED and details.get("by") == BY_PROVIDER:
        return AdminStatus.REVOKED
    if event is AuditEvent.AUTHORIZATION_RETRIED and details.get("was") == "failed":
        return AdminStatus.PENDING
    return EVENTS[event]


def _reason(event: AuditEvent, details: Mapping[str, Any]) -> str:
    """Return why it happened, as far as the entry says so."""
    if code := details.get("code"):
        return f"{texts.of(str(code)).what_happened}{_tries(details)}"
    if event in _TOLD_BY:
        member, words = _TOLD_BY[event]
        told = words.get(str(details.get(member)), "")
        return f"{told}{_tries(details)}" if told else ""
    if event is AuditEvent.AUTHORIZATION_METHOD_CHANGED:
        return _changed(details)
    if event is AuditEvent.REPULL_REQUESTED:
        start, end = (audit_details.text_of(details.get(name)) for name in ("start", "end"))
        return f"Readings from {start} up to {end}."
    return ""


_TOLD_BY: Mapping[AuditEvent, tuple[str, Mapping[str, str]]] = {
    AuditEvent.AUTHORIZATION_REVOKED: ("reason", ENDED_BECAUSE),
    AuditEvent.AUTHORIZATION_ENDED_AT_PROVIDER: ("how", ENDED_HOW),
    AuditEvent.AUTHORIZATION_RETRIED: ("by", RETRIED_BY),
}
"""Which member of an entry's details says why, and in which words."""


def _changed(details: Mapping[str, Any]) -> str:
    new = details.get("new_utility")
    return f"From {details.get('old_utility')} to {new or 'a utility still to be chosen'}."


def _tries(details: Mapping[str, Any]) -> str:
    tries = details.get("attempts")
    return f" It took {tries} tries." if isinstance(tries, int) and tries > 1 else ""
