"""What administrators read of an authorization follows from what is stored, and from the time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dcarbon.domain import admin_status, bulk_actions, texts
from dcarbon.domain.admin_status import AdminStatus, Collecting
from dcarbon.domain.states import AuthStatus
from dcarbon.services import authorization_endings
from dcarbon.services.retrying import RetriedBy

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "code", "word", "label"),
    [
        ("failed", "access_denied", AdminStatus.FAILED, "Failed"),
        ("expired", None, AdminStatus.NEEDS_REAUTHORIZATION, "Needs reauthorization"),
        ("pending", None, AdminStatus.PENDING, "Pending"),
        ("authorized", None, AdminStatus.ACTIVE, "Active"),
        ("revoked", authorization_endings.ENDING, AdminStatus.ENDING, "Ending at the provider"),
        ("revoked", authorization_endings.ENDED, AdminStatus.REVOKED, "Revoked"),
        ("revoked", None, AdminStatus.REVOKED, "Revoked"),
        ("authorized", authorization_endings.ENDING, AdminStatus.ACTIVE, "Active"),
    ],
)
def test_each_stored_status_has_its_word(
    status: str, code: str | None, word: AdminStatus, label: str
) -> None:
    assert admin_status.status_of(status, code) is word
    assert admin_status.LABELS[word] == label
    assert admin_status.STORED[word] == status


@pytest.mark.parametrize(
    ("status", "health", "hours", "expected"),
    [
        ("authorized", "ok", 1, Collecting.OK),
        ("authorized", "ok", 36, Collecting.OK),
        ("authorized", "ok", 37, Collecting.LATE),
        ("authorized", "delayed", 99, Collecting.DELAYED),
        ("authorized", "blocked", 0, Collecting.BLOCKED),
        ("expired", "blocked", 99, Collecting.OFF),
        ("pending", "ok", 99, Collecting.OFF),
    ],
)
def test_collecting_is_late_a_day_and_a_half_after_the_last_sync(
    status: str, health: str, hours: int, expected: Collecting
) -> None:
    last = NOW - timedelta(hours=hours)

    assert admin_status.collecting_of(status, health, last, now=NOW) is expected


def test_a_person_is_needed_where_nothing_goes_on_by_itself() -> None:
    needed = {
        (status, collecting)
        for status in AdminStatus
        for collecting in Collecting
        if admin_status.needs_person(status, collecting)
    }

    assert {status for status, collecting in needed if collecting is Collecting.OFF} == {
        AdminStatus.FAILED,
        AdminStatus.NEEDS_REAUTHORIZATION,
    }
    assert {collecting for status, collecting in needed if status is AdminStatus.ACTIVE} == {
        Collecting.BLOCKED,
        Collecting.LATE,
    }


def test_sync_health_is_a_sentence_that_says_why() -> None:
    def said(collecting: Collecting, code: str | None = None, *, has_synced: bool = True) -> str:
        return admin_status.sync_words(collecting, code=code, has_synced=has_synced)

    assert said(Collecting.OK) == "Readings come in every day."
    assert said(Collecting.OK, has_synced=False) == "The first readings are awaited."
    for code in ("reauthorization_required", "client_credentials_rejected"):
        assert said(Collecting.BLOCKED, code) == texts.of(code).message
    assert said(Collecting.BLOCKED) == texts.NOTICES["blocked"].what_happened
    for collecting in Collecting:
        assert said(collecting).endswith("."), collecting


def test_every_word_has_its_label() -> None:
    assert set(admin_status.COLLECTING_LABELS) == set(Collecting)
    assert set(admin_status.LABELS) == set(AdminStatus)
    assert {each.value for each in admin_status.STORED.values()} == set(AuthStatus)
    assert set(bulk_actions.EFFECTS) == set(bulk_actions.Effect)
    assert set(bulk_actions.STAGES) == set(bulk_actions.Stage)


def test_whatever_a_retry_does_has_its_effect() -> None:
    assert {each.value for each in RetriedBy} <= set(bulk_actions.Effect)
