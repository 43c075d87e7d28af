"""Customers who authorise, each with one electric meter, and what the product knows of them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from uuid import UUID

import httpx2
from sqlalchemy import select

from dcarbon.cli.browsing import Visitor
from dcarbon.db.authorizations import Authorization
from dcarbon.services import authorizations, facilities, people
from dcarbon.services.actors import SYSTEM, Actor
from dcarbon.services.facilities import FacilityDetails
from dcarbon.services.runtime import Runtime
from dcarbon_sandbox.customers import SandboxMeter, customer_by_login


@dataclass(frozen=True)
class Choice:
    """A login at a utility; ``utility`` is set for UtilityAPI only."""

    provider: str
    login: str
    utility: str = ""

    @property
    def meter(self) -> SandboxMeter:
        known = customer_by_login(self.login)
        assert known is not None
        assert len(known.meters) == 1
        return known.meters[0]

    @property
    def password(self) -> str:
        known = customer_by_login(self.login)
        assert known is not None
        return known.password


CHOICES: Sequence[Choice] = (
    Choice("pge", "sunny"),
    Choice("sce", "robin"),
    Choice("sdge", "gappy"),
    Choice("utilityapi", "hourly", "LADWP"),
    Choice("pge", "bulk-1"),
    Choice("sce", "bulk-3"),
    Choice("sdge", "bulk-5"),
    Choice("utilityapi", "bulk-7", "DEMO"),
    Choice("pge", "bulk-2"),
    Choice("sce", "bulk-4"),
)
"""Quarter hours and hours, with and without export, with holes and with readings that come late."""


@dataclass(frozen=True)
class Customer:
    """One of them, registered, with a facility."""

    choice: Choice
    actor: Actor
    facility_id: UUID

    def authorise(self, runtime: Runtime) -> bool:
        """Walk the consent over HTTP and come back through the web app; say whether it answered.

        The web app may be killed under it; whoever is sent back to a dead page starts again.
        """
        visitor, back = self.visit(runtime)
        with closing(visitor.http):
            try:
                return not visitor.http.get(back).is_error
            except httpx2.HTTPError:
                return False

    def visit(self, runtime: Runtime) -> tuple[Visitor, str]:
        """Go to the utility and consent; return the browser and where it is sent back to."""
        started = self._start(runtime)
        visitor = Visitor.new()
        choice = self.choice
        answers = {"username": choice.login, "login": choice.login, "password": choice.password}
        public = runtime.settings.public_url
        return visitor, visitor.through(started.redirect_url, answers, until=public)

    def _start(self, runtime: Runtime) -> authorizations.Started:
        if self.choice.utility:
            return authorizations.start_utilityapi(
                runtime,
                facility_id=self.facility_id,
                utility=self.choice.utility,
                actor=self.actor,
                browser=None,
            )
        return authorizations.start_green_button(
            runtime,
            facility_id=self.facility_id,
            provider=self.choice.provider,
            actor=self.actor,
            browser=None,
        )

    def authorization(self, runtime: Runtime) -> Authorization | None:
        """Return the authorization in force or last in force, if there ever was one."""
        with runtime.sessions() as session:
            return session.scalars(
                select(Authorization)
                .where(Authorization.facility_id == self.facility_id)
                .order_by(Authorization.authorized_at.desc().nulls_last())
                .limit(1)
            ).first()


def register(runtime: Runtime, choice: Choice) -> Customer:
    """Make a person with a facility for this login."""
    name = f"{choice.login} at {choice.utility or choice.provider}"
    person = people.ensure(
        runtime.sessions,
        email=f"{choice.login}.{choice.provider}@example.test",
        account_kind="residential",
        actor=SYSTEM,
        now=runtime.now(),
    )
    actor = Actor(person.id, scopes=frozenset({"read", "write"}))
    facility = facilities.create(
        runtime.sessions,
        FacilityDetails(name=name),
        account_kind="residential",
        role="owner_operator",
        actor=actor,
        now=runtime.now(),
    )
    return Customer(choice, actor, facility.id)
