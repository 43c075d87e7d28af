"""A person's data is deleted: from the request to the receipt, and what is left of them."""

from __future__ import annotations

import hashlib
import json
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import func, inspect, select, text

from dcarbon.db import audit_chain
from dcarbon.db.audit import AuditEntry
from dcarbon.db.authorizations import Authorization, AuthorizationSession
from dcarbon.db.base import new_id
from dcarbon.db.deletions import DeletionRequest
from dcarbon.db.facilities import Facility, FacilityRole
from dcarbon.db.generating_units import GeneratingUnit, MeterClaim
from dcarbon.db.generation_reports import GenerationReport
from dcarbon.db.interval_days import IntervalDay
from dcarbon.db.mails import Mail
from dcarbon.db.people import Person
from dcarbon.db.replays import Replay
from dcarbon.db.work_orders import WorkOrder
from dcarbon.domain.deletion_words import DeletionState
from dcarbon.domain.errors import InvalidInput, InvalidTransition, NotFound
from dcarbon.services import (
    api_tokens,
    deletion_plans,
    deletion_receipts,
    deletion_work,
    deletions,
    generation_downloads,
    invitations,
    people,
    sign_in,
    web_sessions,
)
from dcarbon.services.actors import SYSTEM, Actor
from dcarbon.services.deletion_receipts import Receipt
from dcarbon.services.runtime import Runtime
from tests.integration.services.conftest import MovableClock, Resident, Settle
from tests.integration.services.deletions.conftest import payloads
from tests.support import solar_month
from tests.support.solar_month import Roof

pytestmark = pytest.mark.database
GRACE = timedelta(days=14)
ADDRESS = "ann@example.test"
PERSONAL = (ADDRESS, "Ann Roofer", "1 Elm Street", "ACC-1", "EXT-1", "Subscription/1", "Sunny Hill")
"""What must not be found anywhere afterwards."""


@pytest.fixture
def ann_is_known(roof: Roof, consent: UUID) -> None:
    """Ann's traces: a name, a session, a token, links, a registration's mails, an invitation."""
    runtime, actor = roof.runtime, roof.actor
    people.describe(
        runtime.sessions,
        name="Ann Roofer",
        account_kind="residential",
        actor=actor,
        now=runtime.now(),
    )
    assert actor.person_id is not None
    sign_in.request_link(runtime, ADDRESS, ip="192.0.2.7", browser=None, next_path=None)
    with runtime.sessions.begin() as session:
        facility = session.get_one(Facility, roof.facility.id)
        facility.name, facility.street = "Sunny Hill", "1 Elm Street"
        session.add(
            AuthorizationSession(
                id=new_id(),
                authorization_id=consent,
                person_id=actor.person_id,
                state_hash=b"s",
                redirect_uri="https://x.example.test",
                created_at=runtime.now(),
                expires_at=runtime.now(),
                referral="EXT-1",
            )
        )


@pytest.fixture
def admin(runtime: Runtime) -> Actor:
    row = people.make_admin(
        runtime.sessions, email="root@example.test", actor=SYSTEM, now=runtime.now()
    )
    return Actor(row.id, is_admin=True)


def found_in_database(runtime: Runtime, word: str) -> set[str]:
    """Return the tables in which a word stands, in any column but final reports."""
    found: set[str] = set()
    with runtime.engine.connect() as connection:
        for table in inspect(connection).get_table_names():
            looked = f"select count(*) from {table} t where t::text like :word"
            if connection.scalar(text(looked), {"word": f"%{word}%"}):
                found.add(table)
    return found


def mails_to(runtime: Runtime, address: str) -> list[Mail]:
    with runtime.sessions() as session:
        mine = select(Mail).where(Mail.to_address == address).order_by(Mail.id)
        return list(session.scalars(mine))


def confirm_ends(runtime: Runtime) -> None:
    """Let every utility have confirmed."""
    with runtime.sessions.begin() as session:
        for order in session.scalars(select(WorkOrder).where(WorkOrder.kind == "revoke")):
            order.done_at, order.outcome = runtime.now(), "done"


