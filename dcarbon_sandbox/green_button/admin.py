"""What an administrator of the sandbox can do to a custodian: make, end, expire, announce."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from dcarbon_sandbox.customers import SandboxCustomer, generated_customer
from dcarbon_sandbox.green_button import scopes
from dcarbon_sandbox.green_button.custodian import Custodian
from dcarbon_sandbox.green_button.store import SECTION, Authorization, Consent, Store

VERBS: Mapping[str, str] = {
    "revoke": "the customer ends it; a notification names it",
    "expire": "its period ends now; no notification",
    "expire-tokens": "its access tokens end now, the refresh token lives",
    "notify": "a notification names it, nothing else changes",
    "announce-data": "a notification names its batch subscription",
}
_HISTORY_S = 63_072_000
_MOST = 50_000


def described(custodian: Custodian) -> dict[str, Any]:
    """Return a utility's endpoints, registered client and switches. The client is documented."""
    profile = custodian.profile
    return {
        "name": profile.name,
        "placeholder_endpoints": profile.placeholder,
        "authorize": custodian.uri(profile.authorize_path),
        "token": custodian.uri(profile.token_path),
        "revoke": custodian.uri(profile.revoke_path),
        "resources": custodian.base,
        "client_id": profile.client_id,
        "client_secret": profile.client_secret,
        "registration_access_token": profile.registration_token,
        "application_information_id": profile.application_id,
        "bulk_id": profile.bulk_id,
        "scope": profile.default_scope,
        "notification_uri": custodian.around.notifier.uri_of(profile.code),
        "switches": custodian.switches.as_json(),
    }


def shown(store: Store, authorization: Authorization) -> dict[str, Any]:
    """Return an authorization without its tokens."""
    return {
        "id": authorization.id,
        "utility": authorization.utility,
        "login": authorization.login,
        "scope": authorization.scope,
        "groups": list(authorization.groups),
        "meters": list(authorization.meters),
        "status": authorization.status,
        "live": authorization.is_live(store.now()),
        "created_at": authorization.created_at,
        "until": authorization.until,
    }


def create(custodians: Mapping[str, Custodian], sent: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Grant without the pages: for one ``login``, or for ``count`` generated customers.

    Returns a token response for each, as the token endpoint would. ``first`` numbers the first
    generated customer. Raises ``KeyError`` or ``ValueError`` for what does not exist.
    """
    code = str(sent.get("utility", "pge"))
    if code not in custodians:
        raise ValueError(f"unknown utility {code!r}")
    custodian = custodians[code]
    if "login" in sent:
        customer = custodian.customer(str(sent["login"]))
        if customer is None:
            raise ValueError("no customer with this login at this utility")
        return [_granted(custodian, customer)]
    first, count = int(sent.get("first", 0)), int(sent["count"])
    if not 1 <= count <= _MOST:
        raise ValueError(f"count must be 1 to {_MOST}")
    # One change of the state for all: 10,000 single ones would be written over and over.
    with custodian.store.state.changing(SECTION):
        return [_granted(custodian, generated_customer(first + n)) for n in range(count)]


def _granted(custodian: Custodian, customer: SandboxCustomer) -> dict[str, Any]:
    profile, store, switches = custodian.profile, custodian.store, custodian.switches
    scope = scopes.granted(
        profile, profile.default_scope, scopes.GROUPS, customer.meters, _HISTORY_S
    )
    consent = Consent(
        login=customer.login,
        scope=scope,
        groups=scopes.GROUPS,
        meters=tuple(meter.id for meter in customer.meters),
        history_s=_HISTORY_S,
        until=0,
    )
    authorization = store.grant(profile, consent)
    access, refresh = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    store.add_tokens(authorization, access=access, refresh=refresh, switches=switches)
    return custodian.oauth.described(authorization) | {
        "token_type": "Bearer",
        "access_token": access,
        "refresh_token": refresh,
        "expires_in": switches.access_lifetime_s,
        "scope": scope,
    }


def act(
    custodians: Mapping[str, Custodian], store: Store, authorization_id: str, verb: str
) -> dict[str, Any] | None:
    """Do one of :data:`VERBS`; ``None`` when there is no such authorization or verb."""
    found = store.authorization(authorization_id)
    if found is None or verb not in VERBS:
        return None
    custodian = custodians[found.utility]
    if verb == "revoke":
        found = store.revoke(found)
        custodian.notify_authorization(found)
    elif verb == "expire":
        found = store.update(found, until=store.now())
    elif verb == "expire-tokens":
        store.expire_access(found)
    elif verb == "notify":
        custodian.notify_authorization(found)
    else:
        uri = custodian.oauth.resource(f"Batch/Subscription/{found.id}")
        custodian.around.notifier.send(found.utility, custodian.dialect, [uri])
    return shown(store, found)


def deliver_bulk_files(custodian: Custodian, sent: Mapping[str, Any]) -> dict[str, Any]:
    """Announce the files of one day, as SCE names them (reference 9); default: the day before."""
    now = custodian.now()
    day = date.fromisoformat(sent["day"]) if "day" in sent else (now - timedelta(days=1)).date()
    bulk = custodian.profile.bulk_id
    stamp = f"{day:%Y%m%d}_{now:%H%M%S}_1.XML"
    uris = [
        custodian.oauth.resource(f"Batch/Bulk/{bulk}/{bulk}_{kind}_{stamp}")
        for kind in ("REVQ", "RCUST")
    ]
    custodian.around.notifier.send(custodian.profile.code, custodian.dialect, uris)
    return {"resources": uris}
