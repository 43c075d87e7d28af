"""*Add New Facility*, one person's way through it: every step is kept, and can be gone on with.

``waiting`` and ``done`` are seen, not set: they follow from how the facility's authorization
stands. Choosing a utility is here; the flow itself is in ``authorizations``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from dcarbon.db.authorizations import Authorization
from dcarbon.db.base import new_id
from dcarbon.db.facilities import Facility, FacilityRole
from dcarbon.db.people import Person
from dcarbon.db.registrations import Invitation, Registration
from dcarbon.domain import facility_answers
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.errors import InvalidInput, InvalidTransition, NotFound
from dcarbon.domain.states import AuthStatus
from dcarbon.services import audit, authorizations, facilities, invitations
from dcarbon.services.actors import Actor
from dcarbon.services.authorizations import Started
from dcarbon.services.runtime import Runtime

Step = Literal["role", "details", "utility", "operator", "waiting", "done"]

CHOICE_FIELDS = ("auth_method", "utility", "operator_email")
"""What is kept of the utility or operator section, beside the facility's own fields."""
MOST_UNFINISHED = 50
"""More than anybody needs at once; keeps a runaway program from filling the table."""
_LONGEST_KEPT = 2_000


@dataclass(frozen=True, slots=True)
class RegistrationView:
    """A registration as its person sees it. Times are UTC.

    ``answers`` is what was typed, by field name, valid or not; ``errors`` a sentence for each field
    that will not do, once the details were sent. ``steps`` are all steps of this way, in order.
    """

    id: UUID
    account_kind: str
    role: str | None
    step: Step
    steps: tuple[Step, ...]
    answers: Mapping[str, str]
    errors: Mapping[str, str]
    facility_id: UUID | None
    created_at: datetime
    updated_at: datetime
    is_put_away: bool

    @property
    def title(self) -> str:
        """The name typed so far, for lists."""
        return self.answers.get("name", "").strip() or "Facility without a name yet"


@dataclass(frozen=True, slots=True)
class Choice:
    """There are unfinished registrations: go on with one of them, or start a new one."""

    unfinished: tuple[RegistrationView, ...]


def begin(runtime: Runtime, actor: Actor) -> RegistrationView | Choice:
    """Start *Add New Facility*; with unfinished registrations, offer them first."""
    with runtime.sessions() as session:
        found = unfinished(session, actor)
    return Choice(tuple(found)) if found else start_new(runtime, actor)


def start_new(runtime: Runtime, actor: Actor) -> RegistrationView:
    """Start a new registration, whatever else is unfinished.

    Commercial people begin by choosing their role; residential ones are Owner + Operator and begin
    with the details. Raises :class:`InvalidTransition` with more than fifty unfinished ones.
    """
    now = runtime.now()
    with runtime.sessions.begin() as session:
        person = _person(session, actor)
        if len(unfinished(session, actor)) >= MOST_UNFINISHED:
            raise InvalidTransition(
                "too many unfinished registrations",
                code="too_many_registrations",
            )
        is_residential = person.account_kind == "residential"
        row = Registration(
            id=new_id(),
            person_id=person.id,
            account_kind=person.account_kind,
            role="owner_operator" if is_residential else None,
            step="details" if is_residential else "role",
            answers={},
            created_at=now,
            updated_at=now,
        )
        session.add(row)
        session.flush()
        audit.record(
            session,
            AuditEvent.REGISTRATION_STARTED,
            actor=actor,
            at=now,
            registration=str(row.id),
        )
        return _view(session, row)


def continue_(runtime: Runtime, registration_id: UUID, *, actor: Actor) -> RegistrationView:
    """Return a registration where it stands. Somebody else's is :class:`NotFound`."""
    with runtime.sessions.begin() as session:
        return _view(session, _own(session, registration_id, actor))