@pytest.mark.usefixtures("ann_is_known")
def test_a_person_is_deleted_with_a_receipt_and_what_was_reported_stays(
    roof: Roof, report: UUID, clock: MovableClock, admin: Actor
) -> None:
    runtime, actor = roof.runtime, roof.actor
    assert actor.person_id is not None
    web = web_sessions.open_session(
        runtime, actor.person_id, how="link", ip=None, user_agent="Firefox"
    )
    _, token = api_tokens.create(
        runtime.sessions,
        person_id=actor.person_id,
        name="x",
        scopes=["read"],
        actor=actor,
        now=runtime.now(),
    )
    hashes = {row.sha256.hex() for row in payloads(runtime, roof.facility.id)}
    assert found_in_database(runtime, ADDRESS) >= {"people", "mails", "sign_in_links"}

    asked = deletions.ask(runtime, actor=actor)
    assert deletions.ask(runtime, actor=actor) == asked
    assert deletion_work.due(runtime) == []
    clock.advance(GRACE)
    assert deletion_work.due(runtime) == [asked.id]
    assert deletion_work.carry_out(runtime, asked.id) is DeletionState.STARTED

    assert web_sessions.actor_of(runtime, web, ip=None) is None
    assert api_tokens.authenticate(runtime.sessions, token, now=runtime.now(), ip=None) is None
    assert deletion_work.carry_out(runtime, asked.id) is DeletionState.STARTED  # nobody confirmed
    confirm_ends(runtime)
    assert deletion_work.carry_out(runtime, asked.id) is DeletionState.ERASED
    clock.advance(timedelta(hours=1))
    assert deletion_work.carry_out(runtime, asked.id) is DeletionState.DONE
    solar_month.derive(runtime)

    said = _proven(runtime, asked.id).said
    gone, kept = said["deleted"]["payload_sha256"], said["kept"]["payload_sha256"]
    assert (len(gone), len(kept)) == (1, 2)
    assert {*gone, *kept} == hashes
    counts = said["deleted"]["counts"]
    # Both directions: from January 20 to UTC January 29, and five days of March, one with 23 hours.
    assert counts["readings"] == 2 * (8 * 24 + 16 + 5 * 24 - 1)
    assert (counts["facilities"], counts["sessions"], counts["api_tokens"]) == (1, 1, 1)
    assert counts["authorizations"] == counts["authorization_attempts"] == 1
    assert [one["report"] for one in said["kept"]["reports"]] == [str(report)]
    _receipt_is_sent(runtime, asked.id)
    for word in PERSONAL:
        assert found_in_database(runtime, word) <= {"generation_reports"}, word
    # What was reported can still be proven, and the log is whole.
    _, file = generation_downloads.evidence(runtime, report, actor=admin)
    file.close()
    with runtime.sessions() as session:
        assert audit_chain.verify(session) is None
        facility = session.get_one(Facility, roof.facility.id)
        assert (facility.name, facility.erased_at is not None) == ("Deleted facility", True)
        assert session.scalars(select(MeterClaim.last_day)).all() == [date(2026, 2, 28)]
        person = session.get_one(Person, actor.person_id)
        assert (person.name, person.email) == ("", f"{person.id}@deleted.invalid")
        authorization = session.scalars(select(Authorization)).one()
        assert (authorization.status, authorization.external_id) == ("revoked", None)
    again = people.ensure(
        runtime.sessions, email=ADDRESS, account_kind="residential", actor=SYSTEM, now=runtime.now()
    )
    assert again.id != actor.person_id
    assert not deletion_work.is_waiting(runtime)


def _proven(runtime: Runtime, deletion_id: UUID) -> Receipt:
    """Return a receipt whose hash stands in the audit log; its PDF is the same each time."""
    with runtime.sessions() as session:
        receipt = deletion_receipts.of(session, deletion_id)
        entries = select(AuditEntry).where(AuditEntry.event == "deletion_completed")
        entry = session.scalars(entries).one()
    assert entry.details["receipt_sha256"] == hashlib.sha256(receipt.content).hexdigest()
    assert deletion_receipts.pdf(receipt) == deletion_receipts.pdf(receipt)
    assert not any(word in receipt.content.decode() for word in PERSONAL)
    return receipt


