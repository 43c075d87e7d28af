"""Every route, taken from the URL map so that a new one cannot be missed, with every role."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from dcarbon.db.audit import AuditEntry
from dcarbon.db.base import new_id
from dcarbon.db.people import Person
from dcarbon.domain.bulk_actions import BulkKind
from dcarbon.services import (
    api_tokens,
    authorizations,
    bulk_actions,
    deletions,
    invitations,
    registrations,
    web_sessions,
)
from dcarbon.services.actors import SYSTEM, Actor
from dcarbon.services.runtime import Runtime
from dcarbon_api import openapi
from dcarbon_api.security.access import Access, declared
from tests.integration.api import generation, pages
from tests.integration.api.answering import answering_runtime
from tests.integration.api.conftest import Resident, bearer, install_meter, said
from tests.integration.api.route_table import ROLES, ROWS, Kind, Row
from tests.support.browser import PAGE, Browser

OPEN = {Kind.PUBLIC, Kind.PROGRAMS}
NO_TOKEN = ("missing", "basic", "unknown", "revoked", "expired", "too_long")


@pytest.fixture
def runtime(database_url: str, tmp_path: Path) -> Iterator[Runtime]:
    with answering_runtime(database_url, tmp_path) as runtime:
        yield runtime


class Cast:
    """The people of the table, each with a token and a signed-in browser."""

    def __init__(self, app: Flask, runtime: Runtime) -> None:
        mark = new_id().hex
        self.people = {
            role: pages.person(
                runtime,
                f"{role}-{mark}@example.org",
                kind="residential" if role == "resident" else "commercial",
                is_admin=role == "admin",
            )
            for role in ROLES
        }
        self._app, self._runtime = app, runtime
        self._tokens: dict[str, dict[str, str]] = {}
        self._browsers: dict[str, tuple[Browser, str]] = {}

    def token(self, role: str) -> Mapping[str, str]:
        if role not in self._tokens:
            self._tokens[role] = bearer(self._runtime, self.people[role].id)
        return self._tokens[role]

    def browser(self, role: str) -> tuple[Browser, str]:
        """Return a signed-in browser and its form token."""
        if role not in self._browsers:
            self._browsers[role] = self.new_browser(role)
        return self._browsers[role]

    def new_browser(self, role: str) -> tuple[Browser, str]:
        browser = pages.at_browser(self._app, self._runtime, self.people[role])
        return browser, browser.token("/account")


class Things:
    """What one request is about: the owner's, made anew, so that no request spoils the next."""

    def __init__(self, runtime: Runtime, cast: Cast, row: Row) -> None:
        self._runtime, self._cast, self._row = runtime, cast, row

    @property
    def _owner(self) -> Person:
        return self._cast.people["owner"]

    @cached_property
    def facility(self) -> UUID:
        runtime, state = self._runtime, self._row.state
        made = pages.facility(runtime, self._owner, role="owner")
        pages.give_role(runtime, made, self._cast.people["operator"], "operator")
        if state == "invited":
            address = f"{new_id().hex}@example.org"
            invitations.invite(runtime, made, email=address, actor=Actor(self._owner.id))
        return made

    @cached_property
    def authorization(self) -> UUID | None:
        if self._row.state not in {"authorized", "failed"}:
            return None
        return pages.authorization(
            self._runtime, self.facility, self._owner, status=self._row.state
        )

    @cached_property
    def meter(self) -> UUID:
        return install_meter(
            self._runtime, self.facility, first=self._runtime.now(), values=[1, None, 3]
        )

    @cached_property
    def payload(self) -> UUID:
        assert self.authorization
        return pages.payload(self._runtime, self.authorization, b"<feed/>")

    @cached_property
    def unit(self) -> UUID:
        return generation.unit(self._runtime, self.facility, Actor(self._owner.id))

    @cached_property
    def claimable(self) -> UUID:
        return generation.export_meter(self._runtime, self.facility, Actor(self._owner.id))

    @cached_property
    def channel(self) -> UUID:
        return generation.channel(self._runtime, self.claimable)

    @cached_property
    def claim(self) -> UUID:
        actor = Actor(self._owner.id)
        return generation.claim(self._runtime, self.unit, self.claimable, actor)

    @cached_property
    def claimed_unit(self) -> UUID:
        assert self.claim
        return self.unit

    @cached_property
    def report(self) -> UUID:
        actor = Actor(self._owner.id)
        return generation.report(self._runtime, self.claimed_unit, actor)

    @cached_property
    def green_button(self) -> UUID:
        return self._started("green_button", "pge")

    @cached_property
    def utilityapi(self) -> UUID:
        return self._started("utilityapi", "DEMO")

    def _started(self, method: str, utility: str) -> UUID:
        return authorizations.start(
            self._runtime,
            self.facility,
            method=method,
            utility=utility,
            actor=Actor(self._cast.people["operator"].id),
            browser=None,
        ).session_id

    @cached_property
    def registration(self) -> UUID:
        actor, runtime = Actor(self._owner.id), self._runtime
        made = registrations.start_new(runtime, actor)
        registrations.answer_role(runtime, made.id, role="owner_operator", actor=actor)
        return made.id

    @cached_property
    def deletion(self) -> UUID:
        """Of somebody else: nobody decides their own."""
        somebody = pages.person(self._runtime, f"{new_id().hex}@example.org")
        return deletions.ask(self._runtime, actor=Actor(somebody.id)).id

    @cached_property
    def token(self) -> UUID:
        runtime = self._runtime
        made, _ = api_tokens.create(
            runtime.sessions,
            person_id=self._owner.id,
            name="spare",
            scopes=["read"],
            actor=SYSTEM,
            now=runtime.now(),
        )
        return made.id

    @cached_property
    def session(self) -> UUID:
        runtime, who = self._runtime, self._owner.id
        before = {each.id for each in web_sessions.sessions_of(runtime, Actor(who), current=None)}
        web_sessions.open_session(runtime, who, how="link", ip=None, user_agent=None)
        after = web_sessions.sessions_of(runtime, Actor(who), current=None)
        return next(each.id for each in after if each.id not in before)

    @cached_property
    def bulk_action(self) -> UUID:
        assert self.authorization
        return bulk_actions.start(self._runtime, BulkKind.RETRY, [self.authorization], actor=SYSTEM)

    def of(self, name: str) -> str:
        """Return what stands for a parameter of a route or a ``{name}`` of the table."""
        known = {"secret": "x" * 43, "provider": "pge", "filename": "dcarbon.css"}
        known |= {"day": "2026-03-19"}
        if name in known:
            return known[name]
        return str(getattr(self, name.removesuffix("_id")))

    def filled(self, values: Mapping[str, object]) -> dict[str, Any]:
        return {key: self._filled(value) for key, value in values.items()}

    def _filled(self, value: object) -> object:
        if isinstance(value, list):
            return [self._filled(each) for each in value]
        is_named = isinstance(value, str) and value.startswith("{")
        return self.of(str(value).strip("{}")) if is_named else value


