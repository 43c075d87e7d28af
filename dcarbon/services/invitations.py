"""An owner asks somebody by mail to operate a facility; the link in it makes them its operator.

A facility has one open invitation at most. What becomes of a link is in ``invitation_links``.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from dcarbon.db.base import new_id
from dcarbon.db.facilities import Facility, FacilityRole
from dcarbon.db.people import Person
from dcarbon.db.registrations import Invitation
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.errors import InvalidInput, InvalidTransition, TooManyRequests
from dcarbon.domain.secrets import hashed
from dcarbon.domain.states import AuthStatus
from dcarbon.services import audit, facilities, facility_cards, mails, people
from dcarbon.services.actors import Actor
from dcarbon.services.facility_cards import PendingInvitation
from dcarbon.services.invitation_links import (
    Accepted,
    InvitationRefused,
    InvitationState,
    InvitedFacility,
    accept,
    called,
    look,
)
from dcarbon.services.runtime import Runtime

__all__ = [
    "Accepted",
    "InvitationRefused",
    "InvitationState",
    "InvitedFacility",
    "accept",
    "change_email",
    "invite",
    "look",
    "open_of",
    "resend",
    "withdraw",
    "withdraw_open",
]

_QUOTA_WINDOW = timedelta(hours=1)
_SECRET_BYTES = 32


def invite(runtime: Runtime, facility_id: UUID, *, email: str, actor: Actor) -> PendingInvitation:
    """Ask somebody to operate a facility: a row, a mail and an audit entry at once.

    Raises :class:`NotFound`; :class:`InvalidInput` for an address that cannot be one
    (``owner_needed``: only owners invite; ``invited_already_here``: the address has a role here);
    :class:`InvalidTransition` (``invitation_open``: send it again or change its address;
    ``already_authorized``); :class:`TooManyRequests`.
    """
    with runtime.sessions.begin() as session:
        facility = _facility_to_invite_for(session, facility_id, actor)
        before = open_row(session, facility_id, lock=True)
        if before is not None and before.expires_at > runtime.now():
            raise InvalidTransition(
                "an invitation is open",
                code="invitation_open",
            )
        if before is not None:
            _end(before, reason="replaced", now=runtime.now())
        return _sent(session, runtime, facility, email=email, actor=actor)


def resend(runtime: Runtime, facility_id: UUID, *, actor: Actor) -> PendingInvitation:
    """Send the open invitation again, with a new link; the one before is good no more.

    Raises as :func:`invite`; :class:`InvalidTransition` (``invitation_missing``) without one.
    """
    return _replaced(runtime, facility_id, email=None, actor=actor)


def change_email(
    runtime: Runtime, facility_id: UUID, *, email: str, actor: Actor
) -> PendingInvitation:
    """Invite another address instead; the link sent before is good no more. Raises as resend."""
    return _replaced(runtime, facility_id, email=email, actor=actor)


def withdraw(runtime: Runtime, facility_id: UUID, *, actor: Actor) -> None:
    """Take the open invitation back; none is fine too. Raises as :func:`invite`."""
    with runtime.sessions.begin() as session:
        facilities.require_may_edit(session, facility_id, actor=actor)
        withdraw_open(session, facility_id, actor=actor, now=runtime.now())


def withdraw_open(session: Session, facility_id: UUID, *, actor: Actor, now: datetime) -> None:
    """Take the open invitation back, if there is one; the caller checked who may. No commit."""
    row = open_row(session, facility_id, lock=True)
    if row is None:
        return
    _end(row, reason="withdrawn", now=now)
    audit.record(
        session,
        AuditEvent.INVITATION_ENDED,
        actor=actor,
        at=now,
        facility_id=facility_id,
        invitation=str(row.id),
        reason="withdrawn",
    )


def open_of(session: Session, facility_id: UUID, *, now: datetime) -> PendingInvitation | None:
    """Return the facility's open invitation, expired or not; the caller checked who may see it."""
    return facility_cards.pending(open_row(session, facility_id), now=now)