def _receipt_is_sent(runtime: Runtime, deletion_id: UUID) -> None:
    """Let the receipt go to its address by its link, and the address be forgotten."""
    receipt = _proven(runtime, deletion_id)
    (mail,) = mails_to(runtime, ADDRESS)
    assert (mail.kind, receipt.sha256 in mail.text_body) == ("deletion_receipt", True)
    secret = mail.text_body.split("/deletion-receipts/")[1].split()[0]
    with runtime.sessions() as session:
        assert deletion_receipts.by_link(session, secret).content == receipt.content
    with runtime.sessions.begin() as session:
        row = session.get_one(Mail, mail.id)
        row.sent_at, row.text_body, row.html_body = runtime.now(), "", ""
    assert deletion_work.is_waiting(runtime)
    assert deletion_work.forget_receipts_sent(runtime) == 1


@pytest.mark.usefixtures("ann_is_known")
def test_without_a_report_nothing_of_a_facility_stays_and_utilities_are_not_waited_for_for_ever(
    roof: Roof, clock: MovableClock, admin: Actor
) -> None:
    runtime, elsewhere = roof.runtime, {"meter_id": str(new_id()), "before": "1"}
    with runtime.sessions.begin() as session:
        said = {"days": [{"meter_id": str(roof.meter_id), "before": "2"}, elsewhere]}
        session.add(Replay(asked_at=runtime.now(), report=said))
    asked = deletions.ask(runtime, actor=roof.actor)
    deletions.approve(runtime, asked.id, actor=admin)
    assert deletion_work.carry_out(runtime, asked.id) is DeletionState.STARTED
    clock.advance(timedelta(days=7))
    assert deletion_work.carry_out(runtime, asked.id) is DeletionState.ERASED
    clock.advance(timedelta(hours=1))
    assert deletion_work.carry_out(runtime, asked.id) is DeletionState.DONE

    with runtime.sessions() as session:
        for model in (IntervalDay, GeneratingUnit, MeterClaim, GenerationReport, WorkOrder):
            assert session.scalar(select(func.count()).select_from(model)) == 0, model
        assert session.scalars(select(Replay)).one().report == {"days": [elsewhere]}
        assert deletion_receipts.of(session, asked.id).kept == [
            (label, 0) for label, _ in deletion_receipts.of(session, asked.id).kept
        ]
    assert _landing(runtime) == []
    for word in PERSONAL:
        left = {"mails"} if word == ADDRESS else set()  # the receipt, waiting to be sent
        assert found_in_database(runtime, word) <= left, word


def test_somebody_elses_facility_stays_and_the_consent_given_there_ends(
    runtime: Runtime, settle: Settle, clock: MovableClock, admin: Actor
) -> None:
    owner, operator = settle("olga", role="owner"), settle("otto", role="operator")
    with runtime.sessions.begin() as session:
        session.add(
            FacilityRole(
                facility_id=owner.facility.id,
                person_id=operator.actor.person_id,
                role="operator",
                since=runtime.now(),
            )
        )
    given = _consent_of(runtime, owner, operator)
    with runtime.sessions() as session:
        plan = deletion_plans.of(session, operator.actor.person_id or new_id())

    assert plan.going == ()
    assert [(one.id, one.ends_access) for one in plan.left] == [
        (owner.facility.id, True),
        (operator.facility.id, False),
    ]
    _delete(runtime, operator.actor, admin, clock)

    with runtime.sessions() as session:
        assert session.get_one(Authorization, given).status == "revoked"
        assert session.get_one(Facility, owner.facility.id).erased_at is None
        roles = select(FacilityRole.person_id).where(FacilityRole.facility_id == owner.facility.id)
        assert list(session.scalars(roles)) == [owner.actor.person_id]
    assert "access_ended" in {mail.kind for mail in mails_to(runtime, "olga@example.test")}


def test_others_are_told_that_their_facility_goes_and_invitations_forget_the_address(
    runtime: Runtime, settle: Settle, clock: MovableClock, admin: Actor
) -> None:
    owner, operator = settle("olga", role="owner"), settle("otto")
    invitations.invite(runtime, owner.facility.id, email="otto@example.test", actor=owner.actor)
    _delete(runtime, operator.actor, admin, clock)
    assert found_in_database(runtime, "otto@example.test") == {"mails"}  # the receipt
    with runtime.sessions.begin() as session:
        session.add(
            FacilityRole(
                facility_id=owner.facility.id,
                person_id=admin.person_id,
                role="operator",
                since=runtime.now(),
            )
        )
    _delete(runtime, owner.actor, admin, clock)

    told = [mail.kind for mail in mails_to(runtime, "root@example.test")]
    assert told.count("facility_deleted") == 1


