"""A person leaves: their consents end, others are told, and nobody sees what goes with them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from dcarbon.db.authorizations import Authorization
from dcarbon.db.facilities import Facility, FacilityRole
from dcarbon.db.people import Person
from dcarbon.domain.errors import InvalidInput
from dcarbon.domain.states import AuthStatus
from dcarbon.services import authorization_endings, deletion_plans, mails, notices
from dcarbon.services.actors import Actor
from dcarbon.services.authorization_endings import EndReason


def end_consents(
    session: Session,
    going: Sequence[Facility],
    person: Person,
    *,
    public_url: str,
    now: datetime,
) -> list[UUID]:
    """End here every consent at facilities that go, and those the person gave elsewhere; return
    which. Utilities are told by work orders, the people of the other facilities by mail.
    """
    actor = Actor(person.id)
    rows: list[Authorization] = []
    for facility, consents in deletion_plans.facilities_left(session, person.id):
        by = authorization_endings.ended_by(session, facility.id, actor)
        for row in consents:
            rows.append(_ended(session, row, actor=actor, by=by, now=now))
            notices.access_ended(session, row, by=by, public_url=public_url, now=now)
    standing = select(Authorization).where(
        Authorization.facility_id.in_([facility.id for facility in going]),
        Authorization.status != AuthStatus.REVOKED,
    )
    found = session.scalars(standing.order_by(Authorization.id).with_for_update()).all()
    rows += [_ended(session, row, actor=actor, by="owner", now=now) for row in found]
    return [row.id for row in rows]


def _ended(
    session: Session, row: Authorization, *, actor: Actor, by: str, now: datetime
) -> Authorization:
    authorization_endings.end_here(
        session, row, actor=actor, why=EndReason.WITHDRAWN, by=by, now=now
    )
    authorization_endings.show(session, row)
    return row


def tell_others(
    session: Session, going: Sequence[Facility], person: Person, *, now: datetime
) -> None:
    """Tell everybody else with a role that their facility is going."""
    for facility in going:
        others = (
            select(Person.email)
            .join(FacilityRole, FacilityRole.person_id == Person.id)
            .where(FacilityRole.facility_id == facility.id, Person.id != person.id)
        )
        for email in session.scalars(others.order_by(Person.id)).all():
            # An address that no mail can reach must not undo the deletion.
            with suppress(InvalidInput):
                mails.queue(
                    session,
                    to=email,
                    kind="facility_deleted",
                    context={"facility": facility.name},
                    now=now,
                )


def close_to_people(session: Session, going: Sequence[Facility]) -> None:
    """Let nobody but administrators see facilities that are going."""
    ids = [facility.id for facility in going]
    session.execute(delete(FacilityRole).where(FacilityRole.facility_id.in_(ids)))
