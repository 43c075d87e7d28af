"""Authorization, ApplicationInformation, ServiceStatus and BatchList: the small resources.

Secrets an ApplicationInformation carries (client secret, registration token) are not read at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from dcarbon.providers.green_button.espi.names import espi
from dcarbon.providers.green_button.espi.numbers import integer, moment, rough_seconds
from dcarbon.providers.green_button.espi.usage import child_text

REVOKED, ACTIVE, DENIED = 0, 1, 2
"""Authorization status."""
UNAVAILABLE, NORMAL = 0, 1
"""ServiceStatus."""


@dataclass(frozen=True, slots=True)
class Period:
    """``[start, start + duration_s)``; PG&E writes both in milliseconds (reference 4.7)."""

    start: datetime
    duration_s: int


@dataclass(frozen=True, slots=True)
class Authorization:
    """What the custodian says about one consent. Times are UTC."""

    status: int | None
    expires_at: datetime | None
    """Expiry of the access token, not of the consent."""
    scope: str | None
    token_type: str | None
    grant_type: str | None
    resource_uri: str | None
    authorization_uri: str | None
    customer_resource_uri: str | None
    authorized_period: Period | None
    """When requests are allowed."""
    published_period: Period | None
    """Which data, by publication, may be read."""
    error: str | None


@dataclass(frozen=True, slots=True)
class ApplicationInformation:
    """Our registration as the custodian keeps it, without its secrets."""

    client_id: str | None
    client_name: str | None
    scopes: tuple[str, ...]
    grant_types: tuple[str, ...]
    redirect_uris: tuple[str, ...]
    authorization_endpoint: str | None
    token_endpoint: str | None
    resource_endpoint: str | None
    notify_uri: str | None
    data_custodian_id: str | None
    third_party_status: str | None


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    current_status: int | None


@dataclass(frozen=True, slots=True)
class BatchList:
    """URIs a notification says are ready; hints to be checked, never to be followed blindly."""

    resources: tuple[str, ...]


def authorization(element: etree._Element) -> Authorization:
    """Read an Authorization (reference 4.7)."""
    return Authorization(
        status=integer(child_text(element, "status")),
        expires_at=moment(integer(child_text(element, "expires_at"))),
        scope=child_text(element, "scope"),
        token_type=child_text(element, "token_type"),
        grant_type=child_text(element, "grant_type"),
        resource_uri=child_text(element, "resourceURI"),
        authorization_uri=child_text(element, "authorizationURI"),
        customer_resource_uri=child_text(element, "customerResourceURI"),
        authorized_period=_period(element.find(espi("authorizedPeriod"))),
        published_period=_period(element.find(espi("publishedPeriod"))),
        error=child_text(element, "error"),
    )


def application_information(element: etree._Element) -> ApplicationInformation:
    """Read an ApplicationInformation of any version; what an old one lacks is ``None``."""
    return ApplicationInformation(
        client_id=child_text(element, "client_id"),
        client_name=child_text(element, "client_name"),
        scopes=_texts(element, "scope"),
        grant_types=_texts(element, "grant_types"),
        redirect_uris=_texts(element, "redirect_uri"),
        authorization_endpoint=child_text(element, "authorizationServerAuthorizationEndpoint"),
        token_endpoint=child_text(element, "authorizationServerTokenEndpoint"),
        resource_endpoint=child_text(element, "dataCustodianResourceEndpoint"),
        notify_uri=child_text(element, "thirdPartyNotifyUri"),
        data_custodian_id=child_text(element, "dataCustodianId"),
        third_party_status=child_text(element, "thirdPartyApplicationStatus"),
    )


def service_status(element: etree._Element) -> ServiceStatus:
    """Read a ServiceStatus: 1 is normal, 0 unavailable (reference 4.6)."""
    return ServiceStatus(integer(child_text(element, "currentStatus")))


def batch_list(element: etree._Element) -> BatchList:
    """Read a BatchList, the body of a notification (reference 4.5)."""
    return BatchList(_texts(element, "resources"))


def _period(element: etree._Element | None) -> Period | None:
    start = moment(integer(child_text(element, "start")))
    duration = rough_seconds(integer(child_text(element, "duration")))
    return None if start is None or duration is None else Period(start, duration)


def _texts(element: etree._Element, name: str) -> tuple[str, ...]:
    found = ((child.text or "").strip() for child in element.iterchildren(espi(name)))
    return tuple(text for text in found if text)
