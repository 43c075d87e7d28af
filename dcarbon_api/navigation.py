"""What stands in the head of each page, by who looks at it, and the tabs of a facility and of the
pages for administrators.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlencode
from uuid import UUID

from flask import current_app, request, url_for

from dcarbon_api.security.sessions import Viewer


@dataclass(frozen=True, slots=True)
class Entry:
    """One place to go."""

    label: str
    path: str
    icon: str
    for_signed_in: bool = True
    for_admins: bool = False
    is_here: bool = False
    is_exact: bool = False


@dataclass(frozen=True, slots=True)
class Tab:
    """One page of several about the same."""

    label: str
    endpoint: str
    path: str


_ENTRIES = (
    Entry("Facilities", "/facilities", "building"),
    Entry("Administration", "/admin", "shield-lock", for_admins=True),
    Entry("API", "/docs", "code", for_signed_in=False),
)
_ADMIN_TABS = (
    ("Authorizations", "admin_authorizations.index"),
    ("Audit log", "admin_audit.index"),
    ("Deletion requests", "admin_deletions.index"),
    ("System", "admin_system.index"),
)
_TABS = (
    ("Overview", "dashboard.facility"),
    ("Readings", "readings.show"),
    ("Coverage", "coverage.show"),
    ("Changes", "changes.show"),
    ("Exports", "exports.show"),
    ("Generation", "generation.show"),
    ("Activity", "activity.show"),
)


def entries(viewer: Viewer | None) -> list[Entry]:
    """Return the entries for this viewer; which one is open is marked."""
    return [
        _marked(entry)
        for entry in _ENTRIES
        if (viewer or not entry.for_signed_in)
        and (not entry.for_admins or (viewer is not None and viewer.is_admin))
    ]


def admin_tabs() -> list[Tab]:
    """Return the pages for administrators that this application has."""
    return [
        Tab(label, endpoint, url_for(endpoint))
        for label, endpoint in _ADMIN_TABS
        if endpoint in current_app.view_functions
    ]


def facility_tabs(facility_id: UUID) -> list[Tab]:
    """Return the pages of a facility that this application has, each for the meter looked at."""
    meter = request.args.get("meter", type=UUID)
    return [
        Tab(label, endpoint, url_for(endpoint, facility_id=facility_id, meter=meter))
        for label, endpoint in _TABS
        if endpoint in current_app.view_functions
    ]


def page_address(after: str | None) -> str:
    """Return the address of this list from another key on, with the filters it has now."""
    return address_with("after", after)


def address_with(name: str, value: str | None) -> str:
    """Return the address of this page with one argument changed, or without it.

    The others are anybody's words: ``url_for`` would take some of them for its own.
    """
    arguments = [(k, v) for k, v in request.args.items(multi=True) if k != name]
    if value is not None:
        arguments.append((name, value))
    return f"{request.path}?{urlencode(arguments)}" if arguments else request.path


def _marked(entry: Entry) -> Entry:
    is_exact = request.path == entry.path
    is_here = is_exact or request.path.startswith(f"{entry.path}/")
    return replace(entry, is_here=is_here, is_exact=is_exact)
