"""Every event of the audit log has words; details are said without what is nobody's business."""

from __future__ import annotations

from typing import Any

import pytest

from dcarbon.domain import audit_details, audit_words
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.audit_words import GROUP_NAMES, WORDS, Group


def test_every_event_has_words_of_its_own_and_nothing_else_has() -> None:
    assert set(WORDS) == set(AuditEvent)
    titles = [told.title for told in WORDS.values()]
    assert len(set(titles)) == len(titles)
    assert set(GROUP_NAMES) == {told.group for told in WORDS.values()} == set(Group)


@pytest.mark.parametrize("event", AuditEvent)
def test_words_are_a_short_title_and_a_sentence(event: AuditEvent) -> None:
    told = WORDS[event]

    assert 0 < len(told.title) <= 40
    assert not told.title.endswith(".")
    assert told.sentence.endswith(".")
    assert "_" not in told.title + told.sentence


def test_events_are_found_by_their_name_their_group_and_the_words_people_read() -> None:
    assert audit_words.known_as("signed_in") == [AuditEvent.SIGNED_IN]
    assert AuditEvent.DATA_EXPORTED in audit_words.known_as("data")
    assert audit_words.known_as("nonsense") == []
    assert audit_words.title_of("data") == "Data"
    assert audit_words.title_of("signed_in") == "Signed in"
    assert AuditEvent.INTERVAL_DATA_IMPORTED in audit_words.mentioning("READINGS imp")


def test_no_event_has_the_name_of_a_group() -> None:
    assert not {one.value for one in Group} & {one.value for one in AuditEvent}


def test_an_event_of_a_later_version_is_shown_by_its_name() -> None:
    assert audit_words.of("moon_reached").title == "Moon reached"


@pytest.mark.parametrize(
    ("details", "facts"),
    [
        (
            {"new": 2976, "start": "2026-03-01T08:00:00+00:00", "restated": 0},
            [
                ("From", "2026-03-01 08:00 UTC"),
                ("New readings", "2,976"),
                ("Restated readings", "0"),
            ],
        ),
        ({"fields": ["name", "postal_code"]}, [("What was changed", "name, postal code")]),
        ({"meters": ["0199f3a1-7c2e-7d3a-8b1c-aaaaaaaaaaaa"]}, [("Meters", "1")]),
        (
            {"file": "a_b.csv", "basis": "hourly_export"},
            [("File", "a_b.csv"), ("Basis", "hourly export")],
        ),
        ({"reason": "asked by phone", "code": "x", "unheard_of": 1, "last_day": None}, []),
    ],
    ids=["import", "fields", "ids_are_counted", "words", "not_for_people"],
)
def test_people_see_facts_and_no_reasons_or_identifiers(
    details: dict[str, Any], facts: list[tuple[str, str]]
) -> None:
    assert audit_details.facts_of(details) == facts


def test_administrators_see_every_member_in_words() -> None:
    shown = audit_details.of(
        {"is_final": True, "reason": None, "counts": {"new": 1}, "at": "2026-03-01T08:00"}
    )

    assert shown == [
        ("At", "2026-03-01T08:00"),
        ("Counts", "New readings: 1"),
        ("Is final", "yes"),
        ("Reason", "none"),
    ]


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("2026-03-01T08:00:00+00:00", "2026-03-01 08:00 UTC"),
        ("2026-03-01T08:00:00Z", "2026-03-01 08:00 UTC"),
        ("2026-03-01T08:00+00", "2026-03-01 08:00 UTC"),
        ("2026-03-01T08:00:00", "2026-03-01T08:00:00"),  # of no zone: nobody knows when
        ("20260301T080000Z", "20260301T080000Z"),
        ("2026-03-01 08:00:00+00:00", "2026-03-01 08:00:00+00:00"),
        ("2026-03-01x08:00:00+00:00", "2026-03-01x08:00:00+00:00"),
        ("2026-03-32T08:00:00+00:00", "2026-03-32T08:00:00+00:00"),
        ([], "none"),
        ([True, None, 1_000], "yes, none, 1,000"),
    ],
)
def test_times_are_said_shortly_and_whatever_looks_like_one_stays(stored: Any, shown: str) -> None:
    assert audit_details.text_of(stored) == shown
