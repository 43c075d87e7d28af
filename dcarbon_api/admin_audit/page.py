"""The audit log as its page shows it: the form, the filters in force, entries with ways on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID

from flask import current_app, request, url_for

from dcarbon.domain import audit_details, audit_words
from dcarbon.domain.audit_words import GROUP_NAMES, Group
from dcarbon.services import audit_search
from dcarbon.services.audit_search import AuditPage, EntryView, Wish

PAGE_SIZE = 50
_LONGEST = 200
_NAMES = tuple(one.name for one in fields(Wish))
_LABELS: Mapping[str, str] = {
    "event": "Event",
    "person": "Person",
    "facility": "Facility",
    "authorization": "Authorization",
    "ip": "IP address",
    "start": "From",
    "end": "Before",
    "text": "Words",
}
_FURTHER = ("authorization", "ip", "start", "end")
"""Filters that stand folded away until one is used."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Events of one group to choose from; ``key`` stands for all of them."""

    key: str
    name: str
    events: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter in force; ``url`` is the search without it."""

    label: str
    text: str
    url: str


@dataclass(frozen=True, slots=True)
class Link:
    """Something an entry names; ``narrower`` is the search for it, ``page`` its own page."""

    text: str
    narrower: str
    page: str = ""


@dataclass(frozen=True, slots=True)
class ShownEntry:
    entry: EntryView
    time: str
    who: Link
    facility: Link | None
    authorization: Link | None
    ip: Link | None
    details: Sequence[tuple[str, str]]


def wish() -> Wish:
    """Return what the address asks for, without what nobody types."""
    typed = {name: " ".join(request.args.get(name, "").split())[:_LONGEST] for name in _NAMES}
    return Wish(**{name: "".join(filter(str.isprintable, text)) for name, text in typed.items()})


def frame(asked: Wish, error: str = "") -> dict[str, Any]:
    """Return what the page has without entries: its form and the filters in force."""
    in_force = _in_force(asked)
    return {
        "wish": asked,
        "choices": choices(),
        "filters": [
            Filter(_LABELS[name], _text_of(name, text), url_for(".index", **_but(in_force, name)))
            for name, text in in_force.items()
        ],
        "has_further": any(name in in_force for name in _FURTHER),
        "error": error,
        "page": None,
        "entries": (),
        "files": [],
    }


def of(asked: Wish, found: AuditPage) -> dict[str, Any]:
    """Return what the template wants."""
    in_force = _in_force(asked)
    files = (("CSV", "csv"), ("JSON lines", "jsonl"))
    return {
        **frame(asked),
        "page": found,
        "entries": [_shown(one, in_force) for one in found.entries],
        "files": [
            (name, url_for("admin_audit_api.export_audit_log", format=kind, **in_force))
            for name, kind in files
        ],
    }


def choices() -> list[Choice]:
    """Return all events to choose from, by what they are about."""
    return [Choice(group.value, name, _events_of(group)) for group, name in GROUP_NAMES.items()]


def _events_of(group: Group) -> list[tuple[str, str]]:
    found = [(one.value, audit_words.of(one).title) for one in audit_words.events_about(group)]
    return sorted(found, key=lambda one: one[1])


def _in_force(asked: Wish) -> dict[str, Any]:
    return {name: text for name in _NAMES if (text := getattr(asked, name))}


def _but(filters: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {each: text for each, text in filters.items() if each != name}


def _text_of(name: str, text: str) -> str:
    if name != "event":
        return text
    return ", ".join(audit_words.title_of(part.strip()) for part in text.split(","))


def _shown(one: EntryView, filters: Mapping[str, Any]) -> ShownEntry:
    def link(text: str, page: str = "", **more: Any) -> Link:
        return Link(text, url_for(".index", **{**filters, **more}), page)

    person = str(one.actor_id) if one.actor_id else audit_search.SYSTEM
    who = (one.actor_name or "Somebody who is gone") if one.actor_id else "DCarbon"
    facility = authorization = None
    if one.facility_id:
        page = url_for("dashboard.facility", facility_id=one.facility_id)
        name = one.facility_name or "A facility that is gone"
        facility = link(name, page if one.facility_name else "", facility=one.facility_id)
    if one.authorization_id:
        name = one.utility or "An authorization that is gone"
        page = _page_of(one.authorization_id) if one.utility else ""
        authorization = link(name, page, authorization=one.authorization_id)
    return ShownEntry(
        entry=one,
        time=one.at.strftime("%b %-d, %Y, %H:%M:%S UTC"),
        who=link(who, person=person),
        facility=facility,
        authorization=authorization,
        ip=link(one.ip, ip=one.ip) if one.ip else None,
        details=audit_details.of(one.details),
    )


def _page_of(authorization_id: UUID) -> str:
    if "admin_authorization.show" not in current_app.view_functions:
        return ""
    return url_for("admin_authorization.show", authorization_id=authorization_id)
