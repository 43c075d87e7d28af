"""What the page of one facility shows, gathered from the services."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from dcarbon.db.coverage_shares import CoverageShare
from dcarbon.domain.facility_answers import FINANCE_TYPES
from dcarbon.domain.states import AuthStatus
from dcarbon.services import facility_views, meter_coverage, meter_readings
from dcarbon.services.actors import Actor
from dcarbon.services.consent import RenewalReason
from dcarbon.services.facility_views import FacilityCard, FacilityView
from dcarbon.services.meters import ChannelView, MeterView
from dcarbon_api import words
from dcarbon_api.connection import failures, progress
from dcarbon_api.connection.failures import Failure
from dcarbon_api.dashboard.coverage_strip import Strip, strip


@dataclass(frozen=True, slots=True)
class State:
    """What somebody has to know or do first; ``kind`` names the banner."""

    kind: str
    failure: Failure | None = None
    title: str = ""
    text: str = ""
    action: str = ""


@dataclass(frozen=True, slots=True)
class ShownMeter:
    meter: MeterView
    name: str
    channels: tuple[tuple[str, str], ...]
    """What each channel counts, and at what interval."""
    strip: Strip | None
    first: datetime | None
    """Where the first reading starts."""
    last: datetime | None
    """Where the last reading ends."""
    coverage: Share | None


@dataclass(frozen=True, slots=True)
class Share:
    """How much of what is due is there; ``percent`` is 100 only when nothing is missing."""

    percent: str
    words: str


def of(session: Session, facility_id: UUID, *, actor: Actor, now: datetime) -> dict[str, Any]:
    """Return what the template wants. Somebody else's facility is :class:`NotFound`."""
    view = facility_views.one(session, facility_id, actor=actor, now=now)
    days = meter_coverage.last_days(session, view.meters, now=now)
    shares = meter_coverage.shares(session, view.meters, now=now)
    meters = [_meter(meter, days.get(meter.id), shares.get(meter.id)) for meter in view.meters]
    running = progress.of(view)
    return {
        "view": view,
        "card": view.card,
        "state": state_of(view, now=now),
        "details": _details(view),
        "meters": meters,
        "has_strips": any(meter.strip for meter in meters),
        "progress": running if running.is_running else None,
        "operators": [one.email for one in view.people if one.role == "operator"],
    }


def state_of(view: FacilityView, *, now: datetime) -> State:
    """Return what the banner of a facility says."""
    card = view.card
    if card.auth_status == AuthStatus.AUTHORIZED:
        return _sync_state(view, now)
    if card.auth_status in {AuthStatus.FAILED, AuthStatus.EXPIRED}:
        return State(card.auth_status or "", failures.of(card.reason_code, card.reason))
    if card.auth_status == AuthStatus.REVOKED:
        return State("ended")
    if view.previous is not None:
        return State("changing")
    return State("watching") if card.role == "owner" else _unconnected(card)


def _unconnected(card: FacilityCard) -> State:
    if card.auth_status == AuthStatus.PENDING and card.auth_method is not None:
        return State(
            "unconnected",
            title="The authorization is not finished yet",
            text="If you were at the utility's page, you can start again here. Nothing is lost.",
            action="Continue",
        )
    return State(
        "unconnected",
        title="Connect the utility of this facility",
        text="Choose the utility and allow it to share the meter readings. It takes about five "
        "minutes.",
        action="Choose your utility",
    )


def _sync_state(view: FacilityView, now: datetime) -> State:
    card = view.card
    since = card.sync_health_since
    when = f" since {words.local_time(since, card.time_zone)}" if since else ""
    if card.sync_health == "delayed":
        return State(
            "delayed",
            text=f"The utility has not been answering{when}. The authorization stays good; we "
            f"keep trying by ourselves and fetch what was missed.{_next_try(view, now)}",
        )
    if card.sync_health == "blocked":
        return State("blocked", failures.of(card.sync_health_code, None))
    return _renewal(view) if view.renewal is not None else State("fine")


def _renewal(view: FacilityView) -> State:
    card, authorization = view.card, view.authorization
    utility = card.utility or "the utility"
    ends_at = authorization.consent_ends_at if authorization else None
    if view.renewal is RenewalReason.ENDS_SOON and ends_at is not None:
        return State(
            "renewal",
            title=f"Your permission for {utility} ends on "
            f"{words.local_time(ends_at, card.time_zone)}",
            text="Renewed before then, no reading is missed. It takes about five minutes; "
            "facility, meters and readings stay as they are.",
            action="Renew",
        )
    return State(
        "renewal",
        title=f"The access to {utility} could not be renewed by itself",
        text="Readings come in as before, and we keep trying. To be safe, the utility can be "
        "authorized again now.",
        action="Authorize again",
    )


def _next_try(view: FacilityView, now: datetime) -> str:
    again = view.next_try_at
    if again is None:
        return ""
    if again <= now:
        return " We are trying again now."
    return f" Next try: {words.local_time(again, view.card.time_zone)}."


def _details(view: FacilityView) -> list[tuple[str, str | None]]:
    day, size = view.commercial_operation_date, view.system_size_kw
    return [
        ("Finance type", FINANCE_TYPES.get(view.finance_type or "", view.finance_type)),
        ("Finance company", view.finance_company),
        ("Installer", view.installer),
        ("System size", f"{size.normalize():f} kW" if size is not None else None),
        ("Commercial operation date", words.plain_date(day) if day else None),
    ]


def _meter(
    meter: MeterView, days: meter_coverage.Days | None, share: CoverageShare | None
) -> ShownMeter:
    return ShownMeter(
        meter,
        name_of(meter),
        tuple((_counts(channel), _intervals(channel)) for channel in meter.channels),
        strip(days) if days else None,
        meter_readings.first_start(meter),
        meter_readings.last_end(meter),
        _share(share) if share else None,
    )


def _share(share: CoverageShare) -> Share:
    # Rounded down: 99.96 percent is not all of it.
    tenths = share.complete * 1000 // share.due
    return Share(
        f"{tenths / 10:.1f}".removesuffix(".0") + "%",
        f"{share.complete:,} of {share.due:,} due days complete",
    )


def name_of(meter: MeterView) -> str:
    """Return the number on the meter, or the provider's identifier where none is known."""
    return ", ".join(meter.meter_numbers) or meter.external_id


def _counts(channel: ChannelView) -> str:
    direction = words.direction_name(channel.direction, channel.commodity)
    return f"{direction}, {channel.unit}" if channel.unit != "unknown" else direction


def _intervals(channel: ChannelView) -> str:
    lengths = [words.interval_length(seconds) for seconds in channel.interval_s]
    return f"every {' and every '.join(lengths)}" if lengths else ""
