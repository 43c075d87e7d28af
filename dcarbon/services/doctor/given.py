"""The settings as they were given: what contradicts what, and the files they name."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from cryptography import x509
from pydantic import BaseModel, SecretStr
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from dcarbon.domain.errors import DCarbonError, SettingsInvalid
from dcarbon.providers.profile import LOOPBACK_HOSTS, Method
from dcarbon.providers.profiles import PROFILES
from dcarbon.providers.registry import ProviderRegistry
from dcarbon.services import live_keys
from dcarbon.services.doctor.findings import good, watch, wrong
from dcarbon.services.system_checks import Finding
from dcarbon.settings import DEFAULT_FILE, FILE_VARIABLE, PREFIX, ProviderSettings, Settings

ENDS_SOON = timedelta(days=21)
_FOR_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_USUAL = {465: "tls", 587: "starttls"}
_CERTIFICATES = ("client_certificate", "ca_file", "mail_ca_file", "oidc_ca_file")


def of_error(error: SettingsInvalid) -> Iterator[Finding]:
    """Say each sentence of settings that cannot be used."""
    for line in error.display_message.splitlines():
        yield wrong("settings", "settings_wrong", said=line)
    yield watch("settings", "settings_first")


def of_settings(settings: Settings) -> Iterator[Finding]:
    """Say what contradicts what; one line when nothing does."""
    found = [
        *_of_databases(settings),
        *_of_mail(settings),
        *_of_address(settings),
        *_of_numbers(settings),
        *_of_providers(settings),
    ]
    if settings.seal_keys and settings.seal_keys_file:
        found.append(watch("settings", "settings_two_rings"))
    yield from found
    if not found:
        yield good("settings", "settings_good", count=len(settings.model_fields_set))


def of_files(settings: Settings, environ: Mapping[str, str], *, now: datetime) -> Iterator[Finding]:
    """Say which files are not there, can be read by others, or hold certificates that end."""
    secret = dict(_secret_files(settings, environ))
    named = {**dict(_named_files(settings)), **secret}
    bad = []
    for name, path in named.items():
        if not os.access(path, os.R_OK) or not path.is_file():
            bad.append(wrong("files", "file_missing", setting=name, path=path))
        elif name in secret and (mode := stat.S_IMODE(path.stat().st_mode)) & _FOR_OTHERS:
            bad.append(wrong("files", "file_open", path=path, mode=f"{mode:04o}"))
        elif name.lower().endswith(_CERTIFICATES):
            bad += _of_certificates(name, path, now=now)
    yield from bad
    if named and not bad:
        yield good("files", "files_good", count=len(named))


def of_certificate_end(
    whose: str, ends: datetime, *, now: datetime, part: str
) -> Iterator[Finding]:
    """Say that a certificate has ended, or will soon."""
    day = f"{ends:%Y-%m-%d}"
    if ends <= now:
        yield wrong(part, "certificate_ended", whose=whose, day=day)
    elif ends - now < ENDS_SOON:
        yield watch(part, "certificate_ending", whose=whose, day=day)


def _of_databases(settings: Settings) -> Iterator[Finding]:
    if settings.owner_database_url is None:
        return
    if settings.database_url is None:
        yield wrong("settings", "settings_owner_alone")
        return
    owner, working = (_place(url) for url in (settings.owner_database_url, settings.database_url))
    if owner and working and owner != working:
        yield wrong("settings", "settings_two_databases", owner=owner, working=working)


def _place(url: SecretStr) -> str | None:
    """Return server and database of an address, without who and how."""
    try:
        parts: URL = make_url(url.get_secret_value())
    except (ArgumentError, ValueError):
        return None
    return f"{parts.host or 'this machine'}:{parts.port or 5432}/{parts.database or ''}"


def _of_mail(settings: Settings) -> Iterator[Finding]:
    if settings.mail_host is None:
        return
    if settings.mail_from is None:
        yield wrong("settings", "settings_sender")
    if bool(settings.mail_username) != bool(settings.mail_password):
        yield wrong("settings", "settings_mail_login")
    usual = _USUAL.get(settings.mail_port or 0, settings.mail_security)
    if usual != settings.mail_security:
        said = {"port": settings.mail_port, "usual": usual, "chosen": settings.mail_security}
        yield watch("settings", "settings_mail_port", **said)


def _of_address(settings: Settings) -> Iterator[Finding]:
    address = _parts(settings.public_url)
    if address is None:
        yield wrong("settings", "settings_address", address=settings.public_url)
        return
    is_set = "public_url" in settings.model_fields_set
    if settings.database_url is not None and not is_set:
        yield watch("settings", "settings_address_default", address=settings.public_url)
    is_behind = settings.trusted_proxies or settings.trusted_networks
    if address.scheme == "https" and not is_behind:
        yield watch("settings", "settings_proxy")
    if address.scheme == "http" and address.hostname not in LOOPBACK_HOSTS:
        yield wrong("settings", "address_plain", address=settings.public_url)


def _parts(address: str) -> SplitResult | None:
    try:
        parts = urlsplit(address)
        is_address = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return None
    more = parts.path or parts.query or parts.fragment or parts.username
    return parts if is_address and not more else None


def _of_numbers(settings: Settings) -> Iterator[Finding]:
    for shorter, longer in (
        ("session_idle_hours", "session_max_hours"),
        ("admin_session_max_hours", "session_max_hours"),
    ):
        if getattr(settings, shorter) > getattr(settings, longer):
            names = {"shorter": _name(shorter), "longer": _name(longer)}
            yield watch("settings", "settings_sessions", **names)
    if settings.weekly_overlap_days < settings.overlap_days:
        days = {"weekly": settings.weekly_overlap_days, "daily": settings.overlap_days}
        yield watch("settings", "settings_overlap", **days)


def _of_providers(settings: Settings) -> Iterator[Finding]:
    try:
        ProviderRegistry(settings).close()
    except DCarbonError as error:
        yield wrong("settings", "settings_wrong", said=error.display_message)
    for key, given in settings.providers.items():
        profile = PROFILES.get(key)
        if profile is None:
            continue
        said = {"provider": profile.known_as, "key": key.upper()}
        if bool(given.client_certificate) != bool(given.client_key):
            yield wrong("settings", "settings_half_certificate", **said)
        for missing in _missing(given, profile.method, profile.needs_client_certificate):
            yield wrong("settings", "settings_half_registration", **said, missing=missing)


def _missing(given: ProviderSettings, method: Method, needs_certificate: bool) -> Iterator[str]:  # noqa: FBT001 — a fact of the profile
    if method is Method.UTILITYAPI or not given.client_id:
        return
    if not given.client_secret:
        yield "CLIENT_SECRET"
    if needs_certificate and not (given.client_certificate or given.client_key):
        yield "CLIENT_CERTIFICATE"


def _named_files(settings: Settings) -> Iterator[tuple[str, Path]]:
    for field in ("mail_ca_file", "oidc_ca_file"):
        if path := getattr(settings, field):
            yield _name(field), path
    for key, given in settings.providers.items():
        for field in ("client_certificate", "client_key", "ca_file"):
            if path := getattr(given, field):
                yield _name(f"providers__{key}__{field}"), path


def _secret_files(settings: Settings, environ: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    keys = live_keys.key_file(settings)
    if keys is not None and (keys.exists() or settings.seal_keys_file is not None):
        yield _name("seal_keys_file"), keys
    for key, given in settings.providers.items():
        if given.client_key:
            yield _name(f"providers__{key}__client_key"), given.client_key
    file = Path(environ.get(FILE_VARIABLE) or DEFAULT_FILE)
    if file.exists() and _holds_secrets(file):
        yield FILE_VARIABLE, file


def _holds_secrets(file: Path) -> bool:
    names = set(_secret_names(Settings)) | set(_secret_names(ProviderSettings))
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return False
    return any(line.partition("=")[0].strip().rpartition(".")[2] in names for line in lines)


def _secret_names(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if "SecretStr" in str(field.annotation):
            yield name


def _of_certificates(name: str, path: Path, *, now: datetime) -> Iterator[Finding]:
    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError):
        yield wrong("files", "certificate_unreadable", setting=name, path=path)
        return
    # A bundle of authorities holds many, and some that have ended do no harm there.
    first = found[0]
    yield from of_certificate_end(name, first.not_valid_after_utc, now=now, part="files")


def _name(field: str) -> str:
    return f"{PREFIX}{field.upper()}"
