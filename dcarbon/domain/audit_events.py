"""The closed list of what the audit log records: past tense, never renamed."""

from __future__ import annotations

from enum import StrEnum


class AuditEvent(StrEnum):
    PERSON_CREATED = "person_created"
    PERSON_UPDATED = "person_updated"
    FACILITY_CREATED = "facility_created"
    API_TOKEN_CREATED = "api_token_created"  # noqa: S105 — the name of an event
    API_TOKEN_REVOKED = "api_token_revoked"  # noqa: S105 — the name of an event
    AUTHORIZATION_STARTED = "authorization_started"
    AUTHORIZATION_CREATED = "authorization_created"
    AUTHORIZATION_FAILED = "authorization_failed"
    AUTHORIZATION_EXPIRED = "authorization_expired"
    AUTHORIZATION_REVOKED = "authorization_revoked"
    AUTHORIZATION_ENDED_AT_PROVIDER = "authorization_ended_at_provider"
    METERS_IMPORTED = "meters_imported"
    INTERVAL_DATA_IMPORTED = "interval_data_imported"
    FILE_IMPORTED = "file_imported"
    PAYLOAD_UNREADABLE = "payload_unreadable"
    COLLECTION_REQUESTED = "collection_requested"
    SIGNED_IN = "signed_in"
    SIGNED_OUT = "signed_out"
    SESSION_ENDED = "session_ended"
    ADMIN_CREATED = "admin_created"
    FACILITY_UPDATED = "facility_updated"
    REGISTRATION_STARTED = "registration_started"
    REGISTRATION_ENDED = "registration_ended"
    OPERATOR_INVITED = "operator_invited"
    INVITATION_ENDED = "invitation_ended"
    INVITATION_ACCEPTED = "invitation_accepted"
    AUTHORIZATION_METHOD_CHANGED = "authorization_method_changed"
    AUTHORIZATION_RETRIED = "authorization_retried"
    TOKEN_ROTATED = "token_rotated"  # noqa: S105 — the name of an event
    TOKEN_ROTATION_FAILED = "token_rotation_failed"  # noqa: S105 — the name of an event
    PLATFORM_TOKEN_ROTATED = "platform_token_rotated"  # noqa: S105 — the name of an event
    CONSENT_ENDING_ANNOUNCED = "consent_ending_announced"
    PROVIDER_DOWN = "provider_down"
    PROVIDER_RECOVERED = "provider_recovered"
    PAYLOADS_REPLAYED = "payloads_replayed"
    DATA_EXPORTED = "data_exported"
    GENERATING_UNIT_CREATED = "generating_unit_created"
    GENERATING_UNIT_UPDATED = "generating_unit_updated"
    GENERATING_UNIT_REMOVED = "generating_unit_removed"
    CHANNEL_ELIGIBILITY_CHOSEN = "channel_eligibility_chosen"
    METER_CLAIMED = "meter_claimed"
    METER_CLAIM_ENDED = "meter_claim_ended"
    METER_CLAIM_WITHDRAWN = "meter_claim_withdrawn"
    GENERATION_REPORT_PREPARED = "generation_report_prepared"
    GENERATION_REPORT_FINALISED = "generation_report_finalised"
    GENERATION_REPORT_DOWNLOADED = "generation_report_downloaded"
    ADJUSTMENT_OPENED = "adjustment_opened"
    ADJUSTMENT_WITHDRAWN = "adjustment_withdrawn"
