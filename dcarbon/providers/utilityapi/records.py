"""UtilityAPI's authorizations, meters and events as facts: strict about identity, else lenient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from dcarbon.domain.flows import Commodity
from dcarbon.providers.columns import MeterFacts
from dcarbon.providers.utilityapi import wire
from dcarbon.providers.utilityapi.wire import Note

_KNOWN_BLOCKS = ("base", "electric_details", "programs", "suppliers", "other_devices")
_ANY: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


@dataclass(frozen=True, slots=True)
class AuthorizationFacts:
    """One authorization as the provider states it. Times are UTC, ``uid`` is opaque text."""

    uid: str
    status: str | None
    """``pending``, ``updated``, ``errored``, or a word yet to come."""
    utility: str | None = None
    is_revoked: bool = False
    is_expired: bool = False
    is_declined: bool = False
    created: datetime | None = None
    declined: datetime | None = None
    revoked: datetime | None = None
    expires: datetime | str | None = None
    """A time, or a preset such as ``until_revoked``."""
    customer_email: str | None = field(default=None, repr=False)
    form_uid: str | None = None
    template_uid: str | None = None
    referrals: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    scope: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MeterState:
    """How far the provider is with one meter; what the meter is stands in :class:`MeterFacts`."""

    uid: str
    authorization_uid: str | None
    status: str | None
    status_at: datetime | None = None
    """When the provider came to this status (UTC): when it last collected, or failed to."""
    utility: str | None = None
    is_activated: bool = False
    interval_coverage: tuple[tuple[datetime, datetime], ...] = ()
    monitoring: str | None = None
    """``off``, ``daily``, ``weekly``, ``monthly``."""
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class EventFacts:
    """Something happened at the provider. A hint: fetch the object to see its present state."""

    uid: str
    type: str
    at: datetime | None = None
    authorization_uid: str | None = None
    meter_uid: str | None = None
    form_uid: str | None = None


def parse_meters(content: bytes) -> tuple[MeterFacts, ...]:
    """Read a listing of meters, or one meter (utilityapi reference 10).

    Blocks are kept whole, ``base`` is also read into fields. Raises :class:`UnreadablePayload`.
    """
    return tuple(_meter(uid, members) for uid, members in _objects(content, "meters"))


def parse_meter_states(content: bytes) -> tuple[MeterState, ...]:
    """Read how far collection is from the same document. Raises :class:`UnreadablePayload`."""
    return tuple(_meter_state(uid, members) for uid, members in _objects(content, "meters"))


def parse_authorizations(content: bytes) -> tuple[AuthorizationFacts, ...]:
    """Read a listing of authorizations, or one (utilityapi reference 9).

    Raises :class:`UnreadablePayload`.
    """
    return tuple(_authorization(uid, each) for uid, each in _objects(content, "authorizations"))


def parse_events(content: bytes) -> tuple[EventFacts, ...]:
    """Read a listing of events, as a webhook or the API gives it (utilityapi reference 16).

    Types are an open set; repeats and any order must be expected. Raises
    :class:`UnreadablePayload`.
    """
    return tuple(_event(uid, members) for uid, members in _objects(content, "events"))


def facts_of_base(uid: str, base: object, blocks: Mapping[str, object]) -> MeterFacts:
    """Return what a ``base`` block, of a meter or an interval, says about the meter."""
    members = base if isinstance(base, dict) else {}
    service_class = wire.text(members.get("service_class"))
    return MeterFacts(
        external_id=uid,
        commodity=commodity_of_class(service_class),
        meter_numbers=wire.texts(members.get("meter_numbers")),
        service_address=wire.text(members.get("service_address")),
        account_id=wire.text(members.get("billing_account")),
        agreement_id=wire.text(members.get("service_identifier")),
        customer_name=wire.text(members.get("billing_contact")),
        service_class=service_class,
        tariff=wire.text(members.get("service_tariff")),
        blocks=blocks,
    )


def commodity_of_class(service_class: str | None) -> Commodity:
    """Return the commodity of a ``service_class`` such as ``res-electric`` or ``comm_water``."""
    word = (service_class or "unknown").lower().replace("_", "-").rpartition("-")[2]
    known = {
        "electric": Commodity.ELECTRICITY,
        "gas": Commodity.GAS,
        "water": Commodity.WATER,
        "unknown": Commodity.UNKNOWN,
    }
    return known.get(word, Commodity.OTHER)


def _objects(content: bytes, key: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the objects of a listing, or the one object the document is, each with its uid."""
    document = wire.decode(_ANY, content)
    if not isinstance(document, dict):
        raise wire.unexpected("$")
    # A listing may name its own kind inside each member (``include=meters``); the uid tells which.
    members = [document] if "uid" in document else document.get(key)
    if not isinstance(members, list):
        raise wire.unexpected(f"$.{key}")
    found: list[tuple[str, dict[str, Any]]] = []
    for index, member in enumerate(members):
        path = "$" if "uid" in document else f"$.{key}[{index}]"
        if not isinstance(member, dict):
            raise wire.unexpected(path)
        uid = wire.text(member.get("uid"))
        if uid is None:
            raise wire.unexpected(f"{path}.uid")
        found.append((uid, member))
    return found


