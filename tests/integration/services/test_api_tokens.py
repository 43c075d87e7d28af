"""API tokens: who holds one, until when, and that its secret is nowhere to be read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import text

from dcarbon.db.base import new_id
from dcarbon.db.people import ApiToken
from dcarbon.domain.errors import InvalidInput, NotFound
from dcarbon.services import api_tokens
from dcarbon.services.actors import SYSTEM, Actor
from dcarbon.services.runtime import Runtime
from tests.integration.services.conftest import MovableClock, Resident, Settle, entries, events

pytestmark = pytest.mark.database


def token_of(
    runtime: Runtime,
    who: Resident,
    *,
    scopes: Sequence[str] = ("read",),
    expires_in: timedelta | None = None,
) -> tuple[ApiToken, str]:
    assert who.actor.person_id is not None
    now = runtime.now()
    return api_tokens.create(
        runtime.sessions,
        person_id=who.actor.person_id,
        name="test",
        scopes=scopes,
        actor=who.actor,
        now=now,
        expires_at=now + expires_in if expires_in else None,
    )


def holder(runtime: Runtime, secret: str) -> Actor | None:
    return api_tokens.authenticate(runtime.sessions, secret, now=runtime.now(), ip="192.0.2.1")


@pytest.mark.parametrize("scopes", [("read",), ("write",), ("read", "write")])
def test_a_token_names_its_person_and_scopes(
    runtime: Runtime, settle: Settle, scopes: tuple[str, ...]
) -> None:
    ann = settle()
    _, secret = token_of(runtime, ann, scopes=scopes)

    found = holder(runtime, secret)

    assert found == Actor(
        ann.actor.person_id, is_admin=False, ip="192.0.2.1", scopes=frozenset(scopes)
    )


@pytest.mark.parametrize("secret", ["", "dcarbon_", "dcarbon_unknown", "\x00", "ü" * 5000])
def test_an_unknown_secret_is_nobodys(runtime: Runtime, settle: Settle, secret: str) -> None:
    token_of(runtime, settle())

    assert holder(runtime, secret) is None


def test_a_token_ends_at_its_time(runtime: Runtime, settle: Settle, clock: MovableClock) -> None:
    _, secret = token_of(runtime, settle(), expires_in=timedelta(hours=1))

    clock.advance(timedelta(minutes=59))
    before = holder(runtime, secret)
    clock.advance(timedelta(minutes=1))
    after = holder(runtime, secret)

    assert before is not None
    assert after is None


def test_a_revoked_token_is_nobodys_at_once_and_revoking_twice_is_one_entry(
    runtime: Runtime, settle: Settle
) -> None:
    ann = settle()
    token, secret = token_of(runtime, ann)

    for _ in range(2):
        api_tokens.revoke(runtime.sessions, token.id, actor=ann.actor, now=runtime.now())

    assert holder(runtime, secret) is None
    assert events(runtime).count("api_token_revoked") == 1


def test_somebody_elses_token_cannot_be_revoked(runtime: Runtime, settle: Settle) -> None:
    token, secret = token_of(runtime, settle("ann"))
    ben = settle("ben")

    for identity in (token.id, new_id()):
        with pytest.raises(NotFound):
            api_tokens.revoke(runtime.sessions, identity, actor=ben.actor, now=runtime.now())

    assert holder(runtime, secret) is not None


def test_nobody_makes_a_token_for_somebody_else(runtime: Runtime, settle: Settle) -> None:
    ann, ben = settle("ann"), settle("ben")

    with pytest.raises(NotFound):
        api_tokens.create(
            runtime.sessions,
            person_id=ann.actor.person_id or new_id(),
            name="x",
            scopes=("read",),
            actor=ben.actor,
            now=runtime.now(),
        )


def test_a_token_for_nobody_is_refused(runtime: Runtime) -> None:
    with pytest.raises(NotFound):
        api_tokens.create(
            runtime.sessions,
            person_id=new_id(),
            name="x",
            scopes=("read",),
            actor=SYSTEM,
            now=runtime.now(),
        )


@pytest.mark.parametrize("scopes", [(), ("everything",), ("read", "admin")])
def test_a_token_without_a_known_scope_is_refused(
    runtime: Runtime, settle: Settle, scopes: tuple[str, ...]
) -> None:
    ann = settle()
    before = events(runtime)

    with pytest.raises(InvalidInput):
        token_of(runtime, ann, scopes=scopes)

    assert events(runtime) == before


def test_the_secret_is_nowhere_in_the_database(runtime: Runtime, settle: Settle) -> None:
    _, secret = token_of(runtime, settle())

    with runtime.sessions() as session:
        rows = [
            str(row)
            for table in ("api_tokens", "audit_entries")
            for row in session.execute(text(f"select * from {table}"))
        ]

    assert not [row for row in rows if secret in row or secret.removeprefix("dcarbon_") in row]


def test_use_is_noted_once_a_minute(runtime: Runtime, settle: Settle, clock: MovableClock) -> None:
    token, secret = token_of(runtime, settle())
    noted = []

    for _ in range(3):
        holder(runtime, secret)
        with runtime.sessions() as session:
            noted.append(session.get_one(ApiToken, token.id).last_used_at)
        clock.advance(timedelta(seconds=40))

    assert noted[0] == noted[1] != noted[2]


def test_the_audit_entry_names_who_made_the_token(runtime: Runtime, settle: Settle) -> None:
    ann = settle()
    token, _ = token_of(runtime, ann)

    entry = entries(runtime)[-1]

    assert (entry.event, entry.actor_id) == ("api_token_created", ann.actor.person_id)
    assert entry.details == {"token": str(token.id)}
