"""The small resources: authorization, registration, service status and notification."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from dcarbon.domain.errors import UnreadablePayload
from dcarbon.providers.green_button import espi
from tests.unit.providers.green_button.espi.writing import ESPI


def test_milliseconds_of_pge_become_seconds(samples: Path) -> None:
    consent = espi.parse_authorization((samples / "pge-authorization.xml").read_bytes())

    assert consent.status == 1
    assert consent.expires_at == datetime.fromtimestamp(1440670029, UTC)
    assert consent.authorized_period is not None
    assert consent.authorized_period.start == datetime.fromtimestamp(1440585200, UTC)
    assert consent.authorized_period.duration_s == 251_963_658_000
    assert consent.resource_uri is not None
    assert consent.resource_uri.endswith("/Subscription/0")
    assert consent.scope is not None
    assert consent.scope.endswith(";")
    assert consent.grant_type is None


def test_an_authorization_of_version_four_has_a_customer_resource(samples: Path) -> None:
    consent = espi.parse_authorization((samples / "gba-authorization-entry.xml").read_bytes())

    assert (consent.status, consent.token_type) == (1, "Bearer")
    assert consent.authorization_uri is not None
    assert consent.customer_resource_uri is not None
    assert consent.customer_resource_uri.endswith("/Batch/RetailCustomer/test-customer-id")


def test_a_feed_of_authorizations_is_read_in_order(samples: Path) -> None:
    content = (samples / "gba-authorization-feed.xml").read_bytes()

    assert len(espi.parse_authorizations(content)) == 2
    with pytest.raises(UnreadablePayload) as refusal:
        espi.parse_authorization(content)
    assert refusal.value.code == "not_one_authorization"


def test_a_registration_is_read_without_its_secrets(samples: Path) -> None:
    content = (samples / "gba-application-information-entry.xml").read_bytes()

    information = espi.parse_application_information(content)

    assert len(information.grant_types) == 3
    assert len(information.redirect_uris) == 1
    assert information.scopes == (
        "FB=1_3_4_5_13_15_16_28_31_37_39_51_53_54_55_56_57_58_59_60_61_64_65_69",
    )
    assert "test-client-secret" not in repr(information)
    assert "test-access-token" not in repr(information)


@pytest.mark.parametrize(("text", "status"), [("1", 1), ("0", 0), ("up", None)])
def test_a_service_status_is_a_bare_document(text: str, status: int | None) -> None:
    content = f'<ServiceStatus xmlns="{ESPI}"><currentStatus>{text}</currentStatus></ServiceStatus>'

    assert espi.parse_service_status(content.encode()) == status


def test_a_notification_lists_its_resources_unescaped() -> None:
    content = (
        f'<ns0:BatchList xmlns:ns0="{ESPI}">'
        "<ns0:resources>https://a.example/Batch/Bulk/1?correlationID=2&amp;x=1</ns0:resources>"
        "<ns0:resources> https://a.example/Batch/Bulk/2 </ns0:resources>"
        "<ns0:resources/></ns0:BatchList>"
    )

    assert espi.parse_batch_list(content.encode()) == (
        "https://a.example/Batch/Bulk/1?correlationID=2&x=1",
        "https://a.example/Batch/Bulk/2",
    )


def test_a_notification_that_is_something_else_is_refused() -> None:
    with pytest.raises(UnreadablePayload) as refusal:
        espi.parse_batch_list(f'<UsagePoint xmlns="{ESPI}"/>'.encode())

    assert refusal.value.code == "not_one_batch_list"
