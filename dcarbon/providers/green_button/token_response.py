"""A token endpoint's answer: JSON or PG&E's XML ``Response``, read leniently.

Lenient because a refresh token may be good once only: an answer refused for a detail would strand
the customer. Nothing of the answer's text ever gets into an exception.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec
from lxml import etree

from dcarbon.domain.errors import ContractViolation, UnreadablePayload
from dcarbon.domain.secrets import Secret
from dcarbon.providers.green_button.espi import safe_xml
from dcarbon.providers.profile import Quirk, UtilityProfile

_MAX_BYTES = 65_536
_LONGEST_LIFE_S = 10 * 366 * 86_400
_ERROR = re.compile(r"[a-z_]{1,64}")
_TOKEN = re.compile(r"[!-~]{1,4096}")
_TEXT = re.compile(r"[ -~]{1,2048}")


@dataclass(frozen=True, slots=True)
class TokenSet:
    """What a token endpoint issued. ``expires_at`` is UTC; addresses and scope are verbatim."""

    access_token: Secret
    expires_at: datetime
    refresh_token: Secret | None = None
    scope: str | None = None
    resource_uri: str | None = None
    authorization_uri: str | None = None
    customer_resource_uri: str | None = None

    def with_scope(self, scope: str) -> TokenSet:
        return replace(self, scope=scope or None)

    def keeping(self, *, refresh_token: Secret, scope: str | None) -> TokenSet:
        """Return the set with what a refresh answer left out taken from before."""
        return replace(
            self,
            refresh_token=self.refresh_token or refresh_token,
            scope=self.scope or scope,
        )


def parse(content: bytes, *, profile: UtilityProfile, now: datetime) -> TokenSet:
    """Read a successful answer (green-button reference 3.7, 3.9, 8.3).

    Raises :class:`ContractViolation`, ``token_response_unreadable`` or ``…_incomplete``.
    """
    members = _members(content)
    if members is None:
        raise ContractViolation("not a token answer", code="token_response_unreadable")
    access = _token(members, "access_token") or _token(members, "client_access_token")
    kind = members.get("token_type")
    if access is None or (isinstance(kind, str) and kind.strip().lower() not in {"bearer", ""}):
        raise ContractViolation("no bearer token issued", code="token_response_incomplete")
    resource = _text(members, "resourceURI")
    customer = _text(members, "customerResourceURI")
    if customer is None and resource and profile.has(Quirk.CUSTOMER_URI_IS_DERIVED):
        customer = derived_customer_uri(resource)
    return TokenSet(
        access_token=access,
        expires_at=now + _life(members.get("expires_in"), profile),
        refresh_token=_token(members, "refresh_token"),
        scope=_text(members, "scope"),
        resource_uri=resource,
        authorization_uri=_text(members, "authorizationURI"),
        customer_resource_uri=customer,
    )


def error_of(content: bytes) -> str | None:
    """Return the ``error`` member of an answer when it looks like a code of the standard."""
    members = _members(content) or {}
    error = members.get("error")
    return error if isinstance(error, str) and _ERROR.fullmatch(error) else None


def derived_customer_uri(resource_uri: str) -> str | None:
    """Return ``…/Batch/RetailCustomer/{id}`` for a ``…/[Batch/]Subscription/{id}``, else ``None``.

    Works at PG&E, where the two ids are the same (green-button reference 3.7, 8.3).
    """
    parts = urlsplit(resource_uri)
    match = re.fullmatch(r"(.*?)(?:/Batch)?/Subscription/([^/]+)/?", parts.path)
    if match is None:
        return None
    path = f"{match[1]}/Batch/RetailCustomer/{match[2]}"
    return parts._replace(path=path, query="", fragment="").geturl()


def _members(content: bytes) -> Mapping[str, Any] | None:
    if len(content) > _MAX_BYTES:
        return None
    if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return _xml_members(content)
    try:
        members = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return members if isinstance(members, dict) else None


def _xml_members(content: bytes) -> Mapping[str, Any] | None:
    try:
        root = safe_xml.tree(content)
    except UnreadablePayload:
        return None
    children = [child for child in root if isinstance(child.tag, str)]
    return {etree.QName(child).localname: (child.text or "").strip() for child in children}


def _token(members: Mapping[str, Any], name: str) -> Secret | None:
    # Anything else could not be sent in a header (RFC 6750 2.1).
    value = members.get(name)
    return Secret(value) if isinstance(value, str) and _TOKEN.fullmatch(value) else None


def _text(members: Mapping[str, Any], name: str) -> str | None:
    value = members.get(name)
    return value if isinstance(value, str) and _TEXT.fullmatch(value) else None


def _life(value: object, profile: UtilityProfile) -> timedelta:
    """Read ``expires_in``, a number or (PG&E) a text of one; else the profile's usual life."""
    try:
        seconds = float(value) if isinstance(value, int | float | str) else math.nan
    except (ValueError, OverflowError):
        seconds = math.nan
    if isinstance(value, bool) or not 0 < seconds <= _LONGEST_LIFE_S:
        seconds = profile.access_token_life_s
    return timedelta(seconds=seconds)
