"""How far a request for deletion has come, and what its receipt counts, in words for people."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from dcarbon.domain.text import Text


class DeletionState(StrEnum):
    """How far a request for deletion has come; the stored words."""

    ASKED = "asked"
    APPROVED = "approved"
    STARTED = "started"
    ERASED = "erased"
    DONE = "done"
    CANCELLED = "cancelled"
    DECLINED = "declined"


STATES: Mapping[DeletionState, Text] = {
    DeletionState.ASKED: Text(
        "Asked for",
        "Nothing is deleted yet; the person can take it back.",
        "It is carried out when an administrator says so, or when the time is over.",
    ),
    DeletionState.APPROVED: Text(
        "Decided",
        "It is carried out within the hour.",
        "Until then the person can take it back.",
    ),
    DeletionState.STARTED: Text(
        "Ending access",
        "The person is signed out everywhere, and the utilities are being told that access ends.",
        "Everything else follows as soon as they have confirmed, after a week at the latest.",
    ),
    DeletionState.ERASED: Text(
        "Being deleted",
        "Readings and personal data are deleted; the stored answers leave the storage.",
        "The receipt follows within two hours.",
    ),
    DeletionState.DONE: Text(
        "Deleted",
        "Everything is deleted and the receipt was sent.",
        "There is nothing left to do.",
    ),
    DeletionState.CANCELLED: Text(
        "Taken back", "The person changed their mind; nothing was deleted.", "Nothing to do."
    ),
    DeletionState.DECLINED: Text(
        "Declined", "An administrator declined it; nothing was deleted.", "The person was told why."
    ),
}
"""What people read for each state."""

OPEN_STATES = (
    DeletionState.ASKED,
    DeletionState.APPROVED,
    DeletionState.STARTED,
    DeletionState.ERASED,
)
COUNTED: Mapping[str, str] = {
    "facilities": "Facilities",
    "authorizations": "Authorizations ended",
    "readings": "Meter readings",
    "reading_days": "Days of readings (each channel and day)",
    "earlier_states": "Earlier states of readings",
    "derived_days": "Days of coverage and energy derived from them",
    "payloads": "Stored answers of utilities and files",
    "payload_bytes": "Bytes in them",
    "meters": "Meters made unrecognisable",
    "units": "Generating units",
    "grants": "Keys to utilities",
    "authorization_attempts": "Attempts to authorize",
    "work_orders": "Work orders",
    "sync_attempts": "Records of collecting",
    "sessions": "Signed-in browsers",
    "api_tokens": "API tokens",
    "sign_in_links": "Sign-in links",
    "registrations": "Registrations",
    "invitations": "Invitations to you",
    "facility_invitations": "Invitations you sent",
    "mails": "Mails to you or naming you",
    "facility_mails": "Mails about your facilities",
    "roles": "Roles at facilities",
}
"""What a receipt counts, in its order."""
KEPT: Mapping[str, str] = {
    "kept_for_reports": "Final generation reports",
    "kept_payloads": "Stored answers they rest on",
    "kept_meters": "Meters they name",
    "kept_units": "Generating units they are of",
}
"""What a receipt says was kept, in its order."""
