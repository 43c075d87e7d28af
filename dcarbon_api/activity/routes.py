"""The Activity tab of a facility: what happened, who did it, day by day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, make_response, render_template, request, url_for

from dcarbon.domain.audit_words import GROUP_NAMES, Group
from dcarbon.services import facility_activity
from dcarbon.services.facility_activity import Activity, Happening
from dcarbon_api import words
from dcarbon_api.admin_audit.messages import LATEST
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.security.access import requires

bp = Blueprint("activity", __name__, url_prefix="/facilities")

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class Shown:
    """One event with its time of day at the facility."""

    happening: Happening
    time: str


@dataclass(frozen=True, slots=True)
class Day:
    name: str
    shown: Sequence[Shown]


@bp.get("/<uuid:facility_id>/activity")
@requires("read")
def show(facility_id: UUID) -> Response:
    """Show a page of events; a kind that is none shows all of them."""
    about, after = request.args.get("about", type=Group), request.args.get("after", type=int)
    with current_runtime().sessions() as session:
        found = facility_activity.of_facility(
            session,
            facility_id,
            actor=current_actor(),
            group=about,
            after=min(after, LATEST) if after is not None else None,
            limit=PAGE_SIZE,
        )
    return make_response(render_template("activity/show.html", **_content(found, about)))


def _content(found: Activity, about: Group | None) -> dict[str, Any]:
    kinds: list[tuple[Group | None, str]] = [(None, "Everything"), *GROUP_NAMES.items()]
    return {
        "facility": {"id": found.facility_id, "name": found.facility_name},
        "zone": found.time_zone,
        "kinds": [
            (name, key is about, url_for(".show", facility_id=found.facility_id, about=key))
            for key, name in kinds
            if key is not Group.SIGNING_IN  # that happens at no facility
        ],
        "is_filtered": about is not None,
        "days": _days(found),
        "page": found,
    }


def _days(found: Activity) -> list[Day]:
    zone = ZoneInfo(found.time_zone)
    local = [(one.at.astimezone(zone), one) for one in found.happenings]
    return [
        Day(
            words.plain_date(day),
            [Shown(one, at.strftime("%-I:%M %p %Z")) for at, one in some],
        )
        for day, some in groupby(local, key=lambda each: each[0].date())
    ]
