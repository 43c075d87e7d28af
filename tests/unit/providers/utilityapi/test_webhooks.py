"""A webhook is theirs when its signature fits its raw bytes."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from dcarbon.domain.secrets import Secret
from dcarbon.providers.utilityapi.client import verify_webhook
from dcarbon.providers.utilityapi.parse import parse_events

SECRET, SALT = Secret("whs_example_secret"), "7d1f0c2ab9"
LISTING: dict[str, Any] = {
    "events": [
        {
            "uid": "9c41d07e",
            "type": "meter_intervals_added",
            "ts": "2025-11-04T15:20:11.402117+00:00",
            "delivery_method": "webhook",
            "delivery_target": "http://127.0.0.1:8099/hooks/utilityapi",
            "is_delivered": False,
            "authorization_uid": "402118",
            "meter_uid": "8812014",
        }
    ],
    "next": None,
}
PRINTED = json.dumps(LISTING, indent=4).encode()
COMPACT = json.dumps(LISTING, separators=(",", ":")).encode()
VECTORS = [
    (PRINTED, "391f70617a31208567c57e923e764b221c4f5eff92857353724d7901605fd4ce"),
    (b"{}", "aa4393d5c150cc43940b321358733d749cc817fe24baab85b36a51ba3be93e08"),
    (COMPACT, "98f38e4cc086887845f8999a80bf5f49ad6b4a2ccb225898eccfcddea6506936"),
]


def test_the_vectors_are_the_bodies_they_are_said_to_be() -> None:
    assert (len(PRINTED), len(COMPACT)) == (421, 273)


@pytest.mark.parametrize(("body", "signature"), VECTORS)
def test_known_signatures_fit(body: bytes, signature: str) -> None:
    assert verify_webhook(SECRET, salt=SALT, body=body, signature=signature)
    assert verify_webhook(SECRET, salt=SALT, body=body, signature=f" {signature.upper()} ")


@pytest.mark.parametrize(
    ("secret", "salt", "body", "signature"),
    [
        (SECRET, SALT, PRINTED + b"\n", VECTORS[0][1]),
        (SECRET, SALT, COMPACT, VECTORS[0][1]),
        (SECRET, "other", PRINTED, VECTORS[0][1]),
        (Secret("other"), SALT, PRINTED, VECTORS[0][1]),
        (SECRET, SALT, PRINTED, ""),
        (SECRET, SALT, PRINTED, "ü" * 64),
        (SECRET, SALT, PRINTED, VECTORS[0][1][:-1]),
        (SECRET, SALT, PRINTED, hashlib.sha256(PRINTED).hexdigest()),
    ],
)
def test_anything_else_does_not_fit(secret: Secret, salt: str, body: bytes, signature: str) -> None:
    assert not verify_webhook(secret, salt=salt, body=body, signature=signature)


def test_a_webhooks_events_are_read_whatever_their_type() -> None:
    ping = {"uid": "aa", "type": "something_new", "ts": "yesterday"}

    known, unknown = parse_events(json.dumps({"events": [*LISTING["events"], ping]}).encode())

    assert (known.type, known.meter_uid) == ("meter_intervals_added", "8812014")
    assert known.at is not None
    assert (unknown.type, unknown.at, unknown.meter_uid) == ("something_new", None, None)