class Walker:
    """Asks one route as it is asked: pages by a browser, the API by a program."""

    def __init__(self, app: Flask, runtime: Runtime, cast: Cast, method: str, rule: Rule) -> None:
        self.app, self.cast, self.method, self.rule = app, cast, method, rule
        self.row = ROWS[rule.endpoint]
        self._runtime = runtime
        self.is_api = openapi.is_described(app.view_functions[rule.endpoint])

    def by_token(self, headers: Mapping[str, str]) -> TestResponse:
        """Ask with headers alone, as a program; a page is asked for as a page."""
        accept = {} if self.is_api else PAGE
        return self._ask(self.app.test_client(), {**accept, **headers})

    def by(self, role: str) -> TestResponse:
        if self.is_api:
            return self.by_token(self.cast.token(role))
        # What is open to all may sign a browser out.
        is_spoilt = self.row.kind is Kind.PUBLIC
        browser, token = (self.cast.new_browser if is_spoilt else self.cast.browser)(role)
        return self.by_browser(browser, token)

    def by_browser(self, browser: Browser, token: str) -> TestResponse:
        headers = {**PAGE, "Sec-Fetch-Site": "same-origin", "X-CSRFToken": token}
        return self._ask(browser.client, headers)

    def _ask(self, client: FlaskClient, headers: Mapping[str, str]) -> TestResponse:
        things = Things(self._runtime, self.cast, self.row)
        if self.row.kind not in OPEN | {Kind.PERSON}:
            assert things.facility
            assert things.authorization or self.row.state not in {"authorized", "failed"}
        values = {name: things.of(name) for name in self.rule.arguments}
        body, query = things.filled(self.row.send), things.filled(self.row.query)
        asked: dict[str, Any] = {"json": body} if self.is_api else {"data": body}
        self.seen_before = _audited(self._runtime)
        return client.open(
            self.app.url_map.bind("localhost").build(self.rule.endpoint, values),
            method=self.method,
            headers=dict(headers),
            query_string=query,
            **(asked if self.method != "GET" else {}),
        )


def _audited(runtime: Runtime) -> int:
    with runtime.sessions() as session:
        return session.scalar(select(func.count()).select_from(AuditEntry)) or 0


def _routes(app: Flask) -> Iterator[tuple[str, Rule, Access]]:
    for rule in app.url_map.iter_rules():
        access = declared(app.view_functions[rule.endpoint])
        assert access is not None
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield method, rule, access


def _walked(app: Flask, runtime: Runtime) -> Iterator[Walker]:
    cast = Cast(app, runtime)
    for method, rule, _ in _routes(app):
        yield Walker(app, runtime, cast, method, rule)


def _address(rule: Rule) -> str:
    return re.sub(r"<uuid:\w+>", lambda _: str(new_id()), rule.rule)


def test_the_table_has_every_route_and_no_other(app: Flask) -> None:
    found = {rule.endpoint for _, rule, _ in _routes(app)}

    assert found - set(ROWS) == set(), "routes that nobody has put into the table"
    assert set(ROWS) - found == set(), "rows of routes that are gone"