def _meter(uid: str, members: dict[str, Any]) -> MeterFacts:
    names = dict.fromkeys((*wire.texts(members.get("blocks")), *_KNOWN_BLOCKS))
    # A hostile ``blocks`` list could name ``notes`` or ``uid``: those are siblings, not blocks.
    blocks = {
        name: wire.clean(members[name])
        for name in names
        if isinstance(members.get(name), dict | list) and name not in {"notes", "blocks"}
    }
    return facts_of_base(uid, members.get("base"), blocks)


def _meter_state(uid: str, members: dict[str, Any]) -> MeterState:
    monitoring = members.get("ongoing_monitoring")
    return MeterState(
        uid=uid,
        authorization_uid=wire.text(members.get("authorization_uid")),
        status=wire.text(members.get("status")),
        status_at=wire.moment(members.get("status_ts")),
        utility=wire.text(members.get("utility")),
        is_activated=members.get("is_activated") is True,
        interval_coverage=_ranges(members.get("interval_coverage")),
        monitoring=wire.text(monitoring.get("frequency")) if isinstance(monitoring, dict) else None,
        notes=wire.notes(members.get("notes")),
    )


def _ranges(value: object) -> tuple[tuple[datetime, datetime], ...]:
    found = []
    for member in value if isinstance(value, list) else []:
        pair = member if isinstance(member, list) else []
        ends = [at for each in pair if (at := wire.moment(each)) is not None]
        if len(pair) == len(ends) == 2:  # noqa: PLR2004 — start and end
            found.append((ends[0], ends[1]))
    return tuple(found)


def _authorization(uid: str, members: dict[str, Any]) -> AuthorizationFacts:
    scope = members.get("scope")
    declined, revoked = wire.moment(members.get("declined")), wire.moment(members.get("revoked"))
    return AuthorizationFacts(
        uid=uid,
        status=wire.text(members.get("status")),
        utility=wire.text(members.get("utility")),
        is_revoked=members.get("is_revoked") is True or revoked is not None,
        is_expired=members.get("is_expired") is True,
        is_declined=members.get("is_declined") is True or declined is not None,
        created=wire.moment(members.get("created")),
        declined=declined,
        revoked=revoked,
        expires=wire.moment(members.get("expires")) or wire.text(members.get("expires")),
        customer_email=wire.text(members.get("customer_email")),
        form_uid=wire.text(members.get("form_uid")),
        template_uid=wire.text(members.get("template_uid")),
        referrals=wire.texts(members.get("referrals")),
        notes=wire.notes(members.get("notes")),
        scope=wire.clean(scope) if isinstance(scope, dict) else {},
    )


def _event(uid: str, members: dict[str, Any]) -> EventFacts:
    return EventFacts(
        uid=uid,
        type=wire.text(members.get("type")) or "unknown",
        at=wire.moment(members.get("ts")),
        authorization_uid=wire.text(members.get("authorization_uid")),
        meter_uid=wire.text(members.get("meter_uid")),
        form_uid=wire.text(members.get("form_uid")),
    )
