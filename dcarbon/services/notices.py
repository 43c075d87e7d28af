"""Who is told what by mail when a facility's authorization changes; in the change's transaction.

What the mails say is in ``mail_rendering``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcarbon.db.authorizations import Authorization, AuthorizationSession
from dcarbon.db.facilities import Facility, FacilityRole
from dcarbon.db.people import Person
from dcarbon.domain.errors import DCarbonError, InvalidInput
from dcarbon.services import mails
from dcarbon.services.actors import Actor
from dcarbon.services.facilities import OWNERS

_ENDED_BY = {
    "owner": "The owner",
    "operator": "The operator",
    "owner_operator": "The owner",
    "admin": "An administrator of DCarbon",
    "provider": "On the utility's side, somebody",
}
REPEATED_AFTER = timedelta(days=7)
"""The same news about the same authorization goes out again after this long at the soonest."""


def authorization_done(
    session: Session, row: Authorization, *, actor: Actor, now: datetime
) -> None:
    """Tell who started it, as a receipt, and the owners that the facility is authorized."""
    facility = session.get_one(Facility, row.facility_id)
    _tell(
        session,
        facility,
        kind="authorization_done",
        context={"facility": facility.name, "utility": row.utility},
        roles=OWNERS,
        also=actor.person_id or row.requested_by,
        now=now,
    )


def authorization_failed(
    session: Session,
    row: Authorization,
    error: DCarbonError,
    *,
    actor: Actor,
    public_url: str,
    now: datetime,
) -> None:
    """Tell who started it and the owners that authorising failed, and why."""
    facility = session.get_one(Facility, row.facility_id)
    _tell(
        session,
        facility,
        kind="authorization_failed",
        context=_about(facility, row, public_url) | {"reason": error.display_message},
        roles=OWNERS,
        also=actor.person_id or _started_last(session, row),
        now=now,
        repeat_key=f"failed:{row.id}:{error.code}",
    )


def reauthorization_needed(
    session: Session, row: Authorization, *, public_url: str, now: datetime
) -> None:
    """Ask everybody at the facility, once a week at most, to see to it: the owner watches."""
    facility = session.get_one(Facility, row.facility_id)
    _tell(
        session,
        facility,
        kind="reauthorization_needed",
        context=_about(facility, row, public_url),
        now=now,
        repeat_key=f"reauthorize:{row.id}",
    )


def authorization_retry(
    session: Session,
    row: Authorization,
    *,
    to: Collection[UUID],
    reason: str,
    public_url: str,
    now: datetime,
) -> None:
    """Ask those who may authorise to do it again; the link leads straight to that step.

    ``reason`` is why it is needed, in words for people, or nothing.
    """
    facility = session.get_one(Facility, row.facility_id)
    _tell(
        session,
        facility,
        kind="authorization_retry",
        context=_about(facility, row, public_url)
        | {"reason": reason, "link": f"{link_to(facility.id, public_url)}/utility"},
        only=to,
        now=now,
    )


def grant_rotation_failed(
    session: Session, row: Authorization, error: DCarbonError, *, public_url: str, now: datetime
) -> None:
    """Tell everybody at the facility that its access could not be renewed in several tries."""
    facility = session.get_one(Facility, row.facility_id)
    _tell(
        session,
        facility,
        kind="grant_rotation_failed",
        context=_about(facility, row, public_url) | {"reason": error.display_message},
        now=now,
    )


def consent_ending(
    session: Session, row: Authorization, *, ends_at: datetime, public_url: str, now: datetime
) -> None:
    """Tell everybody at the facility when its consent ends; ``ends_at`` in the facility's zone."""
    facility = session.get_one(Facility, row.facility_id)
    _tell(
        session,
        facility,
        kind="consent_ending",
        context=_about(facility, row, public_url) | {"expires": ends_at},
        now=now,
    )


