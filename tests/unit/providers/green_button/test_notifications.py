"""Anybody can post a notification: only addresses of known custodians are looked at."""

from __future__ import annotations

import pytest

from dcarbon.providers.green_button.notifications import NoticeKind, accept

RESOURCE = "https://api.utility.example/GreenButtonConnect/espi/1_1/resource"


def test_known_addresses_are_kept_with_what_they_are_about() -> None:
    uris = [
        f"{RESOURCE}/Batch/Subscription/5?published-min=2026-01-01T00:00:00Z",
        f"{RESOURCE}/Batch/Bulk/9?correlationID=ab",
        f"{RESOURCE}/Batch/RetailCustomer/5",
        f"{RESOURCE}/Authorization/5",
        f"{RESOURCE}/ApplicationInformation/1",
        f"{RESOURCE}/Batch/Subscription/5/UsagePoint/7",
    ]

    notices = accept(uris, prefixes=[RESOURCE])

    assert notices.refused == 0
    assert [notice.kind for notice in notices.kept] == [
        NoticeKind.SUBSCRIPTION,
        NoticeKind.BULK,
        NoticeKind.RETAIL_CUSTOMER,
        NoticeKind.AUTHORIZATION,
        NoticeKind.APPLICATION_INFORMATION,
        NoticeKind.SUBSCRIPTION,
    ]
    assert notices.kept[0].resource_uri == f"{RESOURCE}/Batch/Subscription/5"
    assert notices.kept[0].uri == uris[0]


@pytest.mark.parametrize(
    "uri",
    [
        "http://api.utility.example/GreenButtonConnect/espi/1_1/resource/Batch/Subscription/5",
        "sftp://api.utility.example/GreenButtonConnect/espi/1_1/resource/x",
        "https://evil.example/GreenButtonConnect/espi/1_1/resource/Batch/Subscription/5",
        "https://api.utility.example:444/GreenButtonConnect/espi/1_1/resource/x",
        "https://api.utility.example/other",
        "https://api.utility.example/GreenButtonConnect/espi/1_1/resource-of-others/x",
        f"{RESOURCE}/../../admin",
        f"{RESOURCE}/%2e%2E/admin",
        f"{RESOURCE}/x%2f..%2fadmin",
        f"{RESOURCE}//evil.example",
        f"{RESOURCE}/x#fragment",
        f"{RESOURCE}\\@evil.example",
        "https://api.utility.example@evil.example/GreenButtonConnect/espi/1_1/resource/x",
        f"https://user@api.utility.example{RESOURCE.removeprefix('https://api.utility.example')}/x",
        f"{RESOURCE}/a b",
        f"{RESOURCE}/{'x' * 3000}",
        "https://[::1/x",
        "https://api.utility.example:port/x",
        "",
    ],
)
def test_any_other_address_is_refused(uri: str) -> None:
    notices = accept([uri], prefixes=[RESOURCE])

    assert notices.kept == ()
    assert notices.refused == 1


def test_an_address_is_kept_once_and_the_number_is_capped() -> None:
    uris = [f"{RESOURCE}/Batch/Subscription/{n}" for n in (1, 1, 2, 3, 2)]

    notices = accept(uris, prefixes=[RESOURCE], limit=2)

    assert [notice.uri[-1] for notice in notices.kept] == ["1", "2"]
    assert notices.refused == 1


def test_a_grants_own_addresses_serve_as_prefixes() -> None:
    mine = f"{RESOURCE}/Batch/Subscription/5"

    notices = accept([f"{mine}?x=1", f"{RESOURCE}/Batch/Subscription/55"], prefixes=[mine])

    assert [notice.resource_uri for notice in notices.kept] == [mine]
