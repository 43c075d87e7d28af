"""Settings that contradict each other and files that are not as they should be are named."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from dcarbon import settings
from dcarbon.db.sealing import KeyRing
from dcarbon.domain.errors import SettingsInvalid
from dcarbon.domain.system_words import State
from dcarbon.services.doctor import given, inside
from dcarbon.services.system_checks import Finding
from dcarbon.settings import Settings

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
OWN = {"DCARBON_DATABASE_URL": "postgresql://app:hidden@db.example.test/dcarbon"}
HTTPS = {"DCARBON_PUBLIC_URL": "https://dcarbon.example.test", "DCARBON_TRUSTED_PROXIES": "1"}
SCE = {
    "DCARBON_PROVIDERS__SCE__CLIENT_ID": "client",
    "DCARBON_PROVIDERS__SCE__CLIENT_SECRET": "hidden",
}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def said(found: Iterable[Finding]) -> dict[str, State]:
    """Return what was found by code, after every sentence was made once."""
    findings = list(found)
    assert not any("hidden" in finding.text.message for finding in findings)
    assert not any("{" in finding.text.message for finding in findings)
    return {finding.code: finding.state for finding in findings}


def of(environ: dict[str, str]) -> dict[str, State]:
    return said(given.of_settings(settings.load(environ)))


@pytest.mark.parametrize("environ", [{}, OWN | HTTPS, {"DCARBON_WEB_PORT": "8001"}], ids=str)
def test_settings_that_fit_are_said_once(environ: dict[str, str]) -> None:
    assert of(environ) == {"settings_good": State.GOOD}


CASES: list[tuple[dict[str, str], dict[str, State]]] = [
    (
        {"DCARBON_OWNER_DATABASE_URL": OWN["DCARBON_DATABASE_URL"]},
        {"settings_owner_alone": State.WRONG},
    ),
    (
        OWN | HTTPS | {"DCARBON_OWNER_DATABASE_URL": "postgresql://o:hidden@db.example.test/other"},
        {"settings_two_databases": State.WRONG},
    ),
    (
        OWN
        | HTTPS
        | {"DCARBON_OWNER_DATABASE_URL": "postgresql://o:hidden@db.example.test:5432/dcarbon"},
        {"settings_good": State.GOOD},
    ),
    (OWN, {"settings_address_default": State.WATCH}),
    (
        {"DCARBON_SEAL_KEYS": "a:hidden", "DCARBON_SEAL_KEYS_FILE": "keys"},
        {"settings_two_rings": State.WATCH},
    ),
    ({"DCARBON_MAIL_HOST": "mail.example.test"}, {"settings_sender": State.WRONG}),
    (
        {
            "DCARBON_MAIL_HOST": "mail.example.test",
            "DCARBON_MAIL_FROM": "a@example.test",
            "DCARBON_MAIL_PASSWORD": "hidden",
            "DCARBON_MAIL_PORT": "465",
        },
        {"settings_mail_login": State.WRONG, "settings_mail_port": State.WATCH},
    ),
    ({"DCARBON_PUBLIC_URL": "dcarbon.example.test"}, {"settings_address": State.WRONG}),
    ({"DCARBON_PUBLIC_URL": "https://x.example.test/app"}, {"settings_address": State.WRONG}),
    ({"DCARBON_PUBLIC_URL": "https://x.example.test:none"}, {"settings_address": State.WRONG}),
    ({"DCARBON_PUBLIC_URL": "http://x.example.test"}, {"address_plain": State.WRONG}),
    ({"DCARBON_PUBLIC_URL": "https://x.example.test"}, {"settings_proxy": State.WATCH}),
    ({"DCARBON_SESSION_IDLE_HOURS": "721"}, {"settings_sessions": State.WATCH}),
    ({"DCARBON_OVERLAP_DAYS": "36"}, {"settings_overlap": State.WATCH}),
    (SCE, {"settings_half_registration": State.WRONG}),
    (
        SCE | {"DCARBON_PROVIDERS__SCE__CLIENT_KEY": "key.pem"},
        {"settings_half_certificate": State.WRONG},
    ),
    (
        {"DCARBON_PROVIDERS__PGE__OVERRIDES__SPEED": "1"},
        {"settings_wrong": State.WRONG},
    ),
    ({"DCARBON_PROVIDERS__ACME__CLIENT_ID": "x"}, {"settings_wrong": State.WRONG}),
]


@pytest.mark.parametrize(("environ", "expected"), CASES, ids=str)
def test_a_contradiction_is_named(environ: dict[str, str], expected: dict[str, State]) -> None:
    assert of(environ) == expected


def test_settings_that_cannot_be_used_are_said_one_by_one() -> None:
    with pytest.raises(SettingsInvalid) as caught:
        settings.load({"DCARBON_NONSENSE": "hidden", "DCARBON_WEB_PORT": "hidden"})

    found = list(given.of_error(caught.value))

    assert said(found) == {"settings_wrong": State.WRONG, "settings_first": State.WATCH}
    assert [name in found[i].text.message for i, name in enumerate(("WEB_PORT", "NONSENSE"))]


def files(chosen: Settings, environ: dict[str, str] | None = None) -> dict[str, State]:
    return said(given.of_files(chosen, environ or {}, now=NOW))


def loaded(tmp_path: Path, **overrides: Any) -> Settings:
    return settings.load({}, directory=tmp_path, **overrides)


def test_a_key_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "own.keys"
    path.write_text(KeyRing.generate().reveal())
    chosen = loaded(tmp_path, seal_keys_file=path)

    path.chmod(0o640)
    open_to_others = files(chosen)
    path.chmod(0o600)

    assert open_to_others == {"file_open": State.WRONG}
    assert files(chosen) == {"files_good": State.GOOD}


def test_a_file_that_is_named_and_not_there_is_missing(tmp_path: Path) -> None:
    chosen = loaded(tmp_path, mail_ca_file=tmp_path / "none.pem", seal_keys_file=tmp_path / "none")

    assert files(chosen) == {"file_missing": State.WRONG}
    assert files(loaded(tmp_path)) == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('mail_password = "hidden"\n', {"file_open": State.WRONG}),
        ('providers.pge.client_secret = "hidden"\n', {"file_open": State.WRONG}),
        ("web_port = 8001\n", {}),
    ],
)
def test_a_settings_file_with_secrets_is_one_too(
    tmp_path: Path, text: str, expected: dict[str, State]
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(text)
    file.chmod(0o644)

    found = files(loaded(tmp_path), {"DCARBON_SETTINGS_FILE": str(file)})

    assert found == expected


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (-1, {"certificate_ended": State.WRONG}),
        (20, {"certificate_ending": State.WATCH}),
        (22, {"files_good": State.GOOD}),
    ],
)
def test_a_certificate_that_ends_is_said_before(
    tmp_path: Path, days: int, expected: dict[str, State]
) -> None:
    path = tmp_path / "ca.pem"
    path.write_bytes(certificate(ends=NOW + timedelta(days=days)))

    assert files(loaded(tmp_path, mail_ca_file=path)) == expected


def test_a_file_without_a_certificate_is_said(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("hidden")

    assert files(loaded(tmp_path, mail_ca_file=path)) == {"certificate_unreadable": State.WRONG}


def test_looking_at_keys_makes_none(tmp_path: Path) -> None:
    assert said(inside.of_keys(loaded(tmp_path))) == {"keys_not_made": State.GOOD}
    assert list(tmp_path.iterdir()) == []


def test_a_lost_or_unusable_key_is_said(tmp_path: Path) -> None:
    made = tmp_path / "postgresql"
    made.mkdir()
    (made / "PG_VERSION").write_text("18\n")
    own = settings.load(OWN)
    broken = settings.load({"DCARBON_SEAL_KEYS": "hidden"})

    assert said(inside.of_keys(loaded(tmp_path))) == {"keys_absent": State.WRONG}
    assert said(inside.of_keys(own)) == {"keys_absent": State.WRONG}
    assert said(inside.of_keys(broken)) == {"keys_unusable": State.WRONG}


def certificate(*, ends: datetime) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of tests")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(ends - timedelta(days=90))
        .not_valid_after(ends)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(Encoding.PEM)
