"""Who may use which route, and what they are answered: the table the walk is checked against.

A row says what a route is about, how it answers whom it lets in, and the request that gets so far.
``{facility}`` and the like in a request stand for ids of things made anew for each request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from tests.integration.api.pages import DETAILS

ROLES = ("owner", "operator", "other_owner", "resident", "admin")
"""Of the facility asked about: its plain owner and its operator, and people without a role."""


class Kind(Enum):
    """What a route is about. The value is who is let in, and how who is not is refused."""

    PUBLIC = "anybody"
    PROGRAMS = "programs of the utilities"
    PERSON = "whoever is signed in, about their own things"
    SEES = "who may see the facility"
    MAY_AUTHORIZE = "who may authorize the facility"
    MAY_EDIT = "who administers the facility"
    OWN = "the one person whose thing it is"
    OWN_OR_ADMIN = "the one person whose way in it is; administrators may end it"
    ADMIN = "administrators"

    def refusals(self) -> Mapping[str, int]:
        """Return the status of who is refused, by role."""
        strangers = dict.fromkeys(("other_owner", "resident"), 404)
        return {
            Kind.SEES: strangers,
            Kind.MAY_AUTHORIZE: {**strangers, "owner": 403},
            Kind.MAY_EDIT: {**strangers, "operator": 403},
            Kind.OWN: dict.fromkeys(("operator", "other_owner", "resident", "admin"), 404),
            Kind.OWN_OR_ADMIN: {**strangers, "operator": 404},
            Kind.ADMIN: dict.fromkeys(("owner", "operator", "other_owner", "resident"), 403),
        }.get(self, {})


@dataclass(frozen=True, slots=True)
class Row:
    """One route: its kind, its answer to whom it lets in, and how to ask."""

    kind: Kind
    done: int
    send: Mapping[str, object] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    state: Literal["none", "authorized", "failed", "invited"] = "authorized"
    refused: Mapping[str, int] = field(default_factory=dict)
    """Where a refusal has another status than its kind's."""

    def expected(self, role: str) -> int:
        return {**self.kind.refusals(), **self.refused}.get(role, self.done)

    def lets_in(self, role: str) -> bool:
        return role not in self.kind.refusals()


_CHOICE = {"go": "green_button", "provider": "pge"}
_ASKED = {"email": "oscar@example.org"}
_OTHER = {"email": "olga@example.org"}
_UNIT = {
    "name": "Roof",
    "nameplate_kw": "49.5",
    "commercial_operation_date": "2024-05-31",
    "fuel": "solar",
    "registry": "wregis",
}
_CLAIMED = {"meter_id": "{claimable}", "first_day": "2026-03-01"}
_MONTH = {"unit": "{claimed_unit}", "month": "2026-03"}
_LEAST = {"name": "Plant", "account_kind": "commercial", "role": "owner"}
_TOLD = {"operator": 409}
"""Pages say to operators that there is nobody to invite."""