def test_a_request_is_taken_back_declined_or_refused(
    runtime: Runtime, settle: Settle, clock: MovableClock, admin: Actor
) -> None:
    ann = settle("ann")
    first = deletions.ask(runtime, actor=ann.actor)
    assert deletions.cancel(runtime, actor=ann.actor) is not None
    assert deletions.cancel(runtime, actor=ann.actor) is None
    second = deletions.ask(runtime, actor=ann.actor)
    with pytest.raises(InvalidInput):
        deletions.decline(runtime, second.id, reason=" ", actor=admin)
    deletions.decline(runtime, second.id, reason="A dispute is open.", actor=admin)
    for decide in (deletions.approve, lambda *a, **k: deletions.decline(*a, reason="x", **k)):
        with pytest.raises(InvalidTransition) as caught:
            decide(runtime, second.id, actor=admin)
        assert caught.value.code == "deletion_decided"
    own = deletions.ask(runtime, actor=Actor(settle("ada").actor.person_id))
    with pytest.raises(InvalidTransition) as caught:
        deletions.approve(runtime, own.id, actor=Actor(own.person_id, is_admin=True))
    assert caught.value.code == "deletion_of_ones_own"
    with pytest.raises(InvalidTransition) as caught:
        deletions.ask(runtime, actor=admin)
    assert caught.value.code == "deletion_of_last_administrator"
    with pytest.raises(NotFound), runtime.sessions() as session:
        deletion_receipts.of(session, second.id)
    clock.advance(2 * GRACE)

    assert deletion_work.due(runtime) == [own.id]
    with runtime.sessions() as session:
        listed = deletions.listing(session).requests
        assert [(one.id, one.state) for one in listed] == [
            (own.id, "asked"),
            (second.id, "declined"),
            (first.id, "cancelled"),
        ]
    (mail,) = [m for m in mails_to(runtime, ADDRESS) if m.kind == "deletion_declined"]
    assert "A dispute is open." in mail.text_body


def test_a_deletion_that_has_begun_cannot_be_stopped(
    roof: Roof, consent: UUID, admin: Actor
) -> None:
    runtime = roof.runtime
    del consent
    asked = deletions.ask(runtime, actor=roof.actor)
    deletions.approve(runtime, asked.id, actor=admin)
    with runtime.sessions.begin() as session:
        session.get_one(DeletionRequest, asked.id).state = DeletionState.STARTED

    with pytest.raises(InvalidTransition) as caught:
        deletions.cancel(runtime, actor=roof.actor)

    assert caught.value.code == "deletion_started"


def _consent_of(runtime: Runtime, owner: Resident, operator: Resident) -> UUID:
    identity = new_id()
    with runtime.sessions.begin() as session:
        session.add(
            Authorization(
                id=identity,
                facility_id=owner.facility.id,
                requested_by=operator.actor.person_id,
                method="green_button",
                provider="pge",
                utility="PG&E",
                status="authorized",
                shard=0,
            )
        )
    return identity


def _delete(runtime: Runtime, who: Actor, admin: Actor, clock: MovableClock) -> None:
    asked = deletions.ask(runtime, actor=who)
    deletions.approve(runtime, asked.id, actor=admin)
    deletion_work.carry_out(runtime, asked.id)
    clock.advance(timedelta(hours=1))
    assert deletion_work.carry_out(runtime, asked.id) is DeletionState.DONE
    assert json.loads(_receipt(runtime, asked.id))["number"] == str(asked.id)


def _receipt(runtime: Runtime, deletion_id: UUID) -> bytes:
    with runtime.sessions() as session:
        return deletion_receipts.of(session, deletion_id).content


def _landing(runtime: Runtime) -> list[Path]:
    return list((runtime.settings.directory / "landing").rglob("*.zst"))
