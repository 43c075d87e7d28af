"""Watching readings arrive: per meter, by itself, and without JavaScript too."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from flask import Flask

from dcarbon.db.base import new_id
from dcarbon.db.people import Person
from dcarbon.db.work_orders import WorkOrder
from dcarbon.services.runtime import Runtime
from tests.integration.api import pages
from tests.integration.api.conftest import install_meter
from tests.integration.conftest import NOW
from tests.support.browser import Browser

URL = "http://127.0.0.1:8000"


@pytest.fixture
def owner(runtime: Runtime) -> Person:
    return pages.person(runtime, "olive@example.org")


@pytest.fixture
def mill(runtime: Runtime, owner: Person) -> UUID:
    return pages.facility(runtime, owner)


@pytest.fixture
def browser(app: Flask, runtime: Runtime, owner: Person) -> Browser:
    return pages.at_browser(app, runtime, owner)


def _collecting(runtime: Runtime, facility_id: UUID, owner: Person) -> UUID:
    authorization = pages.authorization(runtime, facility_id, owner)
    install_meter(runtime, facility_id, first=NOW - timedelta(days=9), values=[1] * 96 * 9)
    order = WorkOrder(
        id=new_id(),
        kind="collect",
        authorization_id=authorization,
        reason="newly authorized",
        progress={"meters_found": 2, "readings": 864},
        opened_at=NOW,
        not_before=NOW,
    )
    with runtime.sessions.begin() as session:
        session.add(order)
        return order.id


def _finish(runtime: Runtime, order_id: UUID) -> None:
    with runtime.sessions.begin() as session:
        order = session.get_one(WorkOrder, order_id)
        order.done_at, order.outcome = NOW, "done"


def test_progress_is_shown_per_meter_and_asked_for_again(
    browser: Browser, mill: UUID, runtime: Runtime, owner: Person
) -> None:
    _collecting(runtime, mill, owner)

    part = browser.get(f"/facilities/{mill}/progress", **{"HX-Request": "true"})

    read = pages.words(part.text)
    assert "Readings are arriving from 2 meters: 9 of 90 days so far." in read
    assert "864" in read
    assert "1001" in read
    assert 'hx-trigger="every 2s"' in part.text
    assert "<html" not in part.text


def test_progress_goes_on_where_the_utility_has_less_than_was_asked_for(
    browser: Browser, mill: UUID, runtime: Runtime, owner: Person
) -> None:
    order_id = _collecting(runtime, mill, owner)
    with runtime.sessions.begin() as session:
        order = session.get_one(WorkOrder, order_id)
        order.progress = {**order.progress, "days_in": 40, "days_wanted": 80}

    part = browser.get(f"/facilities/{mill}/progress", **{"HX-Request": "true"})

    assert "9 of 80 days so far." in pages.words(part.text)
    assert 'value="50"' in part.text


def test_progress_ends_by_itself_and_the_facility_page_comes_anew(
    browser: Browser, mill: UUID, runtime: Runtime, owner: Person
) -> None:
    _finish(runtime, _collecting(runtime, mill, owner))
    path = f"/facilities/{mill}"

    told = browser.get(f"{path}/progress", **{"HX-Request": "true"})
    there = browser.get(
        f"{path}/progress", **{"HX-Request": "true", "HX-Current-URL": f"{URL}{path}"}
    )

    assert "All readings the utility has are here, from 2 meters." in pages.words(told.text)
    assert "hx-trigger" not in told.text
    assert (there.status_code, there.headers["HX-Refresh"]) == (204, "true")


def test_progress_without_htmx_is_a_page_that_looks_again(
    browser: Browser, mill: UUID, runtime: Runtime, owner: Person
) -> None:
    _collecting(runtime, mill, owner)

    path = browser.get(f"/facilities/{mill}/progress").location
    shown = browser.get(path).text

    assert '<noscript><meta http-equiv="refresh"' in shown
