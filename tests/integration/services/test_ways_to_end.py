"""Utilities offer different ways to end an authorization, or none; ours is to find the one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import func, select

from dcarbon import settings
from dcarbon.db.authorizations import Authorization, Grant
from dcarbon.db.base import new_id
from dcarbon.db.work_orders import WorkOrder
from dcarbon.domain.errors import SealBroken
from dcarbon.domain.secrets import Secret
from dcarbon.providers.green_button.token_response import TokenSet
from dcarbon.services import grants, revocation
from dcarbon.services.runtime import Runtime, open_runtime
from tests.integration.services.conftest import MovableClock, Resident, Settle

pytestmark = pytest.mark.database

HOST = "https://sdge.invalid/DataCustodian"
AUTHORIZATION = f"{HOST}/espi/1_1/resource/Authorization/7"
REVOKE = f"{HOST}/oauth/revoke"


@dataclass
class Custodian:
    """Answers what the test says; remembers what it was asked."""

    delete_status: int = 200
    revoke_status: int = 200
    asked: list[str] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(f"{request.method} {request.url.path.rpartition('/')[2]}")
        if request.method == "DELETE":
            return httpx2.Response(self.delete_status)
        if request.url.path.endswith("/revoke"):
            self.revoked += parse_qs(request.content.decode())["token"]
            return httpx2.Response(self.revoke_status)
        token = {"access_token": "client-token", "token_type": "Bearer", "expires_in": 3600}
        return httpx2.Response(200, json=token)


@pytest.fixture
def custodian() -> Custodian:
    return Custodian()


@pytest.fixture
def revoke_url() -> str:
    return ""


@pytest.fixture
def runtime(
    database_url: str, tmp_path: Path, clock: MovableClock, custodian: Custodian, revoke_url: str
) -> Iterator[Runtime]:
    chosen = settings.load(
        {},
        directory=tmp_path,
        database_url=database_url,
        seal_keys_file=tmp_path / "seal.keys",
        providers={
            "sdge": {
                "client_id": "client-of-tests",
                "client_secret": "not-a-secret",
                "overrides": {"revoke_url": revoke_url, "per_second": "1000"},
            }
        },
    )
    networks = {"sdge": httpx2.MockTransport(custodian.answer)}
    with open_runtime(chosen, clock=clock.now, networks=networks) as runtime:
        yield runtime


def _authorized(
    runtime: Runtime, who: Resident, *, address: str | None = AUTHORIZATION
) -> Authorization:
    row = Authorization(
        id=new_id(),
        facility_id=who.facility.id,
        method="green_button",
        provider="sdge",
        utility="SDG&E",
        status="authorized",
        external_id="7",
        authorization_uri=address,
        shard=0,
        authorized_at=runtime.now(),
    )
    tokens = TokenSet(
        Secret("access-1"), runtime.now() + timedelta(hours=1), refresh_token=Secret("refresh-1")
    )
    with runtime.sessions.begin() as session:
        session.add(row)
        session.flush()
        grants.store(session, runtime.keys, row.id, tokens, now=runtime.now())
    return row


def _end(runtime: Runtime, who: Resident, authorization_id: UUID) -> revocation.EndOutcome:
    order = revocation.revoke(runtime, authorization_id, actor=who.actor).order_id
    assert order is not None
    return revocation.end_at_provider(runtime, order)


def _code(runtime: Runtime, authorization_id: UUID) -> str | None:
    with runtime.sessions() as session:
        return session.get_one(Authorization, authorization_id).reason_code


def test_a_utility_without_any_way_is_said_so_and_the_tokens_are_destroyed(
    runtime: Runtime, settle: Settle, custodian: Custodian
) -> None:
    ann = settle()
    row = _authorized(runtime, ann, address=None)

    outcome = _end(runtime, ann, row.id)

    assert outcome.is_confirmed
    assert custodian.asked == []
    assert _code(runtime, row.id) == "ended_here_only"
    with runtime.sessions() as session:
        assert session.scalars(select(WorkOrder.outcome)).one() == "given_up"
        assert session.scalar(select(func.max(func.length(Grant.sealed)))) == 0


def test_the_authorization_is_deleted_with_our_own_token(
    runtime: Runtime, settle: Settle, custodian: Custodian
) -> None:
    ann = settle()
    row = _authorized(runtime, ann)

    outcome = _end(runtime, ann, row.id)

    assert outcome.is_confirmed
    assert custodian.asked == ["POST token", "DELETE 7"]


@pytest.mark.parametrize("status", [404, 410])
def test_one_that_is_gone_is_ended(
    runtime: Runtime, settle: Settle, custodian: Custodian, status: int
) -> None:
    ann = settle()
    row = _authorized(runtime, ann)
    custodian.delete_status = status

    assert _end(runtime, ann, row.id).is_confirmed


@pytest.mark.parametrize("status", [401, 403, 405])
def test_a_refused_deletion_stays_open_where_there_is_no_other_way(
    runtime: Runtime, settle: Settle, custodian: Custodian, status: int
) -> None:
    ann = settle()
    row = _authorized(runtime, ann)
    custodian.delete_status = status

    outcome = _end(runtime, ann, row.id)

    assert outcome.error is not None
    assert _code(runtime, row.id) == "ending_at_provider"


@pytest.mark.parametrize("revoke_url", [REVOKE])
@pytest.mark.parametrize("status", [401, 403, 405])
def test_where_deleting_is_not_offered_the_token_is_revoked(
    runtime: Runtime, settle: Settle, custodian: Custodian, status: int
) -> None:
    ann = settle()
    row = _authorized(runtime, ann)
    custodian.delete_status = status

    outcome = _end(runtime, ann, row.id)

    assert outcome.is_confirmed
    assert custodian.revoked == ["refresh-1"]


@pytest.mark.parametrize("revoke_url", [REVOKE])
def test_a_utility_that_is_down_is_not_tried_by_the_other_way(
    runtime: Runtime, settle: Settle, custodian: Custodian
) -> None:
    ann = settle()
    row = _authorized(runtime, ann)
    custodian.delete_status = 503

    outcome = _end(runtime, ann, row.id)

    assert outcome.error is not None
    assert custodian.revoked == []


def test_an_authorization_that_was_renewed_under_the_same_name_is_left_in_force(
    runtime: Runtime, settle: Settle, custodian: Custodian
) -> None:
    ann = settle()
    old = _authorized(runtime, ann)
    revoked = revocation.revoke(runtime, old.id, actor=ann.actor)
    assert revoked.order_id is not None
    new = _authorized(runtime, ann)

    outcome = revocation.end_at_provider(runtime, revoked.order_id)

    assert outcome.is_confirmed
    assert custodian.asked == []
    with runtime.sessions() as session:
        assert session.get_one(Authorization, new.id).status == "authorized"
        lengths = session.execute(select(Grant.authorization_id, func.length(Grant.sealed)))
        left = {row[0]: row[1] for row in lengths}
    assert left[old.id] == 0 < left[new.id]


@pytest.mark.parametrize("revoke_url", [REVOKE])
def test_a_failure_of_ours_is_raised_and_the_order_stays_as_it_is(
    runtime: Runtime, settle: Settle
) -> None:
    ann = settle()
    row = _authorized(runtime, ann, address=None)
    order = revocation.revoke(runtime, row.id, actor=ann.actor).order_id
    assert order is not None
    with runtime.sessions.begin() as session:
        session.scalars(select(Grant)).one().sealed = b"broken"

    with pytest.raises(SealBroken):
        revocation.end_at_provider(runtime, order)

    with runtime.sessions() as session:
        kept = session.get_one(WorkOrder, order)
    assert (kept.done_at, kept.attempts) == (None, 0)
