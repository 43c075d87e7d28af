"""People hear by mail what becomes of an authorization, in the transaction of the change."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from dcarbon.db.authorizations import Authorization, shard_of
from dcarbon.db.base import new_id
from dcarbon.db.facilities import Facility, FacilityRole
from dcarbon.db.mails import Mail
from dcarbon.db.people import Person
from dcarbon.domain.errors import AuthorizationDeclined, ReauthorizationRequired
from dcarbon.domain.secrets import Secret
from dcarbon.providers.green_button.token_response import TokenSet
from dcarbon.services import authorization_records as records
from dcarbon.services.actors import SYSTEM, Actor
from dcarbon.services.open_attempt import Attempt
from dcarbon.services.runtime import Runtime
from tests.integration.conftest import NOW

OWNER, OPERATOR, COLLEAGUE = "owner@example.test", "operator@example.test", "other@example.test"


class Site:
    """A facility with an owner, two operators, and an authorization one operator asked for."""

    def __init__(self, runtime: Runtime, status: str) -> None:
        self.runtime, self.authorization_id = runtime, new_id()
        with runtime.sessions.begin() as session:
            facility = Facility(name="Roof", account_kind="commercial")
            people = {
                email: Person(email=email, account_kind="commercial")
                for email in (OWNER, OPERATOR, COLLEAGUE)
            }
            session.add_all([facility, *people.values()])
            session.flush()
            for email, person in people.items():
                role = "owner" if email == OWNER else "operator"
                session.add(FacilityRole(facility_id=facility.id, person_id=person.id, role=role))
            self.people = {email: person.id for email, person in people.items()}
            self.facility_id = facility.id
            session.add(
                Authorization(
                    id=self.authorization_id,
                    facility_id=facility.id,
                    requested_by=people[OPERATOR].id,
                    method="green_button",
                    provider="pge",
                    utility="PG&E",
                    status=status,
                    shard=shard_of(self.authorization_id),
                )
            )

    def fail(self, *, actor: Actor, days: int = 0) -> None:
        with self.runtime.sessions.begin() as session:
            row = session.get_one(Authorization, self.authorization_id)
            records.mark_failed(
                self.runtime,
                session,
                row,
                AuthorizationDeclined(code="access_denied"),
                actor=actor,
                now=NOW + timedelta(days=days),
            )

    def expire(self) -> None:
        with self.runtime.sessions.begin() as session:
            row = session.get_one(Authorization, self.authorization_id)
            records.mark_expired(
                self.runtime, session, row, ReauthorizationRequired("gone"), now=NOW
            )

    def mails(self) -> list[Mail]:
        with self.runtime.sessions() as session:
            return list(session.scalars(select(Mail).order_by(Mail.to_address)))


def told(site: Site) -> list[tuple[str, str]]:
    return [(mail.kind, mail.to_address) for mail in site.mails()]


def test_who_started_and_the_owner_hear_that_it_is_done(runtime: Runtime) -> None:
    site = Site(runtime, "pending")
    attempt = Attempt(
        session_id=new_id(),
        authorization_id=site.authorization_id,
        facility_id=site.facility_id,
        person_id=site.people[OPERATOR],
        provider="pge",
        redirect_uri="https://dcarbon.example/green-button/callback",
        state="state",
    )
    tokens = TokenSet(Secret("opened-sesame"), expires_at=NOW + timedelta(hours=1))

    records.authorized_by_tokens(runtime, attempt, tokens)

    assert told(site) == [("authorization_done", OPERATOR), ("authorization_done", OWNER)]
    assert "PG&E confirmed" in site.mails()[0].text_body


def test_who_started_and_the_owner_hear_that_it_failed_and_why(runtime: Runtime) -> None:
    site = Site(runtime, "pending")

    site.fail(actor=Actor(site.people[COLLEAGUE]))

    assert told(site) == [("authorization_failed", COLLEAGUE), ("authorization_failed", OWNER)]
    mail = site.mails()[0]
    assert "declined" in mail.text_body
    assert f"{runtime.settings.public_url}/facilities/{site.facility_id}" in mail.text_body
    assert mail.facility_id == site.facility_id


def test_a_failure_found_later_by_ourselves_goes_to_who_asked_for_it(runtime: Runtime) -> None:
    site = Site(runtime, "pending")

    site.fail(actor=SYSTEM)

    assert {to for _, to in told(site)} == {OWNER, OPERATOR}


def test_the_same_failure_again_makes_no_second_mail(runtime: Runtime) -> None:
    site = Site(runtime, "pending")

    site.fail(actor=SYSTEM)
    site.fail(actor=SYSTEM, days=1)

    assert len(told(site)) == 2


def test_a_failed_attempt_beside_one_that_works_worries_nobody(runtime: Runtime) -> None:
    site = Site(runtime, "authorized")

    site.fail(actor=SYSTEM)

    assert told(site) == []


def test_operators_and_owner_hear_once_that_it_has_to_be_authorized_again(
    runtime: Runtime,
) -> None:
    site = Site(runtime, "authorized")

    site.expire()
    site.expire()

    assert told(site) == [
        ("reauthorization_needed", OPERATOR),
        ("reauthorization_needed", COLLEAGUE),
        ("reauthorization_needed", OWNER),
    ]


def test_an_address_no_mail_can_reach_does_not_undo_the_change(runtime: Runtime) -> None:
    site = Site(runtime, "authorized")
    with runtime.sessions.begin() as session:
        session.get_one(Person, site.people[OPERATOR]).email = "two@@example.test"

    site.expire()

    with runtime.sessions() as session:
        assert session.get_one(Authorization, site.authorization_id).status == "expired"
    assert {to for _, to in told(site)} == {OWNER, COLLEAGUE}


def test_a_change_that_is_undone_tells_nobody(runtime: Runtime) -> None:
    site = Site(runtime, "authorized")

    with pytest.raises(ZeroDivisionError), runtime.sessions.begin() as session:  # noqa: PT012
        row = session.get_one(Authorization, site.authorization_id)
        records.mark_expired(runtime, session, row, ReauthorizationRequired("gone"), now=NOW)
        raise ZeroDivisionError

    assert told(site) == []
