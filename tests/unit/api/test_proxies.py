"""Only proxies that are trusted are believed when they say whose request they pass on."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_network
from typing import Any

import pytest

from dcarbon import settings
from dcarbon.domain.errors import SettingsInvalid
from dcarbon_api.security import proxies
from dcarbon_api.security.proxies import RealAddress, Trusted

INNER = Trusted(networks=[ip_network("10.0.0.0/8"), ip_network("fd00::/8")])
FORGED = "192.0.2.66"
"""What the asker wrote into the header."""


def seen(trusted: Trusted, environ: dict[str, str]) -> dict[str, Any]:
    """Return the environment as the application sees it."""
    found: dict[str, Any] = {}

    def app(environ: dict[str, Any], start_response: object) -> Iterable[bytes]:
        found.update(environ)
        return []

    RealAddress(app, trusted)({"wsgi.url_scheme": "http", **environ}, lambda *_: lambda _: None)
    return found


@pytest.mark.parametrize(
    ("trusted", "peer", "said", "address"),
    [
        (Trusted(), "203.0.113.9", FORGED, "203.0.113.9"),
        (Trusted(1), "10.0.0.1", f"{FORGED}, 203.0.113.9", "203.0.113.9"),
        (Trusted(2), "10.0.0.1", f"{FORGED}, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        (Trusted(2), "10.0.0.1", "203.0.113.9", "203.0.113.9"),
        (Trusted(1), "", "203.0.113.9", "203.0.113.9"),  # a local socket
        (INNER, "10.0.0.1", f"{FORGED}, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        (INNER, "203.0.113.9", FORGED, "203.0.113.9"),
        (INNER, "fd00::1", "10.1.1.1", "10.1.1.1"),
        (Trusted(1, INNER.networks), "10.0.0.1", "203.0.113.9, 10.0.0.2", "10.0.0.2"),
        (Trusted(1, INNER.networks), "198.51.100.1", FORGED, "198.51.100.1"),
        (Trusted(1), "10.0.0.1", "203.0.113.9:4711", "203.0.113.9"),
        (Trusted(1), "10.0.0.1", "[2001:db8::7]:4711", "2001:db8::7"),
        (Trusted(1), "10.0.0.1", "2001:DB8:0::7", "2001:db8::7"),
        (Trusted(), "::ffff:203.0.113.9", "", "203.0.113.9"),
        (Trusted(), "fe80::1%eth0", "", "fe80::1"),
        (Trusted(1), "10.0.0.1", "unknown", "10.0.0.1"),
        (Trusted(1), "10.0.0.1", "'; drop table", "10.0.0.1"),
        (Trusted(1), "10.0.0.1", "", "10.0.0.1"),
    ],
)
def test_the_address_is_the_first_that_no_trusted_proxy_stands_for(
    trusted: Trusted, peer: str, said: str, address: str
) -> None:
    found = seen(trusted, {"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": said})

    assert found.get("REMOTE_ADDR") == address


def test_a_socket_without_proxies_has_no_address_at_all() -> None:
    assert "REMOTE_ADDR" not in seen(Trusted(), {"REMOTE_ADDR": ""})


@pytest.mark.parametrize(
    ("peer", "said", "scheme"),
    [
        ("10.0.0.1", "https", "https"),
        ("10.0.0.1", "gopher", "http"),
        ("203.0.113.9", "https", "http"),
    ],
)
def test_the_scheme_is_believed_of_trusted_proxies_only(peer: str, said: str, scheme: str) -> None:
    headers = {"HTTP_X_FORWARDED_FOR": "203.0.113.9", "HTTP_X_FORWARDED_PROTO": said}

    assert seen(INNER, {"REMOTE_ADDR": peer, **headers})["wsgi.url_scheme"] == scheme


def test_networks_come_from_the_settings_with_commas_between() -> None:
    chosen = settings.load({"DCARBON_TRUSTED_NETWORKS": "10.0.0.0/8, 192.0.2.7,fd00::/8"})

    assert [str(one) for one in chosen.trusted_networks] == [
        "10.0.0.0/8",
        "192.0.2.7/32",
        "fd00::/8",
    ]
    with pytest.raises(SettingsInvalid, match="DCARBON_TRUSTED_NETWORKS"):
        settings.load({"DCARBON_TRUSTED_NETWORKS": "the inner ones"})


@pytest.mark.parametrize("text", ["", "a.b.c.d", "1.2.3", "1.2.3.4.5", "[::1", "1.2.3.4:x"])
def test_what_is_no_address_is_none(text: str) -> None:
    assert proxies.read(text) is None