def access_ended(
    session: Session,
    row: Authorization,
    *,
    by: str,
    reason: str = "",
    public_url: str,
    now: datetime,
) -> None:
    """Tell everybody at the facility that its access has ended: by whom, why, what is kept.

    ``by`` is a role at the facility, ``admin``, or ``provider`` when it was ended on the utility's
    side. Who ended it gets the mail as a receipt.
    """
    facility = session.get_one(Facility, row.facility_id)
    _tell(
        session,
        facility,
        kind="access_ended",
        context=_about(facility, row, public_url) | {"who": _ENDED_BY[by], "reason": reason},
        now=now,
    )


def method_changed(
    session: Session,
    facility: Facility,
    *,
    old: str,
    new: str | None,
    actor: Actor,
    now: datetime,
) -> None:
    """Tell everybody at the facility but the actor that another utility is to be used."""
    _tell(
        session,
        facility,
        kind="method_changed",
        context={"facility": facility.name, "old": old, "new": new or "another utility"},
        but=actor.person_id,
        now=now,
    )


def adjustment_opened(
    session: Session,
    facility: Facility,
    *,
    report_id: UUID,
    unit: str,
    month: str,
    reported: str,
    known: str,
    days_left: int | None,
    public_url: str,
    now: datetime,
) -> None:
    """Tell everybody at the facility, once, that a reported month has changed; amounts in MWh.

    ``days_left``: how long the registry takes a correction, where that is known.
    """
    _tell(
        session,
        facility,
        kind="adjustment_opened",
        context={
            "facility": facility.name,
            "unit": unit,
            "month": month,
            "reported": reported,
            "known": known,
            "days_left": _time_left(days_left),
            "link": f"{public_url}/generation-reports/{report_id}",
        },
        now=now,
    )


def _time_left(days: int | None) -> str:
    if days is None:
        return ""
    if days < 0:
        return "The published time for corrections is over: please ask the registry first."
    return f"The registry takes it for another {days} day{'' if days == 1 else 's'}."


def _started_last(session: Session, row: Authorization) -> UUID | None:
    """Return who opened the latest attempt; somebody else may have made the first."""
    attempts = select(AuthorizationSession.person_id).where(
        AuthorizationSession.authorization_id == row.id
    )
    latest = session.scalar(attempts.order_by(AuthorizationSession.id.desc()).limit(1))
    return latest or row.requested_by


def link_to(facility_id: UUID, public_url: str) -> str:
    """Return the address of a facility's page."""
    return f"{public_url}/facilities/{facility_id}"


def _about(facility: Facility, row: Authorization, public_url: str) -> dict[str, object]:
    """Return what nearly every mail names: which facility, which utility, where to look."""
    return {
        "facility": facility.name,
        "utility": row.utility,
        "link": link_to(facility.id, public_url),
    }


def _tell(
    session: Session,
    facility: Facility,
    *,
    kind: str,
    context: Mapping[str, object],
    now: datetime,
    but: UUID | None = None,
    only: Collection[UUID] | None = None,
    roles: Collection[str] | None = None,
    also: UUID | None = None,
    repeat_key: str | None = None,
) -> None:
    people = (
        select(Person.email)
        .join(FacilityRole, FacilityRole.person_id == Person.id)
        .where(FacilityRole.facility_id == facility.id)
        .order_by(Person.id)
    )
    if roles is not None:
        people = people.where(FacilityRole.role.in_(roles) | (Person.id == also))
    if only is not None:
        people = people.where(Person.id.in_(only))
    if but is not None:
        people = people.where(Person.id != but)
    for email in session.scalars(people).all():
        # An address that no mail can reach must not undo the change it is told of.
        with suppress(InvalidInput):
            mails.queue(
                session,
                to=email,
                kind=kind,
                context=context,
                now=now,
                facility_id=facility.id,
                repeat_key=repeat_key,
                repeat_within=REPEATED_AFTER if repeat_key else None,
            )
