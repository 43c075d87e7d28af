"""Utilities are data: their numbers, and what settings may overrule."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from dcarbon.domain.errors import InvalidInput, SettingsInvalid
from dcarbon.domain.secrets import Secret
from dcarbon.providers.green_button.scope import parse_scope
from dcarbon.providers.limits import RateLimits
from dcarbon.providers.profiles import (
    PROFILES,
    UTILITYAPI_UTILITIES,
    ClientAuth,
    Method,
    ProviderCredentials,
    Quirk,
    TokenStyle,
    UtilityProfile,
    profile,
    with_overrides,
)
from dcarbon.providers.transport import Transport

SANDBOX = "https://127.0.0.1:8443"


def test_every_field_named_unconfirmed_exists() -> None:
    fields = {field.name for field in dataclasses.fields(UtilityProfile)}

    assert all(each.unconfirmed <= fields for each in PROFILES.values())
    assert all(each.sources for each in PROFILES.values())


def test_pge_has_the_numbers_it_publishes() -> None:
    pge = profile("pge")

    assert pge.limits == RateLimits(per_second=1, per_hour=2_000, per_day=20_000)
    assert pge.history_limit_days == 1461
    assert (pge.access_token_life_s, pge.refresh_token_life_days) == (3600, 365)
    assert pge.needs_client_certificate
    assert not pge.sends_scope
    assert pge.client_auth is ClientAuth.BASIC
    assert pge.token_style is TokenStyle.BODY


@pytest.mark.parametrize("key", ["sce", "sdge"])
def test_undisclosed_endpoints_are_marked_and_lead_nowhere(key: str) -> None:
    unknown = profile(key)

    assert {"authorize_url", "token_url", "resource_url", "limits"} <= unknown.unconfirmed
    assert all(f"{key}.invalid/" in url for url in unknown.fetched_urls())


@pytest.mark.parametrize("key", ["sce", "sdge"])
def test_the_scope_asked_for_fits_the_schema_and_covers_what_we_read(key: str) -> None:
    scope = parse_scope(profile(key).scope)

    assert len(scope.text) <= 256
    assert scope.covers_intervals()
    assert scope.covers_customer()


def test_a_base_url_moves_every_endpoint_and_keeps_its_path() -> None:
    moved = with_overrides(profile("pge"), {"base_url": f"{SANDBOX}/pge"})

    assert moved.authorize_url == f"{SANDBOX}/pge/myAuthorization"
    assert moved.token_url == f"{SANDBOX}/pge/datacustodian/oauth/v2/token"
    assert moved.resource_url == f"{SANDBOX}/pge/GreenButtonConnect/espi/1_1/resource"
    assert moved.revoke_url is None


def test_the_placeholders_of_sce_follow_a_base_url_and_become_confirmed() -> None:
    moved = with_overrides(profile("sce"), {"base_url": f"{SANDBOX}/sce/"})

    assert moved.authorize_url == f"{SANDBOX}/sce/DataCustodian/oauth/authorize"
    assert moved.token_url == f"{SANDBOX}/sce/DataCustodian/oauth/token"
    assert moved.resource_url == f"{SANDBOX}/sce/DataCustodian/espi/1_1/resource"
    assert "token_url" not in moved.unconfirmed
    assert "scope" in moved.unconfirmed


def test_a_single_endpoint_overrules_the_base_url() -> None:
    page = "http://127.0.0.1:8080/pge/myAuthorization"

    moved = with_overrides(profile("pge"), {"authorize_url": page, "base_url": f"{SANDBOX}/pge"})

    assert moved.authorize_url == page
    assert moved.token_url == f"{SANDBOX}/pge/datacustodian/oauth/v2/token"
    assert page not in moved.fetched_urls()


def test_the_utilityapi_base_moves_too() -> None:
    moved = with_overrides(profile("utilityapi"), {"base_url": f"{SANDBOX}/utilityapi"})

    assert moved.resource_url == f"{SANDBOX}/utilityapi/api/v2"
    assert moved.fetched_urls() == (moved.resource_url,)


def test_every_kind_of_field_can_be_overruled() -> None:
    changed = with_overrides(
        profile("sdge"),
        {
            "scope": "FB=4_5",
            "token_style": "query",
            "client_auth": "client_secret_post",
            "accepts_pkce": "yes",
            "needs_client_certificate": "false",
            "per_second": "5",
            "per_hour": "",
            "page_size": "50",
            "revoke_url": "https://sdge.example/revoke",
            "time_zone": "America/Denver",
            "quirks": "empty_is_204, batch_answered_later",
        },
    )

    assert (changed.scope, changed.token_style) == ("FB=4_5", TokenStyle.QUERY)
    assert (changed.client_auth, changed.accepts_pkce) == (ClientAuth.POST, True)
    assert changed.limits == RateLimits(per_second=5)
    assert (changed.page_size, changed.time_zone) == (50, "America/Denver")
    assert changed.revoke_url == "https://sdge.example/revoke"
    assert changed.quirks == {Quirk.EMPTY_IS_204, Quirk.BATCH_ANSWERED_LATER}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("base_url", "http://127.0.0.1:8080/pge"),
        ("base_url", "nowhere"),
        ("token_url", "http://127.0.0.1/token"),
        ("token_url", ""),
        ("authorize_url", "http://utility.example/authorize"),
        ("authorize_url", "javascript:alert(1)"),
        ("resource_url", "https://user:word@utility.example/resource"),
        ("resource_url", "https://utility.example:99999999/x"),
        ("scope", "FB=4 FB=5"),
        ("scope", "x" * 257),
        ("accepts_pkce", "perhaps"),
        ("per_second", "0"),
        ("per_second", "-1"),
        ("page_size", "ten"),
        ("time_zone", "America/Nowhere"),
        ("time_zone", "../../etc/passwd"),
        ("quirks", "unheard_of"),
        ("token_style", "header"),
        ("key", "other"),
        ("method", "utilityapi"),
        ("unconfirmed", ""),
        ("no_such_field", "1"),
    ],
)
def test_a_bad_override_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        with_overrides(profile("pge"), {name: value})

    assert name in caught.value.display_message


def test_an_unknown_utility_is_an_input_error() -> None:
    with pytest.raises(InvalidInput):
        profile("nowhere")


def test_the_stories_words_name_the_methods() -> None:
    assert {each.method for each in PROFILES.values()} == {Method.GREEN_BUTTON, Method.UTILITYAPI}
    assert {PROFILES[key].method.value for key in ("pge", "sce", "sdge")} == {"green_button"}


def test_the_list_of_utility_codes_holds_codes_with_an_ampersand() -> None:
    assert {"PG&E", "SDG&E", "SCE", "DEMO"} <= set(UTILITYAPI_UTILITIES)
    assert len(UTILITYAPI_UTILITIES) == len(set(UTILITYAPI_UTILITIES))


def test_credentials_do_not_show_their_secrets() -> None:
    credentials = ProviderCredentials(client_id="us", client_secret=Secret("hidden-1"))

    assert "hidden-1" not in repr(credentials)


def test_an_unreadable_certificate_is_a_setting_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid):
        Transport("https://x.example", client_certificate=tmp_path / "absent.pem")
