"""Facilities as their pages show them: what stands in a card, and what its person does next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from flask import url_for

from dcarbon.domain.states import AuthStatus
from dcarbon.services.facility_views import FacilityCard
from dcarbon_api import words as wording
from dcarbon_api.connection import failures
from dcarbon_api.dashboard.coverage_strip import Strip, strip


@dataclass(frozen=True, slots=True)
class Notice:
    """One sentence about a facility, and where to go for it."""

    kind: Literal["info", "warning"]
    words: str
    action: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class ShownCard:
    """A card of the dashboard."""

    card: FacilityCard
    strip: Strip | None
    notice: Notice | None


def shown(card: FacilityCard) -> ShownCard:
    days = strip(card.coverage_30d) if card.coverage_30d else None
    return ShownCard(card, days, _notice(card))


def _notice(card: FacilityCard) -> Notice | None:
    if card.auth_status == AuthStatus.AUTHORIZED:
        return _sync_notice(card)
    if card.role == "owner":
        return _owners_notice(card)
    if not card.may_authorize:
        return None
    action, words = _TO_DO[AuthStatus(card.auth_status) if card.auth_status else None]
    kind: Literal["info", "warning"] = "warning" if card.auth_status in _URGENT else "info"
    if card.auth_status == AuthStatus.FAILED:
        words = failures.of(card.reason_code, card.reason).what_happened
    return Notice(kind, words, action, _choice(card.id))


_URGENT = frozenset({AuthStatus.FAILED, AuthStatus.EXPIRED})
_TO_DO: dict[AuthStatus | None, tuple[str, str]] = {
    None: ("Choose your utility", "No utility is connected yet."),
    AuthStatus.PENDING: ("Continue", "The authorization is not finished yet."),
    AuthStatus.FAILED: ("Try again", ""),
    AuthStatus.EXPIRED: (
        "Authorize again",
        "The utility no longer accepts our access. New readings wait until you authorize again.",
    ),
    AuthStatus.REVOKED: ("Connect again", "The access was ended. Readings so far are kept."),
}


def _owners_notice(card: FacilityCard) -> Notice:
    """A plain owner watches: the operator acts."""
    page = url_for("dashboard.facility", facility_id=card.id)
    if card.auth_status == AuthStatus.EXPIRED:
        words = "The operator has to authorize the utility again. Readings so far are kept."
        return Notice("warning", words, "See more", page)
    if card.auth_status == AuthStatus.FAILED:
        words = "The operator could not finish the authorization, and can try again."
        return Notice("warning", words, "See why", page)
    if card.auth_status is None:
        invite = url_for("operators.invite", facility_id=card.id)
        return Notice("info", "No operator is invited yet.", "Invite the operator", invite)
    if card.auth_status == AuthStatus.REVOKED:
        words = "The access was ended. Readings so far are kept; the operator can connect again."
        return Notice("info", words, "See more", page)
    words = "Utility Authorization Pending: the operator has not finished yet."
    return Notice("info", words, "See how it stands", page)


def _sync_notice(card: FacilityCard) -> Notice | None:
    if card.sync_health == "delayed":
        words = f"No answer from the utility{_since(card)}. We keep trying by ourselves."
        return Notice("warning", words)
    if card.sync_health == "blocked":
        return Notice("warning", failures.of(card.sync_health_code, None).what_happened)
    return None


def _since(card: FacilityCard) -> str:
    instant = card.sync_health_since
    return f" since {wording.local_time(instant, card.time_zone)}" if instant else ""


def _choice(facility_id: UUID) -> str:
    return url_for("connection.choose", facility_id=facility_id)
