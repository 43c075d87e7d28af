"""The System page: what is wrong now, and what to do."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, Response, current_app, make_response, render_template, url_for

from dcarbon.domain.system_words import PARTS, STATES, State
from dcarbon.services import system_state
from dcarbon.services.system_state import SystemState
from dcarbon_api.context import current_runtime
from dcarbon_api.security.access import requires_admin

bp = Blueprint("admin_system", __name__, url_prefix="/admin/system")

_PLACES = {
    "syncs": ("Open the authorizations", "admin_authorizations.index"),
    "orders": ("Open the authorizations", "admin_authorizations.index"),
    "audit": ("Open the audit log", "admin_audit.index"),
}
"""Where more is to be seen of a part: words, and the endpoint of a page."""
_IN_DAGSTER = ("pipelines", "syncs", "orders", "audit")


@bp.get("")
@requires_admin("read")
def index() -> Response:
    """Show what needs somebody first, then what works. The page asks again by itself."""
    runtime = current_runtime()
    found = system_state.read(runtime)
    content = {
        "found": found,
        "summary": summary(found),
        "parts": PARTS,
        "states": STATES,
        "urgent": [*found.of(State.WRONG), *found.of(State.WATCH)],
        "good": found.of(State.GOOD),
        "links": _links(runtime.settings.dagster_url),
    }
    return make_response(render_template("admin_system/index.html", **content))


def summary(found: SystemState) -> str:
    """Return the whole in one line."""
    wrong, watched = len(found.of(State.WRONG)), len(found.of(State.WATCH))
    if not wrong and not watched:
        return "Everything works"
    parts = []
    if wrong:
        parts.append(f"{wrong} {'thing is' if wrong == 1 else 'things are'} wrong now")
    if watched:
        parts.append(f"{watched} to keep an eye on")
    return ", ".join(parts)


def _links(dagster_url: str | None) -> Mapping[str, list[tuple[str, str]]]:
    """Return words and address of where to look further, by part."""
    links: dict[str, list[tuple[str, str]]] = {part: [] for part in PARTS}
    for part, (words, endpoint) in _PLACES.items():
        if endpoint in current_app.view_functions:
            links[part].append((words, url_for(endpoint)))
    if dagster_url:
        for part in _IN_DAGSTER:
            links[part].append(("Open Dagster", dagster_url))
    return links