ROWS: Mapping[str, Row] = {
    # Open to anybody
    "static": Row(Kind.PUBLIC, 200),
    "pages.home": Row(Kind.PUBLIC, 200),
    "pages.docs": Row(Kind.PUBLIC, 200),
    "pages.description": Row(Kind.PUBLIC, 200),
    "health.healthz": Row(Kind.PUBLIC, 200),
    "health.readyz": Row(Kind.PUBLIC, 200),
    "metrics.read_metrics": Row(Kind.PUBLIC, 200),
    "sign_in.ask": Row(Kind.PUBLIC, 200, refused=dict.fromkeys(ROLES, 303)),
    "sign_in.send_link": Row(Kind.PUBLIC, 303, _ASKED),
    "sign_in.sent": Row(Kind.PUBLIC, 303),
    "sign_in.look": Row(Kind.PUBLIC, 404),
    "sign_in.use": Row(Kind.PUBLIC, 404),
    "sign_in.sign_out": Row(Kind.PUBLIC, 303),
    "company_sign_in.start": Row(Kind.PUBLIC, 404),
    "company_sign_in.callback": Row(Kind.PUBLIC, 404),
    "invitations.look_at_invitation": Row(Kind.PUBLIC, 200),
    "invitations.accept_invitation": Row(Kind.PUBLIC, 409),
    "operators.look": Row(Kind.PUBLIC, 404),
    "operators.accept": Row(Kind.PUBLIC, 404),
    "green_button.callback": Row(Kind.PUBLIC, 409, refused=dict.fromkeys(ROLES, 303)),
    "utilityapi.returned": Row(Kind.PUBLIC, 409, refused=dict.fromkeys(ROLES, 303)),
    "green_button.notify": Row(Kind.PROGRAMS, 422),
    "utilityapi.webhook": Row(Kind.PROGRAMS, 403),
    # About the person asking
    "account.show": Row(Kind.PERSON, 200),
    "account.change_profile": Row(
        Kind.PERSON, 303, {"profile-name": "Pat", "profile-account_kind": "commercial"}
    ),
    "account.create_token": Row(Kind.PERSON, 200, {"token-name": "x", "token-scope": "read"}),
    "account.end_token": Row(Kind.OWN_OR_ADMIN, 303),
    "account.end_session": Row(Kind.OWN_OR_ADMIN, 303),
    "account.end_other_sessions": Row(Kind.PERSON, 303),
    "account_api.read_account": Row(Kind.PERSON, 200),
    "account_api.list_tokens": Row(Kind.PERSON, 200),
    "account_api.make_token": Row(Kind.PERSON, 201, {"name": "x", "scopes": ["read"]}),
    "account_api.revoke_token": Row(Kind.OWN_OR_ADMIN, 204),
    "account_api.list_sessions": Row(Kind.PERSON, 200),
    "account_api.sign_browser_out": Row(Kind.OWN_OR_ADMIN, 204),
    "account_deletion.show": Row(Kind.PERSON, 200),
    "account_deletion.ask": Row(Kind.PERSON, 303, {"understood": "y"}),
    "account_deletion.cancel": Row(Kind.PERSON, 303),
    "deletions_api.read_own_deletion": Row(Kind.PERSON, 200),
    # The only administrator cannot go
    "deletions_api.ask_for_deletion": Row(Kind.PERSON, 200, refused={"admin": 409}),
    "deletions_api.take_deletion_back": Row(Kind.PERSON, 204),
    "deletion_receipts.show": Row(Kind.PUBLIC, 404),
    "deletion_receipts.pdf": Row(Kind.PUBLIC, 404),
    "deletion_receipts.json": Row(Kind.PUBLIC, 404),
    "admin_deletions.index": Row(Kind.ADMIN, 200),
    "admin_deletions.show": Row(Kind.ADMIN, 200),
    "admin_deletions.approve": Row(Kind.ADMIN, 303),
    "admin_deletions.decline": Row(Kind.ADMIN, 303, {"reason": "A dispute is open."}),
    "deletions_api.list_deletions": Row(Kind.ADMIN, 200),
    "deletions_api.read_deletion": Row(Kind.ADMIN, 200),
    "deletions_api.approve_deletion": Row(Kind.ADMIN, 200),
    "deletions_api.decline_deletion": Row(Kind.ADMIN, 200, {"reason": "A dispute is open."}),
    # Not done yet
    "deletions_api.download_receipt": Row(Kind.ADMIN, 404),
    "deletions_api.download_receipt_pdf": Row(Kind.ADMIN, 404),
    "sign_in.welcome": Row(Kind.PERSON, 200),
    "sign_in.introduce": Row(Kind.PERSON, 303, {"name": "Pat", "account_kind": "commercial"}),
    "dashboard.index": Row(Kind.PERSON, 200),
    "connection.utilities": Row(Kind.PERSON, 200),
    "connection.not_taken": Row(Kind.PERSON, 200),
    "utilities.list_utilities": Row(Kind.PERSON, 200),
    "facilities.register_facility": Row(Kind.PERSON, 201, _LEAST),
    "facilities.list_facilities": Row(Kind.PERSON, 200),
    "registrations.list_registrations": Row(Kind.PERSON, 200),
    "registrations.start_registration": Row(Kind.PERSON, 201),
    "new_facility.start": Row(Kind.PERSON, 200),
    "new_facility.begin": Row(Kind.PERSON, 303),
    "new_facility.begin_another": Row(Kind.PERSON, 303),
    # One registration
    "registrations.read_registration": Row(Kind.OWN, 200),
    "registrations.answer_role": Row(Kind.OWN, 200, {"role": "owner"}),
    "registrations.answer_details": Row(Kind.OWN, 200, {"name": "Plant"}),
    "registrations.choose_utility": Row(
        Kind.OWN, 409, {"method": "green_button", "utility": "pge"}
    ),
    "registrations.put_registration_away": Row(Kind.OWN, 204),
    "new_facility.show": Row(Kind.OWN, 200),
    "new_facility.role": Row(Kind.OWN, 200),
    "new_facility.answer_role": Row(Kind.OWN, 303, {"role": "owner"}),
    "new_facility.answer_details": Row(Kind.OWN, 303, {"name": "Plant", "go": "save"}),
    "new_facility.put_away": Row(Kind.OWN, 303),
    # One facility: looking
    "dashboard.facility": Row(Kind.SEES, 200),
    "facilities.read_facility": Row(Kind.SEES, 200),
    "facility_settings.show": Row(Kind.SEES, 200),
    "readings.show": Row(Kind.SEES, 200),
    "readings_api.read_chart": Row(Kind.SEES, 200, query={"meter": "{meter}"}),
    "facility_settings.confirm_end": Row(Kind.SEES, 200),
    "connection.outcome": Row(Kind.SEES, 200),
    "connection.watch": Row(Kind.SEES, 303),
    "authorizations.list_authorizations": Row(Kind.SEES, 200),
    "invitations.read_invitation": Row(Kind.SEES, 200, state="invited"),
    "meters.list_meters": Row(Kind.SEES, 200, query={"facility_id": "{facility}"}),
    "coverage.show": Row(Kind.SEES, 200, query={"meter": "{meter}"}),
    "coverage.day": Row(Kind.SEES, 200),
    "coverage_api.read_coverage": Row(Kind.SEES, 200, query={"meter": "{meter}"}),
    "coverage_api.read_coverage_day": Row(Kind.SEES, 200),
    "changes.show": Row(Kind.SEES, 200, query={"meter": "{meter}"}),
    "changes_api.read_changes": Row(Kind.SEES, 200, query={"meter": "{meter}"}),
    "activity.show": Row(Kind.SEES, 200),
    "activity_api.read_activity": Row(Kind.SEES, 200),
    "exports.show": Row(Kind.SEES, 200),
    # Before there are readings, its page says so
    "exports.download": Row(Kind.SEES, 422),
    "exports.about": Row(Kind.SEES, 422),
    "exports_api.export_readings": Row(
        Kind.SEES,
        200,
        query={"meter_id": "{meter}", "start": "2026-03-19", "end": "2026-03-20"},
    ),
    "exports_api.describe_export": Row(
        Kind.SEES,
        200,
        query={"facility_id": "{facility}", "start": "2026-03-19", "end": "2026-03-20"},
    ),
    "intervals.read_intervals": Row(
        Kind.SEES,
        200,
        query={"meter_id": "{meter}", "start": "2026-03-19", "end": "2026-03-20"},
    ),
    "daily_energy.read_daily_energy": Row(
        Kind.SEES,
        200,
        query={"meter_id": "{meter}", "start": "2026-03-19", "end": "2026-03-20"},
    ),
    "green_button.green_button_status": Row(
        Kind.SEES, 200, query={"sessionId": "{green_button}"}, state="none"
    ),
    "utilityapi.utilityapi_status": Row(
        Kind.SEES, 200, query={"sessionId": "{utilityapi}"}, state="none"
    ),
    # One facility: what is claimed is the business of everybody with a role there
    "generation.show": Row(Kind.SEES, 200),
    "generation.new_unit": Row(Kind.SEES, 200),
    "generation.create_unit": Row(Kind.SEES, 303, _UNIT),
    "generation.edit_unit": Row(Kind.SEES, 200),
    "generation.save_unit": Row(Kind.SEES, 303, _UNIT),
    "generation.confirm_removal": Row(Kind.SEES, 200),
    "generation.remove_unit": Row(Kind.SEES, 303),
    "generation.new_claim": Row(Kind.SEES, 200),
    "generation.claim_meter": Row(Kind.SEES, 303, _CLAIMED),
    "generation.show_claim": Row(Kind.SEES, 200),
    "generation.end_claim": Row(Kind.SEES, 303, {"last_day": "2026-03-02"}),
    "generation.withdraw_claim": Row(Kind.SEES, 303),
    "generation.channel": Row(Kind.SEES, 200),
    "generation.choose": Row(Kind.SEES, 303, {"eligibility": "consumption"}),
    "generating_units.read_generation": Row(Kind.SEES, 200),
    "generating_units.register_unit": Row(Kind.SEES, 201, _UNIT),
    "generating_units.read_unit": Row(Kind.SEES, 200),
    "generating_units.change_unit": Row(Kind.SEES, 200, {"name": "Shed"}),
    "generating_units.remove_unit": Row(Kind.SEES, 204),
    "generating_units.claim_meter": Row(Kind.SEES, 201, {**_CLAIMED, "basis": "hourly_export"}),
    "generating_units.end_claim": Row(Kind.SEES, 200, {"last_day": "2026-03-02"}),
    "generating_units.withdraw_claim": Row(Kind.SEES, 204),
    "generating_units.read_eligibility": Row(Kind.SEES, 200),
    "generating_units.choose_eligibility": Row(Kind.SEES, 200, {"eligibility": "consumption"}),
    "generation_reports.prepare": Row(Kind.SEES, 303, _MONTH),
    "generation_reports.show": Row(Kind.SEES, 200),
    "generation_reports.finalise": Row(Kind.SEES, 303),
    "generation_reports_api.read_unit_reports": Row(Kind.SEES, 200),
    "generation_reports_api.prepare_report": Row(
        Kind.SEES, 201, {"generating_unit_id": "{claimed_unit}", "month": "2026-03"}
    ),
    "generation_reports_api.read_report": Row(Kind.SEES, 200),
    # A month that is not over: neither final, nor are there files of it
    "generation_reports_api.finalise_report": Row(Kind.SEES, 409),
    "generation_reports_api.download_file": Row(Kind.SEES, 409),
    "generation_reports_api.download_statement": Row(Kind.SEES, 409),
    "generation_reports_api.download_evidence": Row(Kind.SEES, 409),
    # One facility: the owner's consent is theirs to end, too
    "authorizations.end_authorization": Row(Kind.SEES, 200, {"reason": "moved"}),
    "facility_settings.end_access": Row(Kind.SEES, 303),
    # One facility: authorizing
    "connection.choose": Row(Kind.MAY_AUTHORIZE, 200, state="none"),
    "connection.start": Row(Kind.MAY_AUTHORIZE, 200, _CHOICE, state="none"),
    "green_button.start_green_button": Row(
        Kind.MAY_AUTHORIZE, 200, {"facility_id": "{facility}", "provider": "pge"}, state="none"
    ),
    "utilityapi.start_utilityapi": Row(
        Kind.MAY_AUTHORIZE, 200, {"facility_id": "{facility}", "utility": "DEMO"}, state="none"
    ),
    "authorizations.retry_authorization": Row(Kind.MAY_AUTHORIZE, 200, state="failed"),
    "authorizations.collect_now": Row(Kind.MAY_AUTHORIZE, 202),
    "authorizations.preview_provider_change": Row(Kind.MAY_AUTHORIZE, 200),
    "authorizations.change_provider": Row(Kind.MAY_AUTHORIZE, 200, {}),
    "facility_settings.confirm_change": Row(Kind.MAY_AUTHORIZE, 200),
    "facility_settings.change": Row(Kind.MAY_AUTHORIZE, 303),
    "facility_settings.collect_first": Row(Kind.MAY_AUTHORIZE, 303),
    # One facility: administering
    "facilities.change_facility": Row(Kind.MAY_EDIT, 200, {"name": "Barn"}),
    "facility_settings.save": Row(Kind.MAY_EDIT, 303, {**DETAILS, "name": "Barn"}),
    "invitations.invite_operator": Row(Kind.MAY_EDIT, 201, _ASKED, state="none"),
    "invitations.change_invitation": Row(Kind.MAY_EDIT, 200, _OTHER, state="invited"),
    "invitations.resend_invitation": Row(Kind.MAY_EDIT, 200, state="invited"),
    "invitations.withdraw_invitation": Row(Kind.MAY_EDIT, 204, state="invited"),
    "operators.invite": Row(Kind.MAY_EDIT, 200, state="invited", refused=_TOLD),
    "operators.send": Row(Kind.MAY_EDIT, 303, _OTHER, state="invited", refused=_TOLD),
    # Refused by a message on the facility's page
    "operators.resend": Row(Kind.MAY_EDIT, 303, state="invited", refused={"operator": 303}),
    # How the house is
    "admin_system.index": Row(Kind.ADMIN, 200),
    "admin_system_api.read_system": Row(Kind.ADMIN, 200),
    # Administrators: the audit log
    "admin_audit.index": Row(Kind.ADMIN, 200),
    "admin_audit_api.search_audit_log": Row(Kind.ADMIN, 200),
    "admin_audit_api.export_audit_log": Row(Kind.ADMIN, 200),
    # All authorizations
    "admin_authorizations.start": Row(Kind.ADMIN, 303),
    "admin_authorizations.at_api_address": Row(Kind.ADMIN, 303),
    "admin_authorizations.index": Row(Kind.ADMIN, 200),
    "admin_authorizations_api.list_all_authorizations": Row(Kind.ADMIN, 200),
    "admin_bulk.preview": Row(Kind.ADMIN, 200, query={"kind": "revoke", "id": "{authorization}"}),
    "admin_bulk.start": Row(
        Kind.ADMIN, 303, {"kind": "revoke", "id": "{authorization}", "reason": "moved"}
    ),
    "admin_bulk.show": Row(Kind.ADMIN, 200),
    "admin_bulk.go_on": Row(Kind.ADMIN, 303),
    "admin_bulk_api.preview_bulk_action": Row(
        Kind.ADMIN, 200, {"kind": "retry", "authorization_ids": ["{authorization}"]}
    ),
    "admin_bulk_api.start_bulk_action": Row(
        Kind.ADMIN, 202, {"kind": "retry", "authorization_ids": ["{authorization}"]}
    ),
    "admin_bulk_api.read_bulk_action": Row(Kind.ADMIN, 200),
    # Administrators: one authorization
    "admin_authorization.show": Row(Kind.ADMIN, 200),
    "admin_authorization.at_api_address": Row(Kind.ADMIN, 303),
    "admin_authorization.watch": Row(Kind.ADMIN, 303),
    "admin_authorization.attempts": Row(Kind.ADMIN, 200),
    "admin_authorization.payloads": Row(Kind.ADMIN, 200),
    "admin_authorization.payload": Row(Kind.ADMIN, 200),
    "admin_authorization.look": Row(Kind.ADMIN, 200),
    "admin_authorization_actions.confirm_retry": Row(Kind.ADMIN, 200, state="failed"),
    "admin_authorization_actions.retry": Row(Kind.ADMIN, 303, state="failed"),
    "admin_authorization_actions.confirm_revoke": Row(Kind.ADMIN, 200),
    "admin_authorization_actions.revoke": Row(Kind.ADMIN, 303, {"reason": "Sold."}),
    "admin_authorization_actions.choose_range": Row(Kind.ADMIN, 200),
    "admin_authorization_actions.repull": Row(
        Kind.ADMIN, 303, {"first_day": "2026-03-01", "last_day": "2026-03-02"}
    ),
    "admin_authorization_api.read_authorization": Row(Kind.ADMIN, 200),
    "admin_authorization_api.read_progress": Row(Kind.ADMIN, 200),
    "admin_authorization_api.list_sync_attempts": Row(Kind.ADMIN, 200),
    "admin_authorization_api.list_payloads": Row(Kind.ADMIN, 200),
    "admin_authorization_api.read_payload": Row(Kind.ADMIN, 200),
    "admin_authorization_api.download_record_csv": Row(Kind.ADMIN, 200),
    "admin_authorization_api.download_record_pdf": Row(Kind.ADMIN, 200),
    "admin_authorization_api.start_again": Row(Kind.MAY_AUTHORIZE, 200, state="failed"),
    "admin_authorization_api.fetch_again": Row(Kind.ADMIN, 202, {"start": "2026-03-01"}),
}
