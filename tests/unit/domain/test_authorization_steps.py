"""Every step and every task has words, whatever the services store."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import CheckConstraint

from dcarbon.db.work_orders import WorkOrder
from dcarbon.domain import audit_words, authorization_steps, task_words, texts
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


@pytest.mark.parametrize(
    ("event", "was", "after"),
    [
        (AuditEvent.AUTHORIZATION_RETRIED, "failed", AdminStatus.PENDING),
        (AuditEvent.AUTHORIZATION_RETRIED, "expired", None),
        (AuditEvent.AUTHORIZATION_REVOKED, "failed", AdminStatus.ENDING),
    ],
)
def test_a_retry_moves_only_what_had_failed(
    event: AuditEvent, was: str, after: AdminStatus | None
) -> None:
    assert authorization_steps.of(event.value, {"was": was}).status is after


@pytest.mark.parametrize(
    ("attempts", "ending"), [(3, " It took 3 tries."), (2, " It took 2 tries."), (1, ""), (0, "")]
)
def test_a_code_is_said_in_the_words_of_the_catalogue(attempts: int, ending: str) -> None:
    event = AuditEvent.TOKEN_ROTATION_FAILED.value
    words = authorization_steps.of(event, {"code": "provider_unavailable", "attempts": attempts})

    assert words.code == "provider_unavailable"
    assert words.reason == texts.of("provider_unavailable").what_happened + ending


def test_a_change_says_from_where_to_where() -> None:
    event = AuditEvent.AUTHORIZATION_METHOD_CHANGED.value
    chosen = authorization_steps.of(event, {"old_utility": "pge", "new_utility": "sce"})
    open_yet = authorization_steps.of(event, {"old_utility": "pge"})

    assert chosen.reason == "From pge to sce."
    assert open_yet.reason == "From pge to a utility still to be chosen."


def test_a_range_loaded_again_is_told_and_nothing_else_has_one() -> None:
    times = {"start": "2026-01-01T08:00:00+00:00", "end": "2026-02-01T08:00:00+00:00"}
    again, once = AuditEvent.REPULL_REQUESTED.value, AuditEvent.COLLECTION_REQUESTED.value

    told = "Readings from 2026-01-01 08:00 UTC up to 2026-02-01 08:00 UTC."
    assert authorization_steps.of(again, times).reason == told
    assert authorization_steps.of(once, times).reason == audit_words.of(once).sentence


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


@pytest.mark.parametrize(
    ("state", "outcome", "told"),
    [
        ("waiting", None, "Access has ended here. PG&E is told next."),
        ("done", None, "PG&E has confirmed the end."),
        ("done", "ended", "PG&E has confirmed the end."),
        ("done", "given_up", "PG&E offers no way for us to end it there. Our keys are destroyed."),
        ("stopped", None, "It was called off."),
    ],
)
def test_an_end_is_told_as_it_stands(state: str, outcome: str | None, told: str) -> None:
    assert task_words.of("revoke", state, outcome=outcome, utility="PG&E") == told
