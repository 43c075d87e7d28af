"""What stands in the head of each page, by who looks at it, and the tabs of a facility."""

from __future__ import annotations

from dataclasses import dataclass
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
    is_here: bool = False
    is_exact: bool = False


@dataclass(frozen=True, slots=True)
class Tab:
    """One page of a facility."""

    label: str
    endpoint: str
    path: str


_ENTRIES = (
    Entry("Facilities", "/facilities", "building"),
    Entry("API", "/docs", "code", for_signed_in=False),
)
_TABS = (
    ("Overview", "dashboard.facility"),
    ("Readings", "readings.show"),
    ("Coverage", "coverage.show"),
    ("Changes", "changes.show"),
    ("Exports", "exports.show"),
    ("Generation", "generation.show"),
)


def entries(viewer: Viewer | None) -> list[Entry]:
    """Return the entries for this viewer; which one is open is marked."""
    return [_marked(entry) for entry in _ENTRIES if viewer or not entry.for_signed_in]


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
    arguments = {k: v for k, v in request.args.items() if k != "after"}
    if after is not None:
        arguments["after"] = after
    assert request.endpoint is not None
    return url_for(request.endpoint, **{**(request.view_args or {}), **arguments})


def _marked(entry: Entry) -> Entry:
    is_exact = request.path == entry.path
    is_here = is_exact or request.path.startswith(f"{entry.path}/")
    return Entry(entry.label, entry.path, entry.icon, entry.for_signed_in, is_here, is_exact)
