"""What tests of rotation ask of the stored state, and how they open and work its orders."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from dcarbon.db.audit import AuditEntry
from dcarbon.db.authorizations import Grant, current_grant, pending_grant
from dcarbon.db.facilities import FacilityRole
from dcarbon.db.mails import Mail
from dcarbon.db.work_orders import WorkOrder
from dcarbon.services import grants, rotation
from dcarbon.services.actors import Actor
from dcarbon.services.grants import OpenGrant
from dcarbon.services.rotation import RotationOutcome
from tests.integration.collection.conftest import Customer
from tests.integration.collection.faults.conftest import Consented

OLD = timedelta(days=91)
"""Older than a grant may become."""


def due_order(house: Consented) -> UUID:
    """Open the order of the one grant that is due."""
    assert rotation.open_due(house.runtime) == 1
    return rotation_order(house).id


def rotation_order(house: Consented) -> WorkOrder:
    with house.runtime.sessions() as session:
        return session.scalars(
            select(WorkOrder)
            .where(WorkOrder.authorization_id == house.id, WorkOrder.kind == "rotate")
            .order_by(WorkOrder.id.desc())
            .limit(1)
        ).one()


def rotate_when_due(house: Consented) -> RotationOutcome:
    """Try the order again at its time, as the sensor does."""
    order = rotation_order(house)
    house.clock.set(max(house.clock.now(), order.not_before))
    return rotation.rotate(house.runtime, order.id)


def make_due(house: Consented) -> None:
    """Bring the next try forward to this moment."""
    order_id = rotation_order(house).id
    with house.runtime.sessions.begin() as session:
        session.get_one(WorkOrder, order_id).not_before = house.clock.now()


def tokens_of(house: Consented, *, pending: bool = False) -> dict[str, str]:
    find = pending_grant if pending else current_grant
    with house.runtime.sessions() as session:
        grant = find(session, house.id)
    assert grant is not None
    opened: dict[str, str] = json.loads(house.runtime.keys.open(grant.sealed, bound_to=house.id))
    return opened


def grants_of(house: Consented) -> list[Grant]:
    query = select(Grant).where(Grant.authorization_id == house.id).order_by(Grant.id)
    with house.runtime.sessions() as session:
        return list(session.scalars(query))


def half_rotated(house: Consented) -> OpenGrant:
    """Refresh and store, and go no further: what a killed process leaves behind."""
    with grants.lock(house.runtime, house.id):
        held = grants.opened(house.runtime, house.id)
        return grants.refresh_beside(house.runtime, house.id, held)


def customer_of(house: Consented) -> Customer:
    """Return the person the house belongs to."""
    facility = house.facility()
    query = select(FacilityRole.person_id).where(FacilityRole.facility_id == facility.id)
    with house.runtime.sessions() as session:
        person_id = session.scalars(query).one()
    actor = Actor(person_id, scopes=frozenset({"read", "write"}))
    return Customer(house.runtime, actor, facility)


def audited(house: Consented, event: str) -> list[dict[str, Any]]:
    query = select(AuditEntry.details).where(AuditEntry.event == event).order_by(AuditEntry.seq)
    with house.runtime.sessions() as session:
        return list(session.scalars(query))


def mails(house: Consented, kind: str) -> list[Mail]:
    query = select(Mail).where(Mail.kind == kind).order_by(Mail.id)
    with house.runtime.sessions() as session:
        return list(session.scalars(query))


def forbid(house: Consented, *, table: str, when: str) -> None:
    """Let the database refuse some updates: the transaction breaks there, as in a crash."""
    with house.runtime.sessions.begin() as session:
        session.execute(
            text(
                "create or replace function refuse() returns trigger language plpgsql as"
                " $$ begin raise exception 'refused by a test'; end $$"
            )
        )
        session.execute(
            text(
                f"create trigger refuse before update on {table}"
                f" for each row when ({when}) execute function refuse()"
            )
        )


def allow(house: Consented, *, table: str) -> None:
    with house.runtime.sessions.begin() as session:
        session.execute(text(f"drop trigger refuse on {table}"))
