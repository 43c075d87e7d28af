"""Every step and every task has words, whatever the services store."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import CheckConstraint

from dcarbon.db.work_orders import WorkOrder
from dcarbon.domain import authorization_steps, task_words
from dcarbon.domain.admin_status import AdminStatus
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.services.authorization_endings import EndReason
from dcarbon.services.authorization_tasks import TaskState
from dcarbon.services.ending_at_provider import Ending
from dcarbon.services.retrying import RetriedBy


def test_every_reason_and_way_the_services_write_has_words() -> None:
    assert set(authorization_steps.ENDED_BECAUSE) == set(EndReason)
    assert set(authorization_steps.ENDED_HOW) == set(Ending)
    assert set(authorization_steps.RETRIED_BY) == set(RetriedBy)


def test_every_event_about_an_authorizations_state_makes_a_step() -> None:
    """What is not named here is no change of it: imports, rotations of our own tokens, looks."""
    about = {event for event in AuditEvent if event.value.startswith("authorization_")}

    assert about - set(authorization_steps.EVENTS) == {AuditEvent.AUTHORIZATION_RECORD_DOWNLOADED}


@pytest.mark.parametrize("event", authorization_steps.EVENTS)
def test_an_entry_without_details_has_a_reason_all_the_same(event: AuditEvent) -> None:
    """Entries of earlier versions may lack what is written today."""
    words = authorization_steps.of(event.value, {})

    assert words.title
    assert "None" not in words.reason or event in {
        AuditEvent.AUTHORIZATION_METHOD_CHANGED,
        AuditEvent.REPULL_REQUESTED,
    }


def test_who_ended_it_decides_the_state_after() -> None:
    revoked = AuditEvent.AUTHORIZATION_REVOKED.value
    ours = authorization_steps.of(revoked, {"by": "admin", "reason": "ended_by_admin"})
    theirs = authorization_steps.of(revoked, {"by": "provider", "reason": "ended_at_provider"})

    assert (ours.status, theirs.status) == (AdminStatus.ENDING, AdminStatus.REVOKED)
    assert ours.reason == "An administrator ended the access."


def test_a_code_is_said_in_the_words_of_the_catalogue() -> None:
    event = AuditEvent.TOKEN_ROTATION_FAILED.value
    words = authorization_steps.of(event, {"code": "provider_unavailable", "attempts": 3})

    assert words.code == "provider_unavailable"
    assert words.reason.endswith("It took 3 tries.")


def test_every_kind_of_work_order_has_words_in_every_state() -> None:
    constraints = (c for c in WorkOrder.__table_args__ if isinstance(c, CheckConstraint))
    stated = next(str(c.sqltext) for c in constraints if str(c.name).endswith("kind"))
    kinds = set(re.findall(r"'(\w+)'", stated))

    assert set(task_words.TITLES) == kinds | {"ask"}
    for kind in kinds:
        for state in TaskState:
            told = task_words.of(kind, state.value, outcome=None, utility="PG&E")
            assert told.endswith(".")
            assert "{" not in told
        assert task_words.of(kind, "done", outcome="given_up", utility="PG&E").endswith(".")