def open_row(session: Session, facility_id: UUID, *, lock: bool = False) -> Invitation | None:
    open_here = select(Invitation).where(
        Invitation.facility_id == facility_id,
        Invitation.accepted_at.is_(None),
        Invitation.ended_at.is_(None),
    )
    return session.scalar(open_here.with_for_update() if lock else open_here)


def _replaced(
    runtime: Runtime, facility_id: UUID, *, email: str | None, actor: Actor
) -> PendingInvitation:
    with runtime.sessions.begin() as session:
        facility = _facility_to_invite_for(session, facility_id, actor)
        before = open_row(session, facility_id, lock=True)
        if before is None:
            raise InvalidTransition(
                "no open invitation",
                code="invitation_missing",
            )
        _end(before, reason="replaced" if email is None else "address_changed", now=runtime.now())
        return _sent(session, runtime, facility, email=email or before.email, actor=actor)


def _facility_to_invite_for(session: Session, facility_id: UUID, actor: Actor) -> Facility:
    facility = facilities.require_may_edit(session, facility_id, actor=actor)
    # Two tabs inviting at once: the second waits here and finds the invitation of the first.
    session.refresh(facility, with_for_update=True)
    if facility.auth_status == AuthStatus.AUTHORIZED:
        raise InvalidTransition(
            "already authorized",
            code="already_authorized",
            display_message="This facility is authorized already; no operator is needed for that.",
        )
    return facility


def _sent(
    session: Session, runtime: Runtime, facility: Facility, *, email: str, actor: Actor
) -> PendingInvitation:
    """Write a new invitation and its mail. Only the hash of the link's secret is kept."""
    now, address = runtime.now(), people.address_of(email)
    assert actor.person_id is not None
    _require_no_role(session, facility.id, address)
    _require_room(session, runtime, facility.id, actor.person_id)
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    row = Invitation(
        id=new_id(),
        facility_id=facility.id,
        email=address,
        invited_by=actor.person_id,
        secret_hash=hashed(secret),
        created_at=now,
        expires_at=now + timedelta(days=runtime.settings.invitation_days),
    )
    # What ended before must be written first: only one may be open.
    session.flush()
    session.add(row)
    if facility.auth_status is None:
        facility.auth_status = AuthStatus.PENDING
    mails.queue(
        session,
        to=address,
        kind="operator_invitation",
        context={
            "facility": facility.name,
            "owner": called(session.get_one(Person, actor.person_id)),
            "link": f"{runtime.settings.public_url}/invitations/{secret}",
            "expires": row.expires_at.astimezone(ZoneInfo(facility.time_zone)),
        },
        now=now,
        facility_id=facility.id,
    )
    audit.record(
        session,
        AuditEvent.OPERATOR_INVITED,
        actor=actor,
        at=now,
        facility_id=facility.id,
        invitation=str(row.id),
    )
    return PendingInvitation(address, now, row.expires_at, is_expired=False)


def _require_no_role(session: Session, facility_id: UUID, address: str) -> None:
    held = session.scalar(
        select(FacilityRole.role)
        .join(Person, Person.id == FacilityRole.person_id)
        .where(FacilityRole.facility_id == facility_id, Person.email == address)
    )
    if held is not None:
        raise InvalidInput(
            "the address has a role here",
            code="invited_already_here",
        )


def _require_room(session: Session, runtime: Runtime, facility_id: UUID, person_id: UUID) -> None:
    """Mails to strangers are counted: per facility and per person who invites."""
    since = runtime.now() - _QUOTA_WINDOW
    mine = Invitation.invited_by == person_id
    here = Invitation.facility_id == facility_id
    by_me, at_facility = session.execute(
        select(func.count().filter(mine), func.count().filter(here)).where(
            Invitation.created_at > since, or_(mine, here)
        )
    ).one()
    limits = runtime.settings
    if at_facility >= limits.invitations_per_facility or by_me >= limits.invitations_per_person:
        raise TooManyRequests(
            "invitation quota used up",
            retry_after=_QUOTA_WINDOW,
            code="invitation_quota",
        )


def _end(row: Invitation, *, reason: str, now: datetime) -> None:
    row.ended_at, row.end_reason = now, reason
