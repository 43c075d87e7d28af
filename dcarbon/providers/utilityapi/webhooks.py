"""UtilityAPI webhooks: is this body really theirs? What it says is only a hint to fetch."""

from __future__ import annotations

import hashlib
import hmac

from dcarbon.domain.secrets import Secret

SALT_HEADER = "X-UtilityAPI-Webhook-Salt"
SIGNATURE_HEADER = "X-UtilityAPI-Webhook-Signature"


def verify_webhook(secret: Secret, *, salt: str, body: bytes, signature: str) -> bool:
    """Say whether the signature fits the raw body, in constant time (utilityapi reference 16).

    It is a plain SHA-256 of ``secret.salt.body``, not an HMAC, and has no time in it: it does not
    stop a replay, so events are told apart by their uid.
    """
    signed = b".".join((secret.reveal().encode(), salt.encode("utf-8", "surrogateescape"), body))
    expected = hashlib.sha256(signed).hexdigest().encode()
    return hmac.compare_digest(expected, signature.strip().lower().encode("utf-8", "replace"))
