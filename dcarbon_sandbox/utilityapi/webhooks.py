"""Delivery of events: signed, several to a request, again every hour for 72 hours."""

from __future__ import annotations

import hashlib
import json
import secrets
import ssl
from collections.abc import Mapping
from typing import Any

import httpx2

from dcarbon_sandbox.utilityapi import events
from dcarbon_sandbox.utilityapi.service import Record, Service

SALT_HEADER = "X-UtilityAPI-Webhook-Salt"
SIGNATURE_HEADER = "X-UtilityAPI-Webhook-Signature"
RETRY_S, GIVE_UP_S = 3600, 72 * 3600


def signature(secret: str, salt: str, body: bytes) -> str:
    """Return the hex SHA-256 of ``secret.salt.body``: a plain hash, not an HMAC (section 16)."""
    return hashlib.sha256(f"{secret}.{salt}.".encode() + body).hexdigest()


def body_of(listing: Mapping[str, Any]) -> bytes:
    """Return the bytes that are sent and signed: four blanks deep, ASCII, no newline at the end."""
    return json.dumps(listing, indent=4).encode("ascii")


def ping(service: Service) -> None:
    """Send a ``ping`` event to every endpoint that asked for it."""
    with service.state.lock:
        events.record(service, "ping")


def deliver_due(service: Service) -> bool:
    """Send what is new, and what failed at least an hour ago; say whether anything was sent.

    Nothing is locked while the receiver is spoken to. A second caller returns at once.
    """
    if not service.delivering.acquire(blocking=False):
        return False
    try:
        batches = _take_due(service)
        for batch in batches:
            _deliver(service, batch)
        return bool(batches)
    finally:
        service.delivering.release()


def has_new(service: Service) -> bool:
    """Say whether events wait for their first delivery."""
    return any(box["uids"] for box in service.records("outbox").values())


def _take_due(service: Service) -> list[Record]:
    now = service.epoch()
    with service.state.lock:
        batches = []
        for target, box in service.records("outbox").items():
            if box["uids"]:
                batches.append({"target": target, "uids": box["uids"], "first": now, "next": now})
                box["uids"] = []
        waiting = service.records("retries")
        again = [key for key, batch in waiting.items() if batch["next"] <= now]
        batches += [waiting.pop(key) for key in again]
        if batches:
            service.changed()
    return batches


def _deliver(service: Service, batch: Record) -> None:
    with service.state.lock:
        endpoint = _endpoint(service, batch["target"])
        listed = [service.records("events").get(uid) for uid in batch["uids"]]
        waiting = [dict(event) for event in listed if event and not event["is_delivered"]]
    if endpoint is None or not waiting:
        return
    if service.setting("webhook_reorder"):
        waiting.reverse()
    body = body_of({"events": waiting, "next": None})
    delivered = _post(service, endpoint, body)
    if delivered and service.setting("webhook_duplicate"):
        _post(service, endpoint, body)
    _settle(service, batch, delivered=delivered)


def _endpoint(service: Service, target: str) -> Record | None:
    endpoints: list[Record] = service.setting("webhooks")
    return next((item for item in endpoints if item["url"] == target), None)


def _post(service: Service, endpoint: Mapping[str, Any], body: bytes) -> bool:
    salt = secrets.token_hex(5)
    headers = {
        "Content-Type": "application/json",
        SALT_HEADER: salt,
        SIGNATURE_HEADER: signature(endpoint["secret"], salt, body),
    }
    try:
        with _client(service) as client:
            return client.post(endpoint["url"], content=body, headers=headers).status_code == 200
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError):
        return False  # no answer counts like a refusal: tried again in an hour


def _client(service: Service) -> httpx2.Client:
    authority = service.setting("webhook_ca")
    context = ssl.create_default_context(cafile=authority) if authority else True
    return httpx2.Client(
        verify=context, timeout=service.setting("webhook_timeout_s"), trust_env=False
    )


def _settle(service: Service, batch: Record, *, delivered: bool) -> None:
    with service.state.lock:
        if delivered:
            for uid in batch["uids"]:
                if uid in service.records("events"):
                    service.records("events")[uid]["is_delivered"] = True
        elif service.epoch() + RETRY_S <= batch["first"] + GIVE_UP_S:
            batch["next"] = service.epoch() + RETRY_S
            service.records("retries")[batch["uids"][0]] = batch
        service.changed()
