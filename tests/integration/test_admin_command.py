"""``dcarbon admin``: makes administrators, retries and ends authorizations, says what it did."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from click.testing import Result
from sqlalchemy import select

from dcarbon.db.audit import AuditEntry
from dcarbon.db.authorizations import Authorization, shard_of
from dcarbon.db.base import new_id
from dcarbon.db.facilities import Facility, FacilityRole
from dcarbon.db.people import person_by_email
from dcarbon.services import people, sign_in
from dcarbon.services.actors import SYSTEM
from dcarbon.services.runtime import Runtime
from tests.support.commands import run

BOSS = "boss@example.org"


@pytest.fixture
def surroundings(database_url: str, tmp_path: Path) -> dict[str, str]:
    return {
        "DCARBON_DIRECTORY": str(tmp_path),
        "DCARBON_DATABASE_URL": database_url,
        "DCARBON_SEAL_KEYS_FILE": str(tmp_path / "seal.keys"),
    }


def _admin(surroundings: dict[str, str], *arguments: str) -> Result:
    return run("admin", *arguments, **surroundings)


@pytest.mark.parametrize("is_known", [False, True], ids=["new", "known"])
def test_an_administrator_is_made_and_may_sign_in(
    runtime: Runtime, surroundings: dict[str, str], *, is_known: bool
) -> None:
    if is_known:
        people.ensure(
            runtime.sessions,
            email=BOSS,
            account_kind="residential",
            actor=SYSTEM,
            now=runtime.now(),
        )

    answer = _admin(surroundings, "create", "Boss@Example.org")

    assert answer.exit_code == 0, answer.output
    secret = urlsplit(answer.stdout.strip()).path.rpartition("/")[2]
    signed_in = sign_in.consume(runtime, secret, browser=None, ip=None, user_agent=None)
    assert signed_in.person.is_admin
    with runtime.sessions() as session:
        events = list(session.scalars(select(AuditEntry.event)))
    assert events.count("admin_created") == 1


def test_making_the_same_administrator_twice_is_written_down_once(
    runtime: Runtime, surroundings: dict[str, str]
) -> None:
    for _ in range(2):
        _admin(surroundings, "create", BOSS)

    with runtime.sessions() as session:
        events = list(session.scalars(select(AuditEntry.event)))
        person = person_by_email(session, BOSS)
    assert events.count("admin_created") == 1
    assert person is not None


def test_what_cannot_be_an_address_is_refused(surroundings: dict[str, str]) -> None:
    answer = _admin(surroundings, "create", "boss")

    assert answer.exit_code == 1
    assert "complete e-mail address" in answer.output


def _authorization(runtime: Runtime, status: str) -> UUID:
    person = people.ensure(
        runtime.sessions,
        email="ann@example.org",
        account_kind="residential",
        actor=SYSTEM,
        now=runtime.now(),
    )
    identity, facility = new_id(), Facility(id=new_id(), name="Roof", account_kind="residential")
    with runtime.sessions.begin() as session:
        session.add(facility)
        session.flush()
        role = FacilityRole(
            facility_id=facility.id, person_id=person.id, role="owner_operator", since=runtime.now()
        )
        session.add(role)
        session.add(
            Authorization(
                id=identity,
                facility_id=facility.id,
                method="green_button",
                provider="pge",
                utility="PG&E",
                status=status,
                shard=shard_of(identity),
            )
        )
    return identity


def test_an_authorization_is_retried(runtime: Runtime, surroundings: dict[str, str]) -> None:
    identity = _authorization(runtime, "failed")

    first = _admin(surroundings, "retry", str(identity))
    second = _admin(surroundings, "retry", str(identity))

    assert first.exit_code == second.exit_code == 0
    assert first.stdout == "pending: Whoever may authorize was asked by mail to do it again.\n"
    assert "nothing was done again" in second.stdout


def test_an_authorization_is_revoked_with_a_reason(
    runtime: Runtime, surroundings: dict[str, str]
) -> None:
    identity = _authorization(runtime, "authorized")

    without = _admin(surroundings, "revoke", str(identity))
    done = _admin(surroundings, "revoke", str(identity), "--reason", "Sold.")
    again = _admin(surroundings, "revoke", str(identity), "--reason", "Sold.")

    assert without.exit_code == 2
    assert "--reason" in without.stderr
    assert done.exit_code == 0
    assert done.stdout == "revoked: nothing to end there.\n"
    assert again.exit_code == 1
    with runtime.sessions() as session:
        assert session.get_one(Authorization, identity).status == "revoked"
