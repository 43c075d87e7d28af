"""Whoever opens a transaction to write says so to the audit log, or has a reason not to."""

from __future__ import annotations

from dcarbon.domain.audit_events import AuditEvent
from tests.support import services_walked
from tests.unit.services.audited import AUDITED, COUNTED_IN, DETAILS, UNAUDITED

_EVERY_ENTRY = {"at", "actor", "facility_id", "authorization_id", "**"}


def test_each_service_that_writes_is_listed_once() -> None:
    openers = services_walked.openers()

    assert openers == AUDITED.keys() | UNAUDITED.keys(), (
        "list a new service in audited.py: with its event, or with the reason why it has none"
    )
    assert not AUDITED.keys() & UNAUDITED.keys()


def test_each_listed_service_comes_to_its_events() -> None:
    missing = {
        name: absent
        for name, events in AUDITED.items()
        if (absent := set(events.split()) - services_walked.events(name))
    }

    assert missing == {}


def test_a_service_without_an_event_has_none() -> None:
    assert {name for name in UNAUDITED if services_walked.events(name)} == set()


def test_each_event_is_written_by_somebody() -> None:
    spoken_of = {name for opener in AUDITED for name in services_walked.events(opener)}
    unwritten = {event.name for event in AuditEvent} - spoken_of

    # Kept for logs that hold them: events are never renamed or taken away.
    assert unwritten == {"METERS_IMPORTED"}


def test_details_hold_nothing_that_a_person_typed() -> None:
    names = services_walked.detail_names()

    assert names.keys() - _EVERY_ENTRY == DETAILS
    assert names["**"] <= COUNTED_IN
