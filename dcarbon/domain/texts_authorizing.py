"""Words for authorizing: on the way to the utility and back, and when the consent is gone."""

from __future__ import annotations

from collections.abc import Mapping

from dcarbon.domain.text import Text

_START_AGAIN = "Please start again."
_WE_KNOW = "You need not do anything: we have been told. Please try again tomorrow."
_NOT_STARTED = "The utility could not start the authorization. Nothing was shared."

AUTHORIZING: Mapping[str, Text] = {
    # Refused or broken off by a person.
    "authorization_declined": Text(
        "The authorization was declined",
        "The authorization was declined at the utility, so no data is shared.",
        "If that was not meant, you can start it again.",
    ),
    "access_denied": Text(
        "The authorization was declined",
        "The authorization was declined or cancelled at the utility, so no data is shared.",
        "If that was not meant, you can start it again.",
    ),
    "scope_too_narrow": Text(
        "Readings were left out",
        "The consent at the utility leaves out the meter's interval readings, which we need.",
        "Please start again and leave the interval or usage data ticked.",
    ),
    "access_invalid": Text(
        "The sign-in at the utility did not work",
        "The utility did not accept the sign-in.",
        "Please check it on the utility's own website, then start again.",
    ),
    "access_locked": Text(
        "The account at the utility is locked",
        "The account at the utility is locked.",
        "Please unlock it there, then start again.",
    ),
    "incomplete_registration": Text(
        "The account at the utility is not complete",
        "The account at the utility is not fully registered.",
        "Please finish that on the utility's website, then start again.",
    ),
    # The way back to us.
    "state_missing": Text(
        "The utility's answer was incomplete",
        "The utility's answer was incomplete, so we cannot tell which attempt it belongs to.",
        _START_AGAIN,
    ),
    "state_unknown": Text(
        "We do not know this attempt",
        "We do not know this attempt to authorize. It may have been started long ago.",
        _START_AGAIN,
    ),
    "state_used": Text(
        "This answer was already used",
        "This answer of the utility was already used; each counts once.",
        "Look at the facility to see how it stands.",
    ),
    "state_expired": Text(
        "This attempt took too long",
        "This attempt took longer than half an hour, so it was ended for safety.",
        _START_AGAIN,
    ),
    "state_other_browser": Text(
        "This attempt was started in another browser",
        "This attempt was started in another browser, or the cookies of this one were cleared.",
        "Please finish it where you started, or start again here.",
    ),
    "code_missing": Text(
        "The utility's answer was incomplete",
        "The utility sent you back without saying whether the access was granted.",
        _START_AGAIN,
    ),
    "referral_missing": Text(
        "The utility's answer was incomplete",
        "UtilityAPI sent you back without saying which authorization is yours.",
        _START_AGAIN,
    ),
    "authorization_not_wanted": Text(
        "This access is not used",
        "This facility was changed while you were at the utility. The access you just gave is not "
        "used and is being ended again.",
        "Look at the facility to see what holds.",
    ),
    # The utility does not take what we sent.
    "oauth_invalid_request": Text("The authorization could not start", _NOT_STARTED, _WE_KNOW),
    "oauth_invalid_scope": Text(
        "The authorization could not start",
        "The utility does not offer the data we asked for. Nothing was shared.",
        _WE_KNOW,
    ),
    "oauth_unsupported_grant_type": Text(
        "The authorization could not start", _NOT_STARTED, _WE_KNOW
    ),
    "oauth_unsupported_response_type": Text(
        "The authorization could not start", _NOT_STARTED, _WE_KNOW
    ),
    "oauth_unknown": Text(
        "The authorization could not start",
        "The utility ended the authorization for a reason we do not know. Nothing was shared.",
        "You can start it again. If it ends the same way, please write to us.",
    ),
    "form_invalid_request": Text("The authorization could not start", _NOT_STARTED, _WE_KNOW),
    "form_invalid_scope": Text("The authorization could not start", _NOT_STARTED, _WE_KNOW),
    "form_unknown": Text(
        "The authorization could not start",
        "UtilityAPI ended the authorization for a reason we do not know. Nothing was shared.",
        "You can start it again. If it ends the same way, please write to us.",
    ),
    "no_refresh_token": Text(
        "The authorization is too short",
        "The utility granted access for one moment only, not for collecting every day.",
        _WE_KNOW,
    ),
    "no_resource_uri": Text(
        "The utility's grant was incomplete",
        "The utility granted access and did not say where the readings are.",
        _WE_KNOW,
    ),
    "no_external_id": Text(
        "The utility's grant was incomplete",
        "UtilityAPI granted access without a number for it.",
        _WE_KNOW,
    ),
    "token_response_unreadable": Text(
        "The utility's answer could not be read",
        "The utility confirmed the access with something we could not read.",
        _WE_KNOW,
    ),
    "token_response_incomplete": Text(
        "The utility's answer was incomplete",
        "The utility confirmed the access without the key to it.",
        _WE_KNOW,
    ),
    # The consent is gone, or our own registration.
    "reauthorization_required": Text(
        "Needs reauthorization",
        "The utility no longer accepts our access to this facility's readings.",
        "Please authorize it again.",
    ),
    "access_token_rejected": Text(
        "Needs reauthorization",
        "The utility no longer accepts our access to this facility's readings.",
        "Please authorize it again.",
    ),
    "consent_ended": Text(
        "Needs reauthorization",
        "The time for which this facility's readings were shared has run out. What was collected "
        "is kept.",
        "To go on, please authorize the utility again.",
    ),
    "revoked_at_provider": Text(
        "Access was ended at the utility",
        "The access to this facility's readings was ended at the utility. What was collected is "
        "kept.",
        "To collect again, please authorize the utility again.",
    ),
    "seal_key_lost": Text(
        "Needs reauthorization",
        "DCarbon has lost its own key to the access you gave. What was collected is kept.",
        "To go on, please authorize the utility again.",
    ),
    "access_ended": Text(
        "The access was ended",
        "The access to this facility's readings was ended here.",
        "To collect again, please authorize the utility again.",
    ),
    "client_credentials_rejected": Text(
        "The utility does not know us at the moment",
        "The utility does not accept DCarbon's registration.",
        "You need not do anything: we have been told and put it right.",
    ),
    "client_token_rejected": Text(
        "The utility does not know us at the moment",
        "The utility does not accept DCarbon's registration.",
        "You need not do anything: we have been told and put it right.",
    ),
    "provider_payment_required": Text(
        "The data service needs an administrator",
        "The data service needs an administrator's attention before it goes on.",
        "You need not do anything: we have been told.",
    ),
    "provider_not_set_up": Text(
        "This utility is not available yet",
        "This utility is not set up here.",
        "Please choose another way, or write to us.",
    ),
    # What does not fit the present state.
    "already_authorized": Text(
        "This facility is already authorized",
        "This facility is already authorized.",
        "To use another utility, change the provider in the facility's settings.",
    ),
    "not_authorized": Text(
        "This facility is not authorized",
        "This facility is not authorized; there is nothing to collect.",
        "Please authorize a utility first.",
    ),
    "utility_not_chosen": Text(
        "No utility is chosen",
        "No utility is chosen for this facility.",
        "Please choose one.",
    ),
    "nothing_to_retry": Text(
        "There is nothing to retry",
        "This authorization works; there is nothing to retry.",
        "Its readings come in every day by themselves.",
    ),
    "ended_on_purpose": Text(
        "This access was ended",
        "This access was ended on purpose and cannot be taken up again.",
        "To collect again, please authorize a utility on the facility's page.",
    ),
    "nobody_may_authorize": Text(
        "Nobody can authorize this facility",
        "Nobody at this facility may authorize its utility, so nobody was asked.",
        "The owner has to invite an operator.",
    ),
    "reason_needed": Text(
        "A reason is needed",
        "An administrator who ends somebody's access says why.",
        "Please give a reason; the people of the facility will read it.",
    ),
    "nobody_came_back": Text(
        "The authorization was not finished",
        "Nobody came back from the utility within half an hour, so the attempt was ended.",
        _START_AGAIN,
    ),
    "return_cut_off": Text(
        "The authorization was not finished",
        "We were interrupted when you came back from the utility, so the attempt was ended.",
        _START_AGAIN,
    ),
    "nothing_to_change": Text(
        "There is nothing to change",
        "No authorization is in force here.",
        "Please choose a utility.",
    ),
    "not_revoked": Text(
        "The access has not ended at the provider yet",
        "The provider has not confirmed that the access has ended. Here it has.",
        "You need not do anything: we ask again until it is confirmed.",
    ),
}
