"""What people read for each audit event: a group to filter by, a title and a sentence.

One line for each :class:`AuditEvent`, and none beside them. The words name no person, facility or
number: those stand beside them, from the entry itself. What the fields of an entry's details are
called stands in ``audit_details``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from dcarbon.domain.audit_events import AuditEvent


class Group(StrEnum):
    """What an event is about."""

    AUTHORIZATIONS = "authorizations"
    DATA = "data"
    FACILITIES = "facilities"
    GENERATION = "generation"
    SIGNING_IN = "signing_in"
    ADMINISTRATION = "administration"


GROUP_NAMES: Mapping[Group, str] = {
    Group.AUTHORIZATIONS: "Authorizations",
    Group.DATA: "Data",
    Group.FACILITIES: "Facilities",
    Group.GENERATION: "Generation and reports",
    Group.SIGNING_IN: "Signing in",
    Group.ADMINISTRATION: "Administration",
}


@dataclass(frozen=True, slots=True)
class EventWords:
    group: Group
    title: str
    sentence: str


def of(event: str) -> EventWords:
    """Return the words for a stored event; for one this version does not know, its own name."""
    try:
        return WORDS[AuditEvent(event)]
    except ValueError:
        title = event.replace("_", " ").capitalize()
        return EventWords(Group.ADMINISTRATION, title, "This version has no words for it.")


def events_about(group: Group) -> list[AuditEvent]:
    """Return the events of a group."""
    return [event for event, told in WORDS.items() if told.group is group]


def known_as(name: str) -> list[AuditEvent]:
    """Return the events a stored name of an event or a group stands for; of another, none."""
    for kind in (Group, AuditEvent):
        if name in kind.__members__.values():
            return events_about(Group(name)) if kind is Group else [AuditEvent(name)]
    return []


def title_of(name: str) -> str:
    """Return what people read for the stored name of an event or a group."""
    return GROUP_NAMES[Group(name)] if name in Group.__members__.values() else of(name).title


def mentioning(word: str) -> list[AuditEvent]:
    """Return the events whose name, title or sentence contains ``word``, whatever its case."""
    sought = word.casefold()
    return [
        event
        for event, words in WORDS.items()
        if any(sought in told.casefold() for told in (event, words.title, words.sentence))
    ]


_AUTHORIZATIONS, _DATA, _FACILITIES = Group.AUTHORIZATIONS, Group.DATA, Group.FACILITIES
_GENERATION, _SIGNING_IN, _ADMIN = Group.GENERATION, Group.SIGNING_IN, Group.ADMINISTRATION
_E, _W = AuditEvent, EventWords

WORDS: Mapping[AuditEvent, EventWords] = {
    _E.PERSON_CREATED: _W(_SIGNING_IN, "Person added", "Somebody new can sign in."),
    _E.PERSON_UPDATED: _W(
        _SIGNING_IN, "Personal details changed", "A person changed their name or kind of account."
    ),
    _E.FACILITY_CREATED: _W(_FACILITIES, "Facility added", "A facility was added."),
    _E.API_TOKEN_CREATED: _W(
        _SIGNING_IN, "API token made", "A token was made with which a program can sign in."
    ),
    _E.API_TOKEN_REVOKED: _W(
        _SIGNING_IN, "API token ended", "A program can no longer sign in with this token."
    ),
    _E.AUTHORIZATION_STARTED: _W(
        _AUTHORIZATIONS,
        "Authorization started",
        "Somebody was sent to the utility to give consent.",
    ),
    _E.AUTHORIZATION_CREATED: _W(
        _AUTHORIZATIONS, "Authorization given", "The utility lets DCarbon collect readings."
    ),
    _E.AUTHORIZATION_FAILED: _W(
        _AUTHORIZATIONS, "Authorization failed", "The utility's consent did not come about."
    ),
    _E.AUTHORIZATION_EXPIRED: _W(
        _AUTHORIZATIONS,
        "Reauthorization needed",
        "The utility no longer accepts the consent; it has to be given again.",
    ),
    _E.AUTHORIZATION_REVOKED: _W(
        _AUTHORIZATIONS,
        "Access ended",
        "DCarbon stopped collecting readings under this authorization.",
    ),
    _E.AUTHORIZATION_ENDED_AT_PROVIDER: _W(
        _AUTHORIZATIONS,
        "End confirmed by the provider",
        "The provider has ended the access on its side, too.",
    ),
    _E.METERS_IMPORTED: _W(
        _DATA, "Meters imported", "The meters behind an authorization were fetched."
    ),
    _E.INTERVAL_DATA_IMPORTED: _W(
        _DATA, "Readings imported", "Interval readings were collected from the provider."
    ),
    _E.FILE_IMPORTED: _W(_DATA, "File imported", "Readings were taken from a file."),
    _E.PAYLOAD_UNREADABLE: _W(
        _DATA,
        "Answer could not be read",
        "The provider's answer is kept byte for byte, but no readings could be taken from it.",
    ),
    _E.COLLECTION_REQUESTED: _W(
        _DATA, "Collection asked for", "Somebody asked to collect readings out of turn."
    ),
    _E.SIGNED_IN: _W(_SIGNING_IN, "Signed in", "Somebody signed in with a browser."),
    _E.SIGNED_OUT: _W(_SIGNING_IN, "Signed out", "Somebody signed out."),
    _E.SESSION_ENDED: _W(_SIGNING_IN, "Session ended", "A browser was signed out from elsewhere."),
    _E.ADMIN_CREATED: _W(_ADMIN, "Administrator made", "A person became an administrator."),
    _E.FACILITY_UPDATED: _W(
        _FACILITIES, "Facility details changed", "What is known of a facility was changed."
    ),
    _E.REGISTRATION_STARTED: _W(
        _FACILITIES, "Registration started", "Somebody began to register a facility."
    ),
    _E.REGISTRATION_ENDED: _W(
        _FACILITIES, "Registration given up", "A registration ended before it was complete."
    ),
    _E.OPERATOR_INVITED: _W(
        _FACILITIES, "Operator invited", "An operator was invited by mail to authorize the utility."
    ),
    _E.INVITATION_ENDED: _W(
        _FACILITIES, "Invitation ended", "An invitation can no longer be used."
    ),
    _E.INVITATION_ACCEPTED: _W(
        _FACILITIES, "Invitation accepted", "An operator took up an invitation."
    ),
    _E.AUTHORIZATION_METHOD_CHANGED: _W(
        _AUTHORIZATIONS,
        "Utility or method changed",
        "The facility moved to another utility or another way to authorize.",
    ),
    _E.AUTHORIZATION_RETRIED: _W(
        _AUTHORIZATIONS, "Authorization retried", "A failed authorization was opened again."
    ),
    _E.TOKEN_ROTATED: _W(
        _AUTHORIZATIONS,
        "Access renewed",
        "The provider issued a new grant in place of the old one.",
    ),
    _E.TOKEN_ROTATION_FAILED: _W(
        _AUTHORIZATIONS,
        "Access could not be renewed",
        "The provider did not issue a new grant; DCarbon tries again.",
    ),
    _E.PLATFORM_TOKEN_ROTATED: _W(
        _ADMIN, "Platform token changed", "DCarbon's own token at a provider was replaced."
    ),
    _E.CONSENT_ENDING_ANNOUNCED: _W(
        _AUTHORIZATIONS,
        "End of consent announced",
        "The customer was told that the consent ends soon.",
    ),
    _E.PROVIDER_DOWN: _W(
        _ADMIN, "Provider not answering", "A provider stopped answering; DCarbon keeps trying."
    ),
    _E.PROVIDER_RECOVERED: _W(
        _ADMIN, "Provider answering again", "A provider answers again; collecting goes on."
    ),
    _E.PAYLOADS_REPLAYED: _W(
        _DATA,
        "Stored answers read again",
        "Readings were derived anew from the provider's stored answers.",
    ),
    _E.DATA_EXPORTED: _W(_DATA, "Readings exported", "Somebody downloaded readings."),
    _E.GENERATING_UNIT_CREATED: _W(
        _GENERATION, "Generating unit added", "A generating unit was added to the facility."
    ),
    _E.GENERATING_UNIT_UPDATED: _W(
        _GENERATION, "Generating unit changed", "What is known of a generating unit was changed."
    ),
    _E.GENERATING_UNIT_REMOVED: _W(
        _GENERATION, "Generating unit removed", "A generating unit was removed with its claims."
    ),
    _E.CHANNEL_ELIGIBILITY_CHOSEN: _W(
        _GENERATION, "Meter channel judged", "Somebody said whether a channel measures generation."
    ),
    _E.METER_CLAIMED: _W(
        _GENERATION, "Meter claimed", "A meter's generation is claimed for a generating unit."
    ),
    _E.METER_CLAIM_ENDED: _W(
        _GENERATION, "Claim ended", "A meter's generation is no longer claimed after a day."
    ),
    _E.METER_CLAIM_WITHDRAWN: _W(
        _GENERATION, "Claim withdrawn", "A claim made by mistake was taken back."
    ),
    _E.GENERATION_REPORT_PREPARED: _W(
        _GENERATION, "Report prepared", "The draft of a month's generation report was made."
    ),
    _E.GENERATION_REPORT_FINALISED: _W(
        _GENERATION,
        "Report finalised",
        "A month's generation report was fixed and can no longer change.",
    ),
    _E.GENERATION_REPORT_DOWNLOADED: _W(
        _GENERATION, "Report downloaded", "Somebody downloaded a file of a report."
    ),
    _E.ADJUSTMENT_OPENED: _W(
        _GENERATION,
        "Adjustment opened",
        "Readings of a reported month changed; a corrected draft was opened.",
    ),
    _E.ADJUSTMENT_WITHDRAWN: _W(
        _GENERATION,
        "Adjustment withdrawn",
        "The reported month is right again; the corrected draft was taken back.",
    ),
    _E.REPULL_REQUESTED: _W(
        _DATA, "Range asked for again", "An administrator has a range of readings fetched again."
    ),
    _E.PAYLOAD_VIEWED: _W(
        _ADMIN,
        "Provider's answer looked at",
        "An administrator read the bytes of a stored answer of the provider.",
    ),
    _E.AUTHORIZATION_RECORD_DOWNLOADED: _W(
        _ADMIN,
        "Record of an authorization downloaded",
        "An administrator downloaded all that is kept about an authorization.",
    ),
    _E.DATA_ERASED: _W(
        _DATA, "Kept long enough", "Answers or readings of an ended authorization were deleted."
    ),
    _E.FACILITY_ERASED: _W(
        _FACILITIES,
        "Facility deleted",
        "A facility was deleted at the request of its owner; what reports rest on was kept.",
    ),
    _E.DELETION_REQUESTED: _W(
        _ADMIN, "Deletion asked for", "A person asked to have their data deleted."
    ),
    _E.DELETION_CANCELLED: _W(
        _ADMIN, "Deletion taken back", "A person took the request for deletion back."
    ),
    _E.DELETION_APPROVED: _W(
        _ADMIN, "Deletion decided", "A request for deletion is to be carried out."
    ),
    _E.DELETION_DECLINED: _W(
        _ADMIN, "Deletion declined", "An administrator declined a request for deletion."
    ),
    _E.PERSON_ERASED: _W(
        _ADMIN, "Person deleted", "Name, address and ways in of a person were deleted."
    ),
    _E.DELETION_COMPLETED: _W(
        _ADMIN, "Deletion completed", "Everything is deleted; the receipt was sent."
    ),
    _E.AUDIT_HEAD_KEPT: _W(
        _ADMIN, "Audit log proven", "The log was proven and its head kept outside the database."
    ),
    _E.AUDIT_LOG_ACCEPTED: _W(
        _ADMIN,
        "Broken audit log accepted",
        "The log is not as it was written; it is proven from its head of then on.",
    ),
    _E.AUDIT_ENTRIES_REMOVED: _W(
        _ADMIN, "Old audit entries removed", "Entries kept long enough were removed from the log."
    ),
    _E.SEALING_KEY_CHANGED: _W(
        _ADMIN, "Sealing key changed", "Another key seals tokens and other secrets from now on."
    ),
    _E.SECRETS_RESEALED: _W(
        _ADMIN, "Secrets sealed anew", "Stored secrets were sealed anew with the key in force."
    ),
    _E.SEALING_KEY_GIVEN_UP: _W(
        _ADMIN,
        "Sealing key given up",
        "A lost key was given up; the customers concerned are asked to authorize anew.",
    ),
    _E.BULK_ACTION_REQUESTED: _W(
        _ADMIN, "Bulk action", "Several authorizations were to be retried or ended at once."
    ),
    _E.AUDIT_LOG_EXPORTED: _W(
        _ADMIN, "Audit log exported", "An administrator downloaded entries of the audit log."
    ),
    _E.PAYLOADS_COPIED: _W(
        _ADMIN,
        "Providers' answers copied",
        "The stored answers of the providers were copied to another place.",
    ),
    _E.BACKUP_MADE: _W(
        _ADMIN, "Backup made", "A copy of everything was made outside the database and checked."
    ),
    _E.BACKUP_RESTORED: _W(
        _ADMIN,
        "Backup restored",
        "The database was restored from a backup; what came after the backup is gone.",
    ),
}
