"""What stands in the head of each page, by who looks at it."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request, url_for

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


_ENTRIES = (
    Entry("Facilities", "/facilities", "building"),
    Entry("API", "/docs", "code", for_signed_in=False),
)


def entries(viewer: Viewer | None) -> list[Entry]:
    """Return the entries for this viewer; which one is open is marked."""
    return [_marked(entry) for entry in _ENTRIES if viewer or not entry.for_signed_in]


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
