"""A custodian of tokens that answers what a test prepares, and a client for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import httpx2

from dcarbon.domain.secrets import Secret
from dcarbon.providers.green_button.oauth import (
    OAuthClient,
)
from dcarbon.providers.profiles import (
    ProviderCredentials,
    profile,
    with_overrides,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ROOT = "https://utility.example/sce"
RESOURCE = f"{ROOT}/DataCustodian/espi/1_1/resource"
PROFILE = with_overrides(
    profile("sce"), {"base_url": ROOT, "scope": "FB=4_5;HistoryLength=94608000"}
)
PGE = with_overrides(profile("pge"), {"base_url": "https://utility.example/pge"})
CREDENTIALS = ProviderCredentials(client_id="our-id", client_secret=Secret("our-s3cret"))
TOKENS: dict[str, Any] = {
    "access_token": "acc3ss",
    "token_type": "Bearer",
    "expires_in": 3600,
    "refresh_token": "r3fresh",
    "scope": "FB=4_5",
    "resourceURI": f"{RESOURCE}/Batch/Subscription/5",
    "authorizationURI": f"{RESOURCE}/Authorization/5",
    "customerResourceURI": f"{RESOURCE}/Batch/RetailCustomer/5",
}
Handler = Callable[[httpx2.Request], httpx2.Response]


class Custodian:
    """Records requests and gives one prepared answer."""

    def __init__(self, status: int = 200, **answer: Any) -> None:
        self.status, self.answer = status, answer or {"json": TOKENS}
        self.requests: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        return httpx2.Response(self.status, **self.answer)

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.requests[-1].content.decode(), keep_blank_values=True))


Open = Callable[..., OAuthClient]


def exchange(oauth: OAuthClient, **options: Any) -> Any:
    return oauth.exchange_code(
        Secret("c0de"), redirect_uri="https://us.example/cb", now=NOW, **options
    )