def answer_role(
    runtime: Runtime, registration_id: UUID, *, role: str, actor: Actor
) -> RegistrationView:
    """Answer *Owner* (``owner``) or *Owner + Operator* (``owner_operator``); may be answered again.

    Raises :class:`InvalidInput` for another role, :class:`InvalidTransition` for residential people
    (who are both) and once the utility was authorized.
    """
    now = runtime.now()
    with runtime.sessions.begin() as session:
        row = _open(session, registration_id, actor)
        if row.account_kind == "residential" and role != "owner_operator":
            raise InvalidTransition(
                "residential people are both",
                display_message="At home you are both owner and operator; there is no choice.",
            )
        if role not in {"owner", "owner_operator"}:
            raise InvalidInput(
                "unknown role", display_message="Please choose Owner or Owner + Operator."
            )
        row.role, row.updated_at = role, now
        if row.facility_id is None:
            row.step = "details"
        else:
            _change_role(session, row, actor=actor, now=now)
        return _view(session, row)


def answer_details(
    runtime: Runtime, registration_id: UUID, *, answers: Mapping[str, str], actor: Actor
) -> RegistrationView:
    """Save what was typed, always; make or change the facility once all of it will do.

    ``answers`` replaces the fields it names (``facility_answers.FIELDS``, ``CHOICE_FIELDS``). The
    view that comes back has ``errors`` by field, or stands at the next step. Unknown fields are
    :class:`InvalidInput`; before the role is chosen it is :class:`InvalidTransition`.
    """
    now = runtime.now()
    with runtime.sessions.begin() as session:
        row = _open(session, registration_id, actor)
        if row.role is None:
            raise InvalidTransition("no role yet", display_message="Please choose your role first.")
        row.answers = {**row.answers, **_kept(answers)}
        row.updated_at = now
        found = facility_answers.read(row.answers, today=now.date())
        if not found.errors:
            _save_facility(session, row, found.values, actor=actor, now=now)
        return _view(session, row, errors=found.errors)


def choose_utility(
    runtime: Runtime,
    registration_id: UUID,
    *,
    method: str,
    utility: str,
    actor: Actor,
    browser: str | None,
) -> Started:
    """Go to the utility: open the attempt and say where to send the person.

    ``method`` is ``green_button`` (``utility`` is the profile's key, as ``pge``) or ``utilityapi``
    (``utility`` is UtilityAPI's code). The choice is saved first, even when starting is refused.
    Raises what ``authorizations.start_green_button`` and ``start_utilityapi`` raise, and
    :class:`InvalidTransition` before the details are complete.
    """
    now = runtime.now()
    with runtime.sessions.begin() as session:
        row = _open(session, registration_id, actor)
        row.answers = {**row.answers, **_kept({"auth_method": method, "utility": utility})}
        row.updated_at = now
        facility_id = row.facility_id
    if facility_id is None:
        raise InvalidTransition(
            "details are not complete",
            code="details_missing",
        )
    started = authorizations.start(
        runtime, facility_id, method=method, utility=utility, actor=actor, browser=browser
    )
    with runtime.sessions.begin() as session:
        session.get_one(Registration, registration_id).step = "waiting"
    return started


def put_away(runtime: Runtime, registration_id: UUID, *, actor: Actor) -> None:
    """Take a registration off the list of unfinished ones; a facility it made stays."""
    now = runtime.now()
    with runtime.sessions.begin() as session:
        row = _own(session, registration_id, actor)
        if row.ended_at is None:
            row.ended_at = row.updated_at = now
            audit.record(
                session,
                AuditEvent.REGISTRATION_ENDED,
                actor=actor,
                at=now,
                facility_id=row.facility_id,
                registration=str(row.id),
            )


def unfinished(session: Session, actor: Actor) -> list[RegistrationView]:
    """Return the actor's unfinished registrations, last touched first."""
    once_authorized = exists().where(
        Authorization.facility_id == Registration.facility_id,
        Authorization.authorized_at.is_not(None),
    )
    rows = session.scalars(
        select(Registration)
        .where(
            Registration.person_id == (actor.person_id or UUID(int=0)),
            Registration.ended_at.is_(None),
            ~once_authorized,
        )
        .order_by(Registration.updated_at.desc(), Registration.id.desc())
    ).all()
    return [_view(session, row) for row in rows]


def _person(session: Session, actor: Actor) -> Person:
    person = session.get(Person, actor.person_id) if actor.person_id else None
    if person is None:
        raise InvalidInput("a registration needs a person")
    return person


def _own(session: Session, registration_id: UUID, actor: Actor) -> Registration:
    row = session.get(Registration, registration_id, with_for_update=True)
    if row is None or row.person_id != actor.person_id:
        raise NotFound("no such registration")
    return row


