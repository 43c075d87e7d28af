"""The Green Button client says requests and yields bytes; every kind of answer has its shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
import pytest

from dcarbon.domain.errors import (
    AccessTokenRejected,
    ClientCredentialsRejected,
    ClientTokenRejected,
    ContractViolation,
    DCarbonError,
    InvalidInput,
    ProviderThrottled,
    ProviderUnavailable,
    ReauthorizationRequired,
    ResourceMissing,
)
from dcarbon.domain.secrets import Secret
from dcarbon.providers.green_button.client import Accepted, Empty, GreenButtonClient, Payload
from dcarbon.providers.profiles import Quirk, UtilityProfile, profile, with_overrides
from dcarbon.providers.transport import Transport

NOW = datetime(2026, 3, 10, 12, 0, 0, 500, tzinfo=UTC)
START, END = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 8, tzinfo=UTC)
ROOT = "https://utility.example/sce"
RESOURCE = f"{ROOT}/DataCustodian/espi/1_1/resource"
SUBSCRIPTION = f"{RESOURCE}/Batch/Subscription/5"
PROFILE = with_overrides(profile("sce"), {"base_url": ROOT})
Handler = Callable[[httpx2.Request], httpx2.Response]
Open = Callable[..., GreenButtonClient]


@pytest.fixture
def client() -> Iterator[Open]:
    opened: list[Transport] = []

    def build(handler: Handler, of: UtilityProfile = PROFILE) -> GreenButtonClient:
        transport = Transport(of.resource_url, transport=httpx2.MockTransport(handler))
        opened.append(transport)
        return GreenButtonClient(transport, of, Secret("acc3ss"))

    yield build
    for transport in opened:
        transport.close()


class Custodian:
    """Answers by path, in order of its rules, and records what was asked."""

    def __init__(self, *rules: tuple[str, httpx2.Response]) -> None:
        self.rules = rules
        self.asked: list[str] = []
        self.tokens: list[str] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(str(request.url).removeprefix(f"{ROOT}/DataCustodian/espi/1_1"))
        self.tokens.append(request.headers["authorization"])
        for path, response in self.rules:
            if request.url.path.endswith(path):
                return httpx2.Response(
                    response.status_code, content=response.content, headers=response.headers
                )
        return httpx2.Response(404)


def always(status: int, **options: Any) -> Handler:
    return lambda _: httpx2.Response(status, **options)


def feed(*ids: str, kind: str, following: str = "") -> httpx2.Response:
    link = f'<link rel="next" href="{following}"/>' if following else ""
    entries = "".join(f'<entry><link rel="self" href="/x/{kind}/{i}"/></entry>' for i in ids)
    body = f'<feed xmlns="http://www.w3.org/2005/Atom">{link}{entries}</feed>'
    return httpx2.Response(200, content=body, headers={"Content-Type": "application/atom+xml"})


def test_usage_asks_in_whole_seconds_of_utc(client: Open) -> None:
    custodian = Custodian(("/Subscription/5", httpx2.Response(200, content=b"<feed/>")))
    zone = ZoneInfo("America/Los_Angeles")
    start = datetime(2026, 3, 1, 0, 0, 0, 999_999, tzinfo=zone)

    outcomes = list(
        client(custodian).usage(SUBSCRIPTION, start, datetime(2026, 3, 8, tzinfo=zone), now=NOW)
    )

    query = "published-min=2026-03-01T08%3A00%3A00Z&published-max=2026-03-08T08%3A00%3A00Z"
    assert custodian.asked == [f"/resource/Batch/Subscription/5?{query}"]
    assert custodian.tokens == ["Bearer acc3ss"]
    (outcome,) = outcomes
    assert isinstance(outcome, Payload)
    assert outcome.raw.content == b"<feed/>"
    assert "published-min=2026-03-01" in outcome.raw.url


def test_an_end_to_come_is_clamped_to_now(client: Open) -> None:
    custodian = Custodian(("/Subscription/5", httpx2.Response(204)))

    list(client(custodian).usage(SUBSCRIPTION, START, NOW + timedelta(days=9), now=NOW))

    assert custodian.asked[0].endswith("published-max=2026-03-10T12%3A00%3A00Z")


def test_a_range_to_come_asks_nothing(client: Open) -> None:
    custodian = Custodian()
    later = NOW + timedelta(days=1)

    outcomes = list(
        client(custodian).usage(SUBSCRIPTION, later, later + timedelta(days=1), now=NOW)
    )

    assert outcomes == []
    assert custodian.asked == []


def test_a_long_range_is_asked_for_in_the_profiles_windows(client: Open) -> None:
    custodian = Custodian(("/Subscription/5", httpx2.Response(204)))
    of = replace(PROFILE, request_window_days=31)

    outcomes = list(
        client(custodian, of).usage(SUBSCRIPTION, NOW - timedelta(days=90), NOW, now=NOW)
    )

    assert len(outcomes) == 3
    assert all(isinstance(outcome, Empty) for outcome in outcomes)
    ends = [url.partition("published-max=")[2] for url in custodian.asked]
    starts = [url.partition("published-min=")[2].partition("&")[0] for url in custodian.asked]
    assert ends[:-1] == starts[1:]


def test_nothing_is_asked_beyond_the_utilitys_history(client: Open) -> None:
    custodian = Custodian(("/Subscription/5", httpx2.Response(204)))
    of = replace(PROFILE, history_limit_days=30)

    list(client(custodian, of).usage(SUBSCRIPTION, NOW - timedelta(days=3650), END, now=NOW))

    assert custodian.asked[0].startswith("/resource/Batch/Subscription/5?published-min=2026-02-08")


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (END, START),
        (START, START),
        (START.replace(tzinfo=None), END),
        (START, END.replace(tzinfo=None)),
        (datetime(1, 1, 1, tzinfo=ZoneInfo("Asia/Tokyo")), END),
        (datetime(1900, 1, 1, tzinfo=UTC), END),
    ],
)
def test_a_range_that_makes_no_sense_asks_nothing(
    client: Open, start: datetime, end: datetime
) -> None:
    custodian = Custodian()

    with pytest.raises(InvalidInput):
        list(client(custodian).usage(SUBSCRIPTION, start, end, now=NOW))

    assert custodian.asked == []


def test_accepted_keeps_what_the_notification_will_be_matched_with(client: Open) -> None:
    headers = {
        "Retry-After": "60",
        "Location": f"{RESOURCE}/Batch/Bulk/9?token=hidden&x=1",
        "x-transaction": "t-1",
    }

    (outcome,) = client(always(202, headers=headers)).usage(SUBSCRIPTION, START, END, now=NOW)

    assert isinstance(outcome, Accepted)
    assert outcome.request_url.startswith(SUBSCRIPTION)
    assert outcome.location == f"{RESOURCE}/Batch/Bulk/9?x=1"
    assert outcome.retry_after == timedelta(seconds=60)
    assert outcome.transaction_id == "t-1"


def test_an_identical_batch_under_way_counts_as_accepted(client: Open) -> None:
    body = b"An Unprocessed batch request for the same resource already exists"

    outcome = client(always(400, content=body)).resource(SUBSCRIPTION)

    assert isinstance(outcome, Accepted)
    assert outcome.retry_after is None


@pytest.mark.parametrize(
    ("status", "content", "kind"),
    [
        (400, b"bad date s3cret", ContractViolation),
        (400, b"Invalid Certificate", ClientCredentialsRejected),
        (401, b"", AccessTokenRejected),
        (403, b"", AccessTokenRejected),
        (404, b"No listener", ResourceMissing),
        (429, b"", ProviderThrottled),
        (500, b"", ProviderUnavailable),
        (206, b"half", ContractViolation),
        (302, b"", ContractViolation),
    ],
)
def test_any_other_answer_says_who_acts(
    client: Open, status: int, content: bytes, kind: type[DCarbonError]
) -> None:
    with pytest.raises(kind) as caught:
        client(always(status, content=content)).resource(SUBSCRIPTION)

    assert type(caught.value) is kind
    assert "s3cret" not in str(caught.value)


def test_a_refused_token_ends_with_the_customer_and_our_own_with_an_administrator() -> None:
    assert issubclass(AccessTokenRejected, ReauthorizationRequired)
    assert issubclass(ClientTokenRejected, ClientCredentialsRejected)


def test_our_own_token_opens_authorizations_status_and_bulk(client: Open) -> None:
    ok = httpx2.Response(200, content=b"<x/>")
    custodian = Custodian(("/Authorization/5", ok), ("/ReadServiceStatus", ok), ("/Bulk/9", ok))
    green_button, ours = client(custodian), Secret("cl1ent")

    green_button.authorization(f"{RESOURCE}/Authorization/5", ours)
    green_button.service_status(ours)
    green_button.bulk(f"{RESOURCE}/Batch/Bulk/9", ours)

    assert custodian.tokens == ["Bearer cl1ent"] * 3
    assert custodian.asked[1] == "/resource/ReadServiceStatus"


def test_our_own_refused_token_is_told_apart(client: Open) -> None:
    with pytest.raises(ClientTokenRejected):
        client(always(403)).service_status(Secret("cl1ent"))


def test_customer_data_come_with_the_customers_token(client: Open) -> None:
    custodian = Custodian(("/RetailCustomer/5", httpx2.Response(200, content=b"<x/>")))

    outcome = client(custodian).customer(f"{RESOURCE}/Batch/RetailCustomer/5")

    assert isinstance(outcome, Payload)
    assert custodian.tokens == ["Bearer acc3ss"]


def test_next_links_are_followed_as_they_are(client: Open) -> None:
    first = feed(
        "1", kind="UsagePoint", following="/sce/DataCustodian/espi/1_1/resource/p2?c=a%2Fb"
    )
    second = feed("2", kind="UsagePoint")
    custodian = Custodian(("/Subscription/5", first), ("/p2", second))

    outcomes = list(client(custodian).usage(SUBSCRIPTION, START, END, now=NOW))

    assert len(outcomes) == 2
    assert custodian.asked[1] == "/resource/p2?c=a%2Fb"


def test_a_next_link_elsewhere_is_refused_after_the_page_was_given(client: Open) -> None:
    page = feed("1", kind="UsagePoint", following="https://evil.example/p2")
    custodian = Custodian(("/Subscription/5", page))
    outcomes = client(custodian).usage(SUBSCRIPTION, START, END, now=NOW)

    assert isinstance(next(outcomes), Payload)
    with pytest.raises(ContractViolation):
        next(outcomes)
    assert len(custodian.asked) == 1


def test_next_links_in_a_circle_end(client: Open) -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        there = "b" if request.url.path.endswith("/a") else "a"
        return feed(there, kind="UsagePoint", following=f"{RESOURCE}/{there}")

    assert len(list(client(handler).usage(SUBSCRIPTION, START, END, now=NOW))) == 3


def test_pages_are_counted_where_the_profile_says(client: Open) -> None:
    asked: list[tuple[str, str]] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        query = request.url.params
        asked.append((query["start-index"], query["max-results"]))
        assert "published-min" in query
        first = int(query["start-index"])
        return feed(*(str(n) for n in range(first, min(first + 2, 6))), kind="UsagePoint")

    of = replace(PROFILE, page_size=2)
    outcomes = list(client(handler, of).usage(SUBSCRIPTION, START, END, now=NOW))

    assert asked == [("1", "2"), ("3", "2"), ("5", "2")]
    assert len(outcomes) == 3


def test_a_custodian_that_ignores_page_numbers_does_not_loop(client: Open) -> None:
    custodian = Custodian(("/Subscription/5", feed("1", "2", kind="UsagePoint")))
    of = replace(PROFILE, page_size=2)

    list(client(custodian, of).usage(SUBSCRIPTION, START, END, now=NOW))

    assert len(custodian.asked) == 2


def test_a_broken_page_is_given_as_it_came(client: Open) -> None:
    broken = b'<feed><link rel="next" href='

    (outcome,) = client(always(200, content=broken)).usage(SUBSCRIPTION, START, END, now=NOW)

    assert isinstance(outcome, Payload)
    assert outcome.raw.content == broken


def test_a_walk_reaches_the_readings_without_a_batch(client: Open) -> None:
    custodian = Custodian(
        ("/Subscription/5/UsagePoint", feed("A", kind="UsagePoint")),
        ("/UsagePoint/A/MeterReading", feed("1", "19", kind="MeterReading")),
        ("/IntervalBlock", feed("9", kind="IntervalBlock")),
        ("/ReadingType", feed("t", kind="ReadingType")),
    )

    outcomes = list(client(custodian).walk(SUBSCRIPTION, START, END, now=NOW))

    paths = [url.partition("?")[0].removeprefix("/resource") for url in custodian.asked]
    assert paths == [
        "/Subscription/5/UsagePoint",
        "/ReadingType",
        "/LocalTimeParameters",
        "/Subscription/5/UsagePoint/A/MeterReading",
        "/Subscription/5/UsagePoint/A/MeterReading/1/IntervalBlock",
        "/Subscription/5/UsagePoint/A/MeterReading/19/IntervalBlock",
    ]
    assert len(outcomes) == 5
    assert "published-min" in custodian.asked[4]


def test_a_walk_takes_a_usage_points_batch_where_that_answers_at_once(client: Open) -> None:
    of = replace(PROFILE, quirks=PROFILE.quirks | {Quirk.USAGE_POINT_BATCH_AT_ONCE})
    custodian = Custodian(
        ("/Subscription/5/UsagePoint", feed("A", "B", kind="UsagePoint")),
        ("/Batch/Subscription/5/UsagePoint/A", feed("9", kind="IntervalBlock")),
        ("/Batch/Subscription/5/UsagePoint/B", httpx2.Response(202)),
        ("/UsagePoint/B/MeterReading", feed("1", kind="MeterReading")),
        ("/IntervalBlock", httpx2.Response(204)),
    )

    outcomes = list(client(custodian, of).walk(SUBSCRIPTION, START, END, now=NOW))

    paths = [url.partition("?")[0] for url in custodian.asked]
    assert "/resource/Subscription/5/UsagePoint/A/MeterReading" not in paths
    assert "/resource/Subscription/5/UsagePoint/B/MeterReading/1/IntervalBlock" in paths
    assert [type(outcome) for outcome in outcomes] == [Payload, Payload, Payload, Empty]


@pytest.mark.parametrize(
    ("batch", "shared"),
    [
        ("<IntervalBlock/><ReadingType/><LocalTimeParameters/>", []),
        ("<IntervalBlock/>", ["/ReadingType", "/LocalTimeParameters"]),
        ("<UsagePoint/>", []),
    ],
    ids=["whole", "blocks_alone", "without_readings"],
)
def test_a_walk_asks_for_what_a_batch_leaves_out_before_it_is_read(
    client: Open, batch: str, shared: list[str]
) -> None:
    of = replace(PROFILE, quirks=PROFILE.quirks | {Quirk.USAGE_POINT_BATCH_AT_ONCE})
    custodian = Custodian(
        ("/Subscription/5/UsagePoint", feed("A", kind="UsagePoint")),
        ("/Batch/Subscription/5/UsagePoint/A", httpx2.Response(200, content=f"<a>{batch}</a>")),
        ("/ReadingType", feed("t", kind="ReadingType")),
        ("/LocalTimeParameters", feed("l", kind="LocalTimeParameters")),
    )

    outcomes = list(client(custodian, of).walk(SUBSCRIPTION, START, END, now=NOW))

    given = [one.raw.url for one in outcomes if isinstance(one, Payload)]
    paths = [url.partition("?")[0].removeprefix(RESOURCE) for url in given]
    point = "/Subscription/5/UsagePoint"
    assert paths == [point, *shared, f"/Batch{point}/A"]


def test_a_walk_needs_a_subscription(client: Open) -> None:
    with pytest.raises(ContractViolation):
        list(client(Custodian()).walk(f"{RESOURCE}/Batch/Bulk/9", START, END, now=NOW))


def test_a_foreign_subscription_gets_no_token(client: Open) -> None:
    custodian = Custodian()

    with pytest.raises(ContractViolation):
        list(client(custodian).usage("https://evil.example/Subscription/5", START, END, now=NOW))

    assert custodian.asked == []


def test_the_client_does_not_show_its_token(client: Open) -> None:
    assert "acc3ss" not in repr(client(Custodian()))
