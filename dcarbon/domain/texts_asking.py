"""Words for asking: what people and programs ask of us, and the house itself."""

from __future__ import annotations

from collections.abc import Mapping

from dcarbon.domain.text import Text

_WRONG = "Something in the request is missing or wrong"
_ASK_FOR_LINK = "Please ask for a new one."
_ADMIN = "An administrator has to look at it."

ASKING: Mapping[str, Text] = {
    # Ourselves.
    "internal_error": Text(
        "Something went wrong on our side",
        "Something went wrong on our side. We have been told.",
        "Please try again later.",
    ),
    "metrics_refused": Text(
        "These figures are not for everybody",
        "The figures are read on this machine, or with the token in the setting "
        "DCARBON_METRICS_TOKEN.",
        "Please ask whoever runs this installation for it, and send it as a bearer token.",
    ),
    "not_ready": Text(
        "The service is not ready yet",
        "The service is not ready yet.",
        "Please try again in a moment.",
    ),
    "settings_invalid": Text(
        "A setting is missing or wrong", "A setting is missing or wrong.", _ADMIN
    ),
    "database_unreachable": Text(
        "The database does not answer",
        "PostgreSQL does not answer or refuses us.",
        "Check that it runs and that DCARBON_DATABASE_URL is right.",
    ),
    "embedded_database_failed": Text(
        "The embedded database does not start",
        "The embedded PostgreSQL server does not start.",
        "Its log says why: postgresql/log in the directory of DCarbon.",
    ),
    "schema_behind": Text(
        "The database is of an earlier version",
        "The database schema is not that of this version.",
        "Run: dcarbon migrate",
    ),
    "schema_ahead": Text(
        "The database is of a later version",
        "The database schema is of a version newer than this.",
        "Use that version, or another database.",
    ),
    "schema_in_use": Text(
        "The database was too busy to migrate",
        "A table that a migration has to change was held by others all the time. What was migrated "
        "so far stays.",
        "Run again: dcarbon migrate. If it happens again, look for a transaction that was left "
        "open.",
    ),
    "seal_broken": Text(
        "A stored secret could not be opened", "A stored secret could not be opened.", _ADMIN
    ),
    "seal_key_missing": Text(
        "A stored secret could not be opened",
        "A key that stored secrets are sealed with is not here. Nothing is lost.",
        "An administrator has to put it back.",
    ),
    "seal_key_wrong": Text(
        "A stored secret could not be opened",
        "A key is not the one that stored secrets are sealed with. Nothing is lost.",
        "An administrator has to put the right one back.",
    ),
    "seal_key_here": Text(
        "The key is not lost",
        "This key is there, so nothing was given up.",
        "Run: dcarbon keys list",
    ),
    "no_such_key": Text(
        "No such key",
        "No key with this id has ever sealed anything here.",
        "Run: dcarbon keys list",
    ),
    "keys_changed_meanwhile": Text(
        "Another key was put in force meanwhile",
        "Another key was put in force meanwhile. What was done so far is kept.",
        "Run it again with the settings that name that key.",
    ),
    "audit_entry_invalid": Text(
        "Something went wrong on our side",
        "The audit log could not take an entry, so nothing was changed. We have been told.",
        "Please try again later.",
    ),
    "audit_log_broken": Text(
        "The audit log is not as it was written",
        "Entries of the audit log were changed or are missing.",
        "Run: dcarbon audit verify. It names the entries. Keep a copy of the database as it is now "
        "before anything else, and find out who can reach it as its owner.",
    ),
    "audit_log_whole": Text(
        "The audit log is whole",
        "Every entry is as it was written: there is nothing to accept.",
        "To keep its head of now: dcarbon audit head.",
    ),
    "audit_heads_unreadable": Text(
        "The kept heads of the audit log cannot be used",
        "The file that proves the audit log cannot be read or written.",
        "Look at its rights and its disk, or set DCARBON_AUDIT_HEADS_FILE.",
    ),
    "access_undeclared": Text(
        "Something went wrong on our side",
        "This page does not say who may see it, so nobody may. We have been told.",
        "Please try again later.",
    ),
    "start_failed": Text(
        "Not everything started",
        "A part of DCarbon did not start.",
        "Its log, under .dcarbon/logs, says why.",
    ),
    "demo_failed": Text(
        "The demonstration stopped",
        "The demonstration did not come to its end.",
        "The logs under .dcarbon/logs say why.",
    ),
    "way_lost": Text(
        "The demonstration stopped",
        "The demonstration did not find its way through the utility's pages.",
        "The log of the sandbox, under .dcarbon/logs, says why.",
    ),
    # Mail.
    "mail_server_unavailable": Text(
        "Mail is delayed",
        "The mail server is not taking mail at the moment.",
        "You need not do anything: we keep trying by ourselves.",
    ),
    "mail_refused": Text(
        "A mail could not be delivered",
        "The mail server refused the mail for good.",
        "Please check the address.",
    ),
    "mail_address_invalid": Text(
        "Please check the e-mail address",
        "This is not an e-mail address that mail can go to.",
        "Please give a complete one, like name@company.com.",
    ),
    # Coming in.
    "token_missing": Text(
        "Please sign in",
        "You are not signed in.",
        "Please sign in. Programs send an API token instead, as 'Authorization: Bearer <token>'.",
    ),
    "platform_token_refused": Text(
        "This token does not work",
        "UtilityAPI does not take this token, so nothing was changed.",
        "Please copy it again from the settings of the UtilityAPI dashboard.",
    ),
    "platform_token_same": Text(
        "This token is in use already",
        "This is the token in use, so nothing was changed.",
        "Please make a new one in the settings of the UtilityAPI dashboard.",
    ),
    "no_platform_token": Text(
        "This utility has no token of ours",
        "Only UtilityAPI is reached with a token of the platform's own; at other utilities each "
        "customer's is renewed by itself.",
        "Please name UtilityAPI.",
    ),
    "no_such_administrator": Text(
        "No administrator has this address",
        "The change is written to the audit log with who made it, and no administrator has this "
        "address.",
        "Please give the address you sign in with.",
    ),
    "token_invalid": Text(
        "This API token does not work",
        "This API token is unknown, revoked or expired.",
        "Please use another, or make a new one in your account.",
    ),
    "scope_missing": Text(
        "This API token may not do this",
        "This API token lacks the scope for this.",
        "Please use one that has it.",
    ),
    "scope_not_yours": Text(
        "This token may not be given more than yours",
        "A token cannot make another that may do more than itself.",
        "Please ask for the scopes you have, or sign in and make it in your account.",
    ),
    "admin_needed": Text(
        "This is for administrators",
        "This is for administrators only.",
        "Please ask one, or sign in as one.",
    ),
    "form_refused": Text(
        "This form was not accepted",
        "This form was open for too long, or was not sent from our page. Nothing was changed.",
        "Go back, reload the page, and send it again.",
    ),
    "link_used": Text(
        "This link was used before",
        "This link was used before; each works once.",
        _ASK_FOR_LINK,
    ),
    "link_expired": Text("This link has expired", "This link is no longer good.", _ASK_FOR_LINK),
    "link_unknown": Text(
        "We do not know this link",
        "We do not know this link. It may have been cut off when it was copied.",
        _ASK_FOR_LINK,
    ),
    "sign_in_quota": Text(
        "Too many links were asked for",
        "Too many sign-in links were asked for.",
        "Look into your mail, spam too, for the last one, or try again in an hour.",
    ),
    "signature_invalid": Text(
        "The signature does not fit",
        "The signature does not fit what was sent, so it was not taken.",
        "Check that both sides use the same secret.",
    ),
    "oidc_unavailable": Text(
        "Your company's sign-in is not answering",
        "Your company's sign-in is not answering at the moment.",
        "Please try again a little later, or sign in by mail.",
    ),
    "oidc_refused": Text(
        "Your company's sign-in could not be confirmed",
        "What your company's sign-in answered could not be confirmed, so nobody was let in.",
        "Please sign in by mail, and tell your administrator.",
    ),
    "oidc_state": Text(
        "This sign-in is over",
        "This sign-in was not begun in this browser, or is over.",
        "Please start again.",
    ),
    "oidc_declined": Text(
        "The sign-in was not finished",
        "Your company's sign-in was not finished.",
        "Please try again.",
    ),
    "oidc_address_unverified": Text(
        "Your address is not confirmed",
        "Your company does not vouch for your e-mail address.",
        "Please ask your administrator, or sign in by mail.",
    ),
    "oidc_not_admin": Text(
        "This is for administrators",
        "This way in is for administrators.",
        "Please sign in by mail instead.",
    ),
    # Registering and inviting.
    "answers_invalid": Text(
        "Some answers need another look",
        "Some answers need another look.",
        "The fields concerned say what to change; the rest is kept.",
    ),
    "details_missing": Text(
        "The details are not complete",
        "The facility's details are not complete.",
        "Please complete them first.",
    ),
    "registration_over": Text(
        "This registration is finished",
        "This registration is finished.",
        "Changes are made in the facility's settings.",
    ),
    "too_many_registrations": Text(
        "You have many unfinished registrations",
        "You have many unfinished registrations.",
        "Please go on with one of them, or put some away.",
    ),
    "operator_needed": Text(
        "The operator does this",
        "The operator of this facility authorizes the utility.",
        "Please ask the operator, or invite one.",
    ),
    "owner_needed": Text(
        "The owner does this",
        "Only the owner of this facility can do this.",
        "Please ask the owner.",
    ),
    "invitation_unknown": Text(
        "We do not know this invitation",
        "We do not know this invitation.",
        "Please open the link in your newest mail from us, or ask the owner to invite you again.",
    ),
    "invitation_accepted": Text(
        "This invitation was accepted before",
        "This invitation was accepted before.",
        "Please sign in with the address it was sent to; the facility is in your list.",
    ),
    "invitation_expired": Text(
        "This invitation has expired",
        "This invitation is no longer good.",
        "Please ask the owner to send it again.",
    ),
    "invitation_replaced": Text(
        "There is a newer invitation",
        "A newer invitation was sent for this facility.",
        "Please open the link in the newest mail.",
    ),
    "invitation_withdrawn": Text(
        "This invitation was taken back",
        "The owner took this invitation back.",
        "Please ask the owner if this was not meant.",
    ),
    "invitation_open": Text(
        "An invitation is on its way",
        "An invitation is on its way already.",
        "Send it again, or change its address.",
    ),
    "invitation_missing": Text(
        "No invitation is on its way",
        "No invitation is on its way for this facility.",
        "You can invite an operator.",
    ),
    "invitation_not_needed": Text(
        "Nobody has to be invited",
        "Nobody has to be invited here: either you operate this facility yourself, or its utility "
        "is connected already.",
        "Look at the facility to see how it stands.",
    ),
    "invitation_quota": Text(
        "Many invitations were sent",
        "Many invitations were sent within the hour.",
        "Please wait an hour; the one sent last still works.",
    ),
    "export_quota": Text(
        "Many exports were made",
        "Many exports were made within the hour.",
        "Please wait an hour. One export can hold a whole facility and all its years.",
    ),
    "export_too_large": Text(
        "Too many readings for a workbook",
        "These are more readings than a workbook takes.",
        "Please take CSV or Parquet, or a shorter range.",
    ),
    "event_unknown": Text(
        "There is no such event",
        "This is none of the events that the audit log records.",
        "Choose one from the list, or leave it empty for all.",
    ),
    "ip_unreadable": Text(
        "This is not an IP address",
        "This is neither an IP address nor a network.",
        "Write an address like 203.0.113.9, or a network like 203.0.113.0/24.",
    ),
    "too_many_named": Text(
        "Too many have this name",
        "More than 200 people, facilities or authorizations have this name.",
        "Type more of it, or the id.",
    ),
    "search_too_long": Text(
        "The search takes too long",
        "The search takes too long over so many entries.",
        "Add a range of time, a facility or a person.",
    ),
    "export_interrupted": Text(
        "The export was broken off",
        "New readings came in while they were counted, so the file was broken off.",
        "Please start it once more.",
    ),
    "invited_already_here": Text(
        "This person is here already",
        "This person has a role at this facility already.",
        "Please invite somebody else as operator.",
    ),
    # Requests.
    "invalid_input": Text(
        _WRONG, "Something in the request is missing or wrong.", "Please check it and try again."
    ),
    "request_invalid": Text(
        _WRONG, "Something in the request is missing or wrong.", "Please check it and try again."
    ),
    "invalid_transition": Text(
        "This is not possible now",
        "This is not possible in the present state. Nothing was changed.",
        "Reload the page to see how it stands.",
    ),
    "not_found": Text(
        "Not found",
        "There is no such thing, or it is not yours to see.",
        "Check the address, or sign in as somebody else.",
    ),
    "too_many_requests": Text(
        "Too often in a short time",
        "This was asked for too often.",
        "Please wait an hour, then try again.",
    ),
    "after_invalid": Text(
        "This place in the list is not known",
        "What was given as 'after' names no place in this list.",
        "Please take it from 'next' of the page before, or start without it.",
    ),
    "start_missing": Text(
        "The start is missing", "An end was given without a start.", "Please give both, or none."
    ),
    "time_unreadable": Text(
        "A time could not be read",
        "A time could not be read.",
        "Please write a date like 2026-01-31 or a time like 2026-01-31T00:00:00Z.",
    ),
    "time_naive": Text(
        "A time has no offset",
        "A time has no UTC offset, so it could be any of several.",
        "Please write it like 2026-01-31T00:00:00Z or with -08:00 at its end.",
    ),
    "range_half": Text(
        "One end of the range is missing",
        "Only one end of the range was given.",
        "Please give both, or choose a preset.",
    ),
    "range_reversed": Text(
        "The range is the wrong way round",
        "The start is not before the end.",
        "Please give an earlier start or a later end.",
    ),
    "range_absurd": Text(
        "There are no readings at this time",
        "The range does not lie between the year 2000 and a year from now.",
        "Please choose another.",
    ),
    "range_too_long": Text(
        "The range is too long",
        "The range is longer than can be asked for at a time.",
        "Please ask for it in parts.",
    ),
    "json_malformed": Text(
        "The request could not be read",
        "The body is not valid JSON.",
        "Please check it and send it again.",
    ),
    "route_unknown": Text(
        "Not found",
        "There is nothing at this address.",
        "The API description lists what is.",
    ),
    "method_not_allowed": Text(
        "This method is not offered here",
        "This address does not offer that method.",
        "The Allow header says which it offers.",
    ),
    "body_too_large": Text(
        "The request is too large",
        "The body is larger than this address accepts.",
        "Please send less at a time.",
    ),
    "media_type_unsupported": Text(
        "This media type is not accepted",
        "This address takes JSON only.",
        "Please send it with 'Content-Type: application/json'.",
    ),
}