def test_every_route_declares_what_the_table_says(app: Flask) -> None:
    for method, rule, access in _routes(app):
        kind = ROWS[rule.endpoint].kind
        is_open = (access.scope is None, access.is_for_programs, access.is_admin)
        assert is_open == (kind in OPEN, kind is Kind.PROGRAMS, kind is Kind.ADMIN), rule.endpoint
        if access.scope:
            assert access.scope == ("read" if method == "GET" else "write"), rule.rule


@pytest.mark.parametrize("role", ROLES)
def test_every_route_answers_each_role_as_the_table_says(
    app: Flask, runtime: Runtime, role: str
) -> None:
    """A refusal leaves no trace in the audit log either: nothing was done."""
    differing: dict[str, tuple[int, int, str]] = {}
    for walker in _walked(app, runtime):
        row, name = walker.row, walker.rule.endpoint
        response = walker.by(role)
        if response.status_code != row.expected(role):
            said_instead = pages.words(response.text)[:200]
            differing[name] = (response.status_code, row.expected(role), said_instead)
        elif not row.lets_in(role):
            assert _audited(runtime) == walker.seen_before, f"{name} refused, and did something"
        response.close()

    assert not differing, "\n".join(f"{name}: {what}" for name, what in differing.items())


def test_nobody_is_sent_to_sign_in_by_pages_and_refused_by_the_api(
    app: Flask, runtime: Runtime
) -> None:
    for walker in _walked(app, runtime):
        name, nobody = walker.rule.endpoint, Browser(app)
        token = nobody.token("/sign-in") if walker.method != "GET" else ""
        response = walker.by_token({}) if walker.is_api else walker.by_browser(nobody, token)
        if walker.row.kind in OPEN:
            assert response.status_code == walker.row.done, (name, pages.words(response.text)[:200])
        elif walker.is_api or walker.method != "GET":
            assert response.status_code == 401, name
        else:
            assert response.status_code == 303, name
            assert response.location.startswith("/sign-in?next="), name
        assert walker.row.kind in OPEN or _audited(runtime) == walker.seen_before
        response.close()


@pytest.mark.parametrize("kind", NO_TOKEN)
def test_no_closed_route_answers_without_a_working_token(
    app: Flask, client: FlaskClient, runtime: Runtime, ann: Resident, kind: str
) -> None:
    headers = {
        "missing": {},
        "basic": {"Authorization": "Basic YTpi"},
        "unknown": {"Authorization": "Bearer dcarbon_unknown"},
        "revoked": bearer(runtime, ann.person_id, is_revoked=True),
        "expired": bearer(runtime, ann.person_id, expires_in=timedelta(seconds=-1)),
        "too_long": {"Authorization": f"Bearer {'x' * 4000}"},
    }[kind]

    for method, rule, access in _routes(app):
        if access.scope is None:
            continue
        response = client.open(_address(rule), method=method, headers=headers)
        code = "token_missing" if kind in {"missing", "basic"} else "token_invalid"
        assert (response.status_code, said(response)["code"]) == (401, code), rule.rule
        assert response.headers["WWW-Authenticate"].startswith("Bearer ")


@pytest.mark.parametrize("kind", ["unknown", "revoked"])
def test_pages_refuse_a_token_that_does_not_work_too(
    app: Flask, runtime: Runtime, ann: Resident, kind: str
) -> None:
    headers = {"Authorization": "Bearer dcarbon_unknown"}
    if kind == "revoked":
        headers = bearer(runtime, ann.person_id, is_revoked=True)

    for walker in _walked(app, runtime):
        if walker.is_api or walker.row.kind in OPEN:
            continue
        response = walker.by_token(headers)
        assert response.status_code == 401, walker.rule.endpoint
        assert _audited(runtime) == walker.seen_before


def test_no_closed_route_answers_a_token_of_the_wrong_scope(
    app: Flask, client: FlaskClient, runtime: Runtime, ann: Resident
) -> None:
    for method, rule, access in _routes(app):
        if access.scope is None:
            continue
        other = "write" if access.scope == "read" else "read"
        headers = bearer(runtime, ann.person_id, scopes=[other])
        response = client.open(_address(rule), method=method, headers=headers)
        assert (response.status_code, said(response)["code"]) == (403, "scope_missing"), rule.rule
        assert f'scope="{access.scope}"' in response.headers["WWW-Authenticate"]


def test_a_token_in_the_query_string_is_not_looked_at(
    client: FlaskClient, runtime: Runtime, ann: Resident
) -> None:
    secret = ann.headers["Authorization"].removeprefix("Bearer ")

    response = client.get(f"/facilities?access_token={secret}")

    assert response.status_code == 401


def test_every_answer_carries_the_security_headers(app: Flask, client: FlaskClient) -> None:
    for method, rule, _ in _routes(app):
        response = client.open(_address(rule), method=method)
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy, rule.rule
        assert "frame-ancestors 'none'" in policy
        assert "unsafe-inline" not in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["X-Request-Id"]
