"""Clients of a custodian, closed afterwards."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from dcarbon.providers.green_button.oauth import OAuthClient
from dcarbon.providers.profiles import ProviderCredentials, UtilityProfile
from dcarbon.providers.transport import Transport
from tests.unit.providers.green_button.custodian import CREDENTIALS, PROFILE, Handler, Open


@pytest.fixture
def client() -> Iterator[Open]:
    opened: list[Transport] = []

    def build(
        handler: Handler,
        *,
        of: UtilityProfile = PROFILE,
        credentials: ProviderCredentials = CREDENTIALS,
    ) -> OAuthClient:
        transport = Transport(
            of.resource_url,
            allowed_origins=of.fetched_urls(),
            transport=httpx2.MockTransport(handler),
        )
        opened.append(transport)
        return OAuthClient(transport, of, credentials)

    yield build
    for transport in opened:
        transport.close()
