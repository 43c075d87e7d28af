"""The dashboard of owners, operators and residents, and the page of one facility."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from flask import Blueprint, Response, make_response, render_template, request, url_for
from sqlalchemy.orm import Session

from dcarbon.services import facility_views, registrations, roles_held
from dcarbon.services.actors import Actor
from dcarbon.services.facility_cards import AsRole
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.dashboard import facility_page
from dcarbon_api.dashboard.showing import ShownCard, shown
from dcarbon_api.security.access import requires

bp = Blueprint("dashboard", __name__, url_prefix="/facilities")

PAGE_SIZE = 12
_LONGEST_SEARCH = 100
_MOST_TO_DO = 5
_UNDONE = ("none", "pending", "failed", "expired")
"""Statuses in which somebody has to authorise; ``revoked`` was somebody's wish."""


@dataclass(frozen=True, slots=True)
class Index:
    """The dashboard."""

    cards: tuple[ShownCard, ...]
    to_do: tuple[ShownCard, ...]
    unfinished: int
    role: str
    search: str
    has_both_roles: bool
    is_new: bool
    first_url: str | None
    next_url: str | None

    @property
    def has_strips(self) -> bool:
        return any(each.strip for each in self.cards)


@bp.get("")
@requires("read")
def index() -> Response:
    """Show the facilities of the person, a page at a time; htmx gets the list alone."""
    runtime, actor = current_runtime(), current_actor()
    with runtime.sessions() as session:
        view = _index(session, actor)
    part = "_list" if request.headers.get("HX-Target") == "facilities" else "index"
    response = make_response(render_template(f"dashboard/{part}.html", view=view))
    response.headers["Vary"] = "HX-Request, HX-Target"
    return response


@bp.get("/<uuid:facility_id>")
@requires("read")
def facility(facility_id: UUID) -> Response:
    """Show one facility: how it stands, its meters, its days."""
    runtime = current_runtime()
    with runtime.sessions() as session:
        page = facility_page.of(session, facility_id, actor=current_actor(), now=runtime.now())
    return make_response(render_template("dashboard/facility.html", **page))


def _index(session: Session, actor: Actor) -> Index:
    role = request.args.get("role", "any")
    role = role if role in {"owner", "operator"} else "any"
    search = " ".join(request.args.get("search", "").split())[:_LONGEST_SEARCH]
    after = request.args.get("after", type=UUID)
    found = facility_views.page(
        session,
        actor=actor,
        now=current_runtime().now(),
        as_role=cast("AsRole", role),
        search=search,
        after=after,
        limit=PAGE_SIZE,
    )
    is_plain = not search and after is None
    kept: dict[str, Any] = {
        "role": None if role == "any" else role,
        "search": search or None,
    }
    held = roles_held.by(session, actor)
    return Index(
        cards=tuple(shown(card) for card in found.cards),
        to_do=_to_do(session, actor) if is_plain else (),
        unfinished=len(registrations.unfinished(session, actor)) if is_plain else 0,
        role=role,
        search=search,
        has_both_roles="operator" in held and len(held) > 1,
        is_new=is_plain and role == "any" and not found.cards,
        first_url=url_for(".index", **kept) if after else None,
        next_url=url_for(".index", after=found.after, **kept) if found.after else None,
    )


def _to_do(session: Session, actor: Actor) -> tuple[ShownCard, ...]:
    """Return what waits for this person, wherever in the pages it stands. Admins have no chores."""
    waiting: list[ShownCard] = []
    for status in _UNDONE if not actor.is_admin else ():
        found = facility_views.page(
            session,
            actor=actor,
            now=current_runtime().now(),
            as_role="operator",
            status=status,
            limit=_MOST_TO_DO,
        )
        waiting += [shown(card) for card in found.cards]
    return tuple(waiting[:_MOST_TO_DO])
