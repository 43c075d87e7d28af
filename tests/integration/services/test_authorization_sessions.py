"""Attempts to authorise: a state works once, in time, in the browser that began."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from sqlalchemy import func, select, text, update

from dcarbon import settings
from dcarbon.db.authorizations import Authorization, AuthorizationSession
from dcarbon.db.base import new_id
from dcarbon.db.facilities import Facility
from dcarbon.domain.errors import (
    ClientCredentialsRejected,
    DCarbonError,
    InvalidInput,
    InvalidTransition,
    NotFound,
)
from dcarbon.services import authorizations
from dcarbon.services.authorizations import Completed, Started
from dcarbon.services.runtime import Runtime, open_runtime
from tests.integration.services.conftest import MovableClock, Resident, Settle, events

pytestmark = pytest.mark.database


def start(runtime: Runtime, who: Resident, *, browser: str | None = None) -> Started:
    return authorizations.start_green_button(
        runtime, facility_id=who.facility.id, provider="sdge", actor=who.actor, browser=browser
    )


def state_of(started: Started) -> str:
    return dict(parse_qsl(urlsplit(started.redirect_url).query))["state"]


def back(runtime: Runtime, state: str | None, *, browser: str | None = None) -> Completed:
    """Come back from the utility having declined: that needs no network."""
    parameters = {"error": "access_denied"} | ({"state": state} if state is not None else {})
    return authorizations.complete_green_button(runtime, parameters=parameters, browser=browser)


def code_of(completed: Completed) -> str:
    assert completed.error is not None
    return completed.error.code


def test_starting_writes_down_who_goes_where(runtime: Runtime, settle: Settle) -> None:
    ann = settle()

    started = start(runtime, ann)

    with runtime.sessions() as session:
        row = session.get_one(AuthorizationSession, started.session_id)
        facility = session.get_one(Facility, ann.facility.id)
    assert row.person_id == ann.actor.person_id
    assert (facility.auth_method, facility.auth_provider) == ("green_button", "SDG&E")
    assert facility.auth_status == "pending"
    assert events(runtime)[-1] == "authorization_started"


def test_the_state_itself_is_not_stored(runtime: Runtime, settle: Settle) -> None:
    state = state_of(start(runtime, settle()))

    with runtime.sessions() as session:
        rows = [str(row) for row in session.execute(text("select * from authorization_sessions"))]

    assert not [row for row in rows if state in row]


@pytest.mark.parametrize(
    ("state", "code"),
    [(None, "state_missing"), ("", "state_missing"), ("made-up", "state_unknown")],
)
def test_an_answer_without_a_state_of_ours_changes_nothing(
    runtime: Runtime, settle: Settle, state: str | None, code: str
) -> None:
    started = start(runtime, settle())
    before = events(runtime)

    assert code_of(back(runtime, state)) == code

    assert events(runtime) == before
    assert back(runtime, state_of(started)).session_id == started.session_id


def test_a_state_works_once(runtime: Runtime, settle: Settle) -> None:
    state = state_of(start(runtime, settle()))

    first, second = back(runtime, state), back(runtime, state)

    assert code_of(first) == "authorization_declined"
    assert (code_of(second), second.session_id) == ("state_used", None)
    assert events(runtime).count("authorization_failed") == 1


def test_a_state_works_for_half_an_hour(
    runtime: Runtime, settle: Settle, clock: MovableClock
) -> None:
    ann = settle()
    started = start(runtime, ann)
    clock.advance(timedelta(minutes=30))

    assert code_of(back(runtime, state_of(started))) == "state_expired"

    status = authorizations.session_status(
        runtime, started.session_id, method="green_button", actor=ann.actor
    )
    assert (status.status, status.error_code) == ("failed", "state_expired")


@pytest.mark.parametrize("browser", [None, "another"])
def test_a_state_works_in_the_browser_that_began(
    runtime: Runtime, settle: Settle, browser: str | None
) -> None:
    state = state_of(start(runtime, settle(), browser="this one"))

    assert code_of(back(runtime, state, browser=browser)) == "state_other_browser"

    assert code_of(back(runtime, state, browser="this one")) == "authorization_declined"


def test_neither_code_nor_error_is_a_failure_with_words(runtime: Runtime, settle: Settle) -> None:
    state = state_of(start(runtime, settle()))

    completed = authorizations.complete_green_button(
        runtime, parameters={"state": state}, browser=None
    )

    assert (completed.status, code_of(completed)) == ("failed", "code_missing")


def test_a_facility_that_is_authorized_is_not_authorized_twice(
    runtime: Runtime, settle: Settle
) -> None:
    ann = settle()
    start(runtime, ann)
    with runtime.sessions.begin() as session:
        session.execute(update(Authorization).values(status="authorized"))

    with pytest.raises(InvalidTransition) as caught:
        start(runtime, ann)

    assert caught.value.code == "already_authorized"
    with runtime.sessions() as session:
        assert session.scalar(select(func.count()).select_from(AuthorizationSession)) == 1


@pytest.mark.parametrize("status", ["pending", "failed", "expired"])
def test_trying_again_takes_up_the_same_authorization(
    runtime: Runtime, settle: Settle, status: str
) -> None:
    ann = settle()
    start(runtime, ann)
    with runtime.sessions.begin() as session:
        why = None if status == "pending" else "why"
        session.execute(update(Authorization).values(status=status, reason=why))

    start(runtime, ann)

    with runtime.sessions() as session:
        row = session.scalars(select(Authorization)).one()
    # One that has expired is still so, and for the same reason, until somebody has authorized.
    expected = ("expired", "why") if status == "expired" else ("pending", None)
    assert (row.status, row.reason) == expected


def test_after_a_revocation_a_new_authorization_begins(runtime: Runtime, settle: Settle) -> None:
    ann = settle()
    start(runtime, ann)
    with runtime.sessions.begin() as session:
        session.execute(update(Authorization).values(status="revoked"))

    start(runtime, ann)

    with runtime.sessions() as session:
        statuses = session.scalars(select(Authorization.status).order_by(Authorization.id)).all()
    assert statuses == ["revoked", "pending"]


@pytest.mark.parametrize(
    ("provider", "error", "code"),
    [
        ("acme", InvalidInput, "invalid_input"),
        ("utilityapi", InvalidInput, "invalid_input"),
        ("sce", ClientCredentialsRejected, "provider_not_set_up"),
    ],
    ids=["unknown utility", "not by Green Button", "not set up"],
)
def test_a_utility_that_cannot_be_reached_is_refused_and_nothing_is_written(
    runtime: Runtime, settle: Settle, provider: str, error: type[DCarbonError], code: str
) -> None:
    ann = settle()
    before = events(runtime)

    with pytest.raises(error) as caught:
        authorizations.start_green_button(
            runtime,
            facility_id=ann.facility.id,
            provider=provider,
            actor=ann.actor,
            browser=None,
        )

    assert caught.value.code == code
    assert events(runtime) == before
    with runtime.sessions() as session:
        assert session.scalar(select(func.count()).select_from(Authorization)) == 0


def test_utilityapi_that_is_not_set_up_is_an_administrators_matter(
    database_url: str, tmp_path: Path, settle: Settle
) -> None:
    ann = settle()
    without = settings.load(
        {"DCARBON_PROVIDERS__UTILITYAPI__CLIENT_ID": "of no use there"},
        directory=tmp_path,
        database_url=database_url,
        seal_keys_file=tmp_path / "seal.keys",
    )

    with open_runtime(without) as runtime, pytest.raises(ClientCredentialsRejected) as caught:
        authorizations.start_utilityapi(
            runtime, facility_id=ann.facility.id, utility="DEMO", actor=ann.actor, browser=None
        )

    assert caught.value.code == "provider_not_set_up"


@pytest.mark.parametrize("utility", ["", "  ", "x" * 65])
def test_utilityapi_needs_the_utility(runtime: Runtime, settle: Settle, utility: str) -> None:
    ann = settle()

    with pytest.raises(InvalidInput):
        authorizations.start_utilityapi(
            runtime, facility_id=ann.facility.id, utility=utility, actor=ann.actor, browser=None
        )


def test_an_owner_without_the_right_does_not_start(runtime: Runtime, settle: Settle) -> None:
    ann = settle(role="owner")

    with pytest.raises(InvalidInput) as caught:
        start(runtime, ann)

    assert caught.value.code == "operator_needed"
    with runtime.sessions() as session:
        assert session.get_one(Facility, ann.facility.id).auth_status is None


def test_somebody_elses_facility_and_session_do_not_exist(runtime: Runtime, settle: Settle) -> None:
    ann, ben = settle("ann"), settle("ben")
    started = start(runtime, ann)

    with pytest.raises(NotFound):
        start(runtime, Resident(ben.actor, ann.facility))
    for session_id, method, actor in (
        (started.session_id, "green_button", ben.actor),
        (started.session_id, "utilityapi", ann.actor),
        (new_id(), "green_button", ann.actor),
    ):
        with pytest.raises(NotFound):
            authorizations.session_status(runtime, session_id, method=method, actor=actor)


def test_a_started_session_is_pending(runtime: Runtime, settle: Settle) -> None:
    ann = settle()
    started = start(runtime, ann)

    status = authorizations.session_status(
        runtime, started.session_id, method="green_button", actor=ann.actor
    )

    assert (status.status, status.provider, status.error_code) == ("pending", "sdge", None)
    assert status.progress == {}


def test_no_secret_is_in_the_repr_of_an_attempt(runtime: Runtime, settle: Settle) -> None:
    started = start(runtime, settle())

    completed = back(runtime, state_of(started))

    assert state_of(started) not in repr(completed)