def _open(session: Session, registration_id: UUID, actor: Actor) -> Registration:
    row = _own(session, registration_id, actor)
    if row.ended_at is not None or _was_authorized(session, row.facility_id):
        raise InvalidTransition(
            "registration is over",
            code="registration_over",
        )
    return row


def _kept(answers: Mapping[str, str]) -> dict[str, str]:
    """Return what is saved of the answers: as typed, but nothing a database would refuse."""
    known = {*facility_answers.FIELDS, *CHOICE_FIELDS}
    if unknown := set(answers) - known:
        raise InvalidInput(f"{len(unknown)} unknown answers")
    return {name: text.replace("\x00", "")[:_LONGEST_KEPT] for name, text in answers.items()}


def _save_facility(
    session: Session,
    row: Registration,
    values: Mapping[str, object],
    *,
    actor: Actor,
    now: datetime,
) -> None:
    assert row.role is not None
    if row.facility_id is not None:
        facility = session.get_one(Facility, row.facility_id)
        facilities.write_details(session, facility, values, actor=actor, at=now)
        return
    facility = facilities.add(
        session,
        values,
        account_kind=row.account_kind,
        role=row.role,
        person_id=row.person_id,
        actor=actor,
        now=now,
    )
    row.facility_id = facility.id
    row.step = _after_details(row.role)


def _change_role(session: Session, row: Registration, *, actor: Actor, now: datetime) -> None:
    """Let the role at the facility follow the answer; the next step is another one then.

    Whoever operates it themselves has invited nobody any more.
    """
    assert row.role is not None
    assert row.facility_id is not None
    held = session.get_one(FacilityRole, (row.facility_id, row.person_id))
    if held.role != row.role:
        held.role, held.since = row.role, now
        audit.record(
            session,
            AuditEvent.FACILITY_UPDATED,
            actor=actor,
            at=now,
            facility_id=row.facility_id,
            fields=["role"],
        )
        if row.role == "owner_operator":
            invitations.withdraw_open(session, row.facility_id, actor=actor, now=now)
    row.step = _after_details(row.role)


def _after_details(role: str) -> Step:
    return "operator" if role == "owner" else "utility"


def _was_authorized(session: Session, facility_id: UUID | None) -> bool:
    if facility_id is None:
        return False
    found = select(Authorization.id).where(
        Authorization.facility_id == facility_id, Authorization.authorized_at.is_not(None)
    )
    return session.scalar(found.limit(1)) is not None


def _view(
    session: Session,
    row: Registration,
    *,
    errors: Mapping[str, str] | None = None,
) -> RegistrationView:
    return RegistrationView(
        id=row.id,
        account_kind=row.account_kind,
        role=row.role,
        step=_step(session, row),
        steps=_steps(row),
        answers=dict(row.answers),
        errors=dict(errors or {}),
        facility_id=row.facility_id,
        created_at=row.created_at,
        updated_at=row.updated_at,
        is_put_away=row.ended_at is not None,
    )


def _step(session: Session, row: Registration) -> Step:
    """Return where the person stands, looking at what became of the facility meanwhile."""
    if row.role is None:
        return "role"
    if row.facility_id is None:
        return "details"
    if _was_authorized(session, row.facility_id):
        return "done"
    if row.role == "owner":
        return "waiting" if _was_invited(session, row.facility_id) else "operator"
    status = session.get_one(Facility, row.facility_id).auth_status
    is_away = row.step == "waiting" and status == AuthStatus.PENDING
    return "waiting" if is_away else "utility"


def _was_invited(session: Session, facility_id: UUID) -> bool:
    """Was an operator invited who may still come, or has come?"""
    found = select(Invitation.id).where(
        Invitation.facility_id == facility_id, Invitation.ended_at.is_(None)
    )
    return session.scalar(found.limit(1)) is not None


def _steps(row: Registration) -> tuple[Step, ...]:
    last: tuple[Step, ...] = ("operator" if row.role == "owner" else "utility", "waiting", "done")
    first: tuple[Step, ...] = () if row.account_kind == "residential" else ("role",)
    return (*first, "details", *last)
