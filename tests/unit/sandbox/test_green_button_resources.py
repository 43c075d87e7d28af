"""Who may read what, for which window, and what the answer looks like (reference 4)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask

from dcarbon_sandbox import restatements
from dcarbon_sandbox.app import Options
from dcarbon_sandbox.loads import Restatement
from tests.unit.sandbox.custodian import NOW, ThirdParty, entries, make_app, numbers

DAY = {"published_min": "2026-10-05T07:00:00Z", "published_max": "2026-10-06T07:00:00Z"}


def test_every_token_class_opens_its_own_resources_only(generic: ThirdParty) -> None:
    token = generic.authorize()
    number = token["resourceURI"].rsplit("/", 1)[1]
    tokens = {
        "A": token["access_token"],
        "C": generic.client_token(),
        "R": generic.client_token(scope="FB=36_40"),
    }
    opened = {
        f"Batch/Subscription/{number}": "A",
        f"Batch/RetailCustomer/{number}": "A",
        f"Subscription/{number}/UsagePoint": "A",
        "Authorization": "C",
        "ReadServiceStatus": "C",
        f"ApplicationInformation/{generic.profile.application_id}": "R",
    }

    statuses = {
        (path, kind): generic.get(path, value, **DAY).status_code
        for path in opened
        for kind, value in tokens.items()
    }

    assert statuses == {
        (path, kind): 200 if opened[path] == kind else 403 for path in opened for kind in tokens
    }


@pytest.mark.parametrize("token", [None, "made-up"])
def test_a_missing_or_unknown_token_is_401(generic: ThirdParty, token: str | None) -> None:
    assert generic.get("Authorization", token).status_code == 401


@pytest.mark.parametrize(("code", "status"), [("generic", 401), ("pge", 403)])
def test_an_expired_token_is_told_in_the_utilitys_way(app: Flask, code: str, status: int) -> None:
    party = ThirdParty(app, code)
    token = party.authorize()
    party.sandbox.clock.advance(timedelta(hours=1))

    response = party.get(token["resourceURI"], token["access_token"])

    assert response.status_code == status


def test_a_token_opens_its_own_subscription_only(generic: ThirdParty) -> None:
    mine, other = generic.authorize("sunny"), generic.authorize("robin")

    assert generic.get(other["resourceURI"], mine["access_token"]).status_code == 403


def test_a_token_of_one_utility_means_nothing_at_another(app: Flask) -> None:
    token = ThirdParty(app, "sdge").authorize()

    response = ThirdParty(app, "generic").get("Authorization", token["access_token"])

    assert response.status_code == 401


def test_pge_wants_a_client_certificate_on_every_call_but_the_pages(app: Flask) -> None:
    without = ThirdParty(app, "pge", certificate=False)

    answers = [
        without.post_token(grant_type="client_credentials"),
        without.get("ReadServiceStatus", "any"),
    ]

    assert [(a.status_code, a.text) for a in answers] == [(400, "Invalid Certificate")] * 2
    assert without.visit().status_code == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("published_min", "yesterday"),
        ("published_max", "2026-02-30T00:00:00Z"),
        ("published_min", "2026-06-08"),
        ("updated_min", "2026-06-08T00:00:00"),
        ("max_results", "ten"),
        ("start_index", "0"),
    ],
)
def test_a_parameter_that_means_nothing_is_400(generic: ThirdParty, name: str, value: str) -> None:
    token = generic.authorize()

    response = generic.get(token["resourceURI"], token["access_token"], **{name: value})

    assert response.status_code == 400
    assert response.text == "Request contains invalid query parameter values!"


def test_epoch_seconds_mean_the_same_as_an_instant(pge: ThirdParty) -> None:
    token = pge.authorize()
    epochs = {
        name: str(int(datetime.fromisoformat(value).timestamp())) for name, value in DAY.items()
    }

    by_instant = pge.get(token["resourceURI"], token["access_token"], **DAY)
    by_epoch = pge.get(token["resourceURI"], token["access_token"], **epochs)

    assert numbers(by_epoch.data, "IntervalReading/value") == numbers(
        by_instant.data, "IntervalReading/value"
    )


def test_a_window_gives_whole_local_days_that_it_touches(generic: ThirdParty) -> None:
    token = generic.authorize("robin")

    content = generic.get(
        token["resourceURI"],
        token["access_token"],
        published_min="2026-10-05T00:00:00Z",
        published_max="2026-10-06T00:00:00Z",
    ).data

    local_midnight = int(datetime(2026, 10, 4, 7, tzinfo=UTC).timestamp())
    starts = numbers(content, "IntervalBlock/interval/start")
    assert starts == [local_midnight, local_midnight + 86400]


@pytest.mark.parametrize(
    "window",
    [
        {"published_min": "2026-11-20T08:00:00Z"},
        {"published_min": "2026-10-06T07:00:00Z", "published_max": "2026-10-05T07:00:00Z"},
        {"published_max": "2001-01-01T00:00:00Z"},
        {"published_max": "0001-01-01T00:00:00Z"},
        {"updated_max": "0001-01-01T00:00:00Z", "published_min": "2026-11-10T08:00:00Z"},
    ],
)
def test_a_window_without_data_is_204(generic: ThirdParty, window: dict[str, str]) -> None:
    token = generic.authorize()

    response = generic.get(token["resourceURI"], token["access_token"], **window)

    assert (response.status_code, response.data) == (204, b"")


def test_a_future_end_is_refused_where_the_utility_does(generic: ThirdParty) -> None:
    token = generic.authorize()
    future = {"published_max": "2027-01-01T00:00:00Z", "published_min": "2026-11-18T08:00:00Z"}

    accepted = generic.get(token["resourceURI"], token["access_token"], **future)
    generic.sandbox.store.change_switches(generic.profile, {"future_published_max": "reject"})
    refused = generic.get(token["resourceURI"], token["access_token"], **future)

    assert (accepted.status_code, refused.status_code) == (200, 400)


def test_updated_min_names_the_days_that_changed_since(generic: ThirdParty) -> None:
    token = generic.authorize("robin")
    meter = "4410000201"
    generic.sandbox.clock.advance(timedelta(minutes=10))
    restatements.add(
        generic.sandbox.state,
        Restatement(
            meter_id=meter,
            start=datetime(2026, 9, 10, 12, tzinfo=UTC),
            end=datetime(2026, 9, 10, 13, tzinfo=UTC),
            factor=3.0,
            at=generic.sandbox.clock.now(),
        ),
    )

    content = generic.get(
        token["resourceURI"], token["access_token"], updated_min=f"{NOW:%Y-%m-%dT%H:%M:%SZ}"
    ).data

    day = int(datetime(2026, 9, 10, 7, tzinfo=UTC).timestamp())
    assert numbers(content, "IntervalBlock/interval/start") == [day]


def test_the_graph_can_be_walked_from_usage_point_to_interval_block(pge: ThirdParty) -> None:
    token = pge.authorize()
    number = token["resourceURI"].rsplit("/", 1)[1]
    point = f"Subscription/{number}/UsagePoint/4410000101"
    readings = pge.get(f"{point}/MeterReading", token["access_token"])
    first = "TnpJNmJuVnNiRG81TURBNk1RPT06MQ=="  # 72:null:900:1, encoded twice

    blocks = pge.get(f"{point}/MeterReading/{first}/IntervalBlock", token["access_token"], **DAY)

    assert f'/MeterReading/{first}"' in readings.text
    assert len(entries(blocks.data, "IntervalBlock")) == 1
    assert len(entries(blocks.data, "IntervalReading")) == 96
    one = pge.get(
        f"{point}/MeterReading/{first}/IntervalBlock/1791183600", token["access_token"], **DAY
    )
    assert len(entries(one.data, "IntervalBlock")) == 1


@pytest.mark.parametrize(
    "path",
    [
        "Subscription/{id}/UsagePoint/999",
        "Subscription/{id}/UsagePoint/4410000101/MeterReading/no",
        "Batch/Subscription/{id}/UsagePoint/999",
        "ReadingType/none",
    ],
)
def test_what_does_not_exist_is_404(generic: ThirdParty, path: str) -> None:
    token = generic.authorize()
    number = token["resourceURI"].rsplit("/", 1)[1]

    assert generic.get(path.format(id=number), token["access_token"]).status_code == 404


def test_pge_has_its_own_words_for_an_unknown_path(pge: ThirdParty) -> None:
    response = pge.get("Nowhere", "any")

    assert response.status_code == 404
    assert response.text.startswith("No listener for endpoint: /pge/")


def test_a_collection_can_be_paged(generic: ThirdParty) -> None:
    token = generic.authorize("acme")
    number = token["resourceURI"].rsplit("/", 1)[1]

    page = generic.get(
        f"Subscription/{number}/UsagePoint",
        token["access_token"],
        start_index="2",
        max_results="2",
    ).data

    assert [b"4410000302" in page, b"4410000303" in page] == [True, True]
    assert len(entries(page, "UsagePoint")) == 2


def test_data_without_consent_is_forbidden_or_absent(generic: ThirdParty) -> None:
    token = generic.authorize(groups=["usage"])
    customer = token["customerResourceURI"]

    assert generic.get(customer, token["access_token"]).status_code == 403
    feed = generic.get(
        token["resourceURI"], token["access_token"], published_min="2026-10-20T07:00:00Z"
    )
    assert not entries(feed.data, "UsageSummary")


def test_a_client_that_asks_too_fast_is_told_to_wait(generic: ThirdParty) -> None:
    generic.sandbox.store.change_switches(generic.profile, {"rate_per_s": 1.0})
    client = generic.post_token(grant_type="client_credentials").get_json()["access_token"]

    response = generic.get("ReadServiceStatus", client)

    assert response.status_code == 429
    assert response.headers["Retry-After"] == "1"


def test_ending_an_authorization_shows_in_its_record_and_closes_the_data(
    pge: ThirdParty,
) -> None:
    token = pge.authorize()
    client = pge.client_token()

    ended = pge.call("DELETE", token["authorizationURI"], token=client)

    assert ended.status_code == 200
    assert pge.get(token["resourceURI"], token["access_token"]).status_code == 403
    assert numbers(pge.get(token["authorizationURI"], client).data, "status") == [0]


def test_a_consent_whose_period_is_over_opens_nothing(generic: ThirdParty) -> None:
    token = generic.authorize(duration_days="30")
    generic.sandbox.clock.advance(timedelta(days=30))

    refresh = generic.post_token(grant_type="refresh_token", refresh_token=token["refresh_token"])

    assert refresh.get_json()["error"] == "invalid_grant"
    record = generic.get(token["authorizationURI"], generic.client_token()).data
    assert numbers(record, "status") == [1]
    assert numbers(record, "authorizedPeriod/duration") == [30 * 86400]


def test_bulk_streams_every_live_subscription(app: Flask) -> None:
    sdge = ThirdParty(app, "sdge")
    sdge.authorize("sunny")
    sdge.authorize("robin")

    content = sdge.get(f"Batch/Bulk/{sdge.profile.bulk_id}", sdge.client_token(), **DAY).data

    assert len(entries(content, "UsagePoint")) == 2
    assert len(entries(content, "LocalTimeParameters")) == 1
    assert len(entries(content, "IntervalBlock")) == 3


def test_a_bulk_file_holds_one_day(app: Flask) -> None:
    sce = ThirdParty(app, "sce")
    sce.authorize("robin")
    bulk = sce.profile.bulk_id
    client = sce.client_token()

    usage = sce.get(f"Batch/Bulk/{bulk}/{bulk}_REVQ_20261005_023157_1.XML", client)
    people = sce.get(f"Batch/Bulk/{bulk}/{bulk}_RCUST_20261005_023157_1.XML", client)

    assert len(entries(usage.data, "IntervalReading")) == 96
    assert b"2 HEARTH" not in people.data
    assert b"HEARTH LANE" in people.data


def test_a_given_file_is_served_unchanged(samples: Path) -> None:
    file = samples / "sce-bulk-usage.xml"
    app = make_app(options=Options(feeds={"visitor": file}))
    party = ThirdParty(app)

    token = party.authorize("visitor")
    response = party.get(token["resourceURI"], token["access_token"])

    assert response.data == file.read_bytes()
    app.extensions["sandbox"].close()


def test_hrefs_of_a_subscription_lead_back_to_this_server(generic: ThirdParty) -> None:
    token = generic.authorize()
    content = generic.get(token["resourceURI"], token["access_token"], **DAY)

    hrefs = [part.split('"')[0] for part in content.text.split('href="')[1:]]

    assert {urlsplit(href).netloc for href in hrefs} == {"127.0.0.1:8443"}
