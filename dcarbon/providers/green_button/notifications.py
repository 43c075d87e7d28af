"""Notifications: addresses a custodian, or anybody, posted to us. Hints only, never believed.

They carry no signature (green-button reference 4.5), so only addresses of known custodians are
kept, and what is fetched from them is fetched with the customer's or our own token.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import SplitResult, urlsplit

MAX_NOTICES = 100
_MAX_LENGTH = 2_048


class NoticeKind(StrEnum):
    """What an address is about; it decides which token opens it."""

    SUBSCRIPTION = "subscription"
    RETAIL_CUSTOMER = "retail_customer"
    BULK = "bulk"
    AUTHORIZATION = "authorization"
    APPLICATION_INFORMATION = "application_information"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Notice:
    """One address worth a look. ``resource_uri`` is ``uri`` without its query, to match grants."""

    uri: str
    resource_uri: str
    kind: NoticeKind


@dataclass(frozen=True, slots=True)
class Notices:
    """What was kept of one notification, and how many addresses were not."""

    kept: tuple[Notice, ...]
    refused: int


def accept(uris: Iterable[str], *, prefixes: Iterable[str], limit: int = MAX_NOTICES) -> Notices:
    """Keep the addresses that lie under one of ``prefixes``, each once, at most ``limit``.

    ``prefixes`` are HTTPS addresses: a profile's ``resource_url``, or the resource and
    authorization addresses of known grants. A prefix ends at a path segment.
    """
    allowed = [parts for prefix in prefixes if (parts := _parts(prefix)) is not None]
    kept: dict[str, Notice] = {}
    refused = 0
    for uri in uris:
        address = uri.strip()
        parts = _parts(address)
        known = parts is not None and any(_lies_under(parts, prefix) for prefix in allowed)
        if parts is None or not known or (len(kept) >= limit and address not in kept):
            refused += 1
            continue
        kept[address] = Notice(address, parts._replace(query="").geturl(), _kind(parts.path))
    return Notices(tuple(kept.values()), refused)


def _parts(uri: str) -> SplitResult | None:
    """Split an address that is plain enough to be compared, else ``None``."""
    if len(uri) > _MAX_LENGTH or not re.fullmatch(r"[!-~]+", uri) or "\\" in uri:
        return None
    try:
        parts = urlsplit(uri)
        has_credentials = parts.username is not None
        _ = parts.port
    except ValueError:
        return None
    # Dot segments and their encodings would leave the prefix once the address is resolved.
    dotted = re.search(r"(?i)(?:^|/)(?:\.|%2e){1,2}(?:/|$)|%2f|%5c|//", parts.path)
    if parts.scheme != "https" or not parts.hostname or has_credentials or parts.fragment or dotted:
        return None
    return parts


def _lies_under(parts: SplitResult, prefix: SplitResult) -> bool:
    same_origin = (parts.hostname, parts.port or 443) == (prefix.hostname, prefix.port or 443)
    base = prefix.path.rstrip("/")
    return same_origin and (parts.path == base or parts.path.startswith(f"{base}/"))


_KINDS = (
    (re.compile(r"/Batch/Bulk"), NoticeKind.BULK),
    (re.compile(r"/Subscription/"), NoticeKind.SUBSCRIPTION),
    (re.compile(r"/RetailCustomer/"), NoticeKind.RETAIL_CUSTOMER),
    (re.compile(r"/Authorization(?:/|$)"), NoticeKind.AUTHORIZATION),
    (re.compile(r"/ApplicationInformation(?:/|$)"), NoticeKind.APPLICATION_INFORMATION),
)


def _kind(path: str) -> NoticeKind:
    return next((kind for pattern, kind in _KINDS if pattern.search(path)), NoticeKind.OTHER)
