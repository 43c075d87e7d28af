"""What is asked over the network: the public address, mail, utilities and their clocks, Dagster.

Utilities are asked through their transport as always; the other addresses are our own.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
from cryptography import x509
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from dcarbon.domain.errors import DCarbonError, MailServerUnavailable
from dcarbon.providers.profile import LOOPBACK_HOSTS, UtilityProfile
from dcarbon.providers.profiles import PROFILES
from dcarbon.providers.registry import ProviderRegistry
from dcarbon.services import mail_transport
from dcarbon.services.doctor.findings import good, watch, wrong
from dcarbon.services.doctor.given import of_certificate_end
from dcarbon.services.mail_transport import MailTransport
from dcarbon.services.system_checks import Finding
from dcarbon.settings import Settings

_PATIENCE_S = 6.0
CLOCKS_APART = timedelta(seconds=30)
"""A utility's ``Date`` has whole seconds and comes late by the way it takes."""
_FIRST_FIELDS = frozenset({"authorize_url", "token_url", "resource_url", "scope"})
_SOME_FIELDS = 4
_UNKNOWN_NAME = "its name is not known here"
_MAIL = {
    "SMTPNotSupportedError": (
        "it does not offer STARTTLS, and without TLS no mail leaves",
        "If it speaks TLS from the first byte, set DCARBON_MAIL_SECURITY=tls and its port.",
    ),
    "SMTPAuthenticationError": (
        "it refuses our user or password",
        "Correct DCARBON_MAIL_USERNAME and DCARBON_MAIL_PASSWORD.",
    ),
    "SSLCertVerificationError": (
        "its certificate is not trusted, or is of another name",
        "Let DCARBON_MAIL_HOST be the name in it; your own authority goes to DCARBON_MAIL_CA_FILE.",
    ),
    "SSLError": (
        "it does not speak TLS from the first byte",
        "Set DCARBON_MAIL_SECURITY=starttls, or correct DCARBON_MAIL_PORT.",
    ),
    "gaierror": (_UNKNOWN_NAME, "Correct DCARBON_MAIL_HOST, or see whether DNS works."),
    "ConnectionRefusedError": (
        "nothing listens there",
        "Correct DCARBON_MAIL_HOST and DCARBON_MAIL_PORT.",
    ),
    "TimeoutError": (
        "no answer comes back",
        "See whether a firewall stands between; many networks block mail ports.",
    ),
}


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a utility said when it was asked for nothing in particular."""

    host: str
    took: timedelta
    apart: timedelta | None
    """Between its clock and ours, at least; ``None`` when it does not say."""


def of_address(settings: Settings, *, now: datetime) -> Iterator[Finding]:
    """Ask for the public address as a browser does, but from this machine."""
    parts = urlsplit(settings.public_url)
    is_tls = parts.scheme == "https"
    host, port = parts.hostname or "", parts.port or (443 if is_tls else 80)
    said = {"address": settings.public_url}
    try:
        ends = _certificate_end(host, port) if is_tls else None
        answer = httpx2.get(f"{settings.public_url}/readyz", timeout=_PATIENCE_S, trust_env=False)
    except (OSError, httpx2.HTTPError, ValueError) as error:
        why, mend = _of_silence(error)
        # Seen from inside, an address may lead nowhere and still be right.
        is_certain = isinstance(error, ssl.SSLCertVerificationError)
        yield (wrong if is_certain else watch)(
            "address", "address_silent", **said, why=why, mend=mend
        )
        return
    if ends is not None:
        yield from of_certificate_end(host, ends, now=now, part="address")
    if answer.status_code not in (httpx2.codes.OK, httpx2.codes.SERVICE_UNAVAILABLE):
        yield wrong("address", "address_other", **said, status=answer.status_code)
        return
    certificate = f"its certificate is good until {ends:%Y-%m-%d}" if ends else "on this machine"
    yield good("address", "address_good", **said, certificate=certificate)


def of_mail(settings: Settings) -> Iterator[Finding]:
    """Connect to the mail server and sign in, and send nothing."""
    if settings.mail_host is None or settings.mail_from is None:
        return
    place = f"{settings.mail_host}:{mail_transport.port_of(settings)}"
    login = "and let us sign in" if settings.mail_username else "and no login is set"
    try:
        with MailTransport(settings, timeout_s=_PATIENCE_S) as transport:
            transport.connect()
    except MailServerUnavailable as error:
        why, mend = _MAIL.get(str(error).split()[0], (f"{error}", "See in its log why."))
        yield wrong("mail", "mail_server_refused", place=place, why=why, mend=mend)
    except DCarbonError as error:
        yield wrong("mail", "settings_wrong", said=error.display_message)
    else:
        yield good("mail", "mail_server_good", place=place, login=login)


def of_utilities(settings: Settings) -> Iterator[Finding]:
    """Ask each utility that is set up for nothing in particular, all at once."""
    try:
        registry = ProviderRegistry(settings)
    except DCarbonError:
        return  # said with the settings
    used = [key for key in PROFILES if _is_set_up(registry, key)]
    if not used:
        yield watch("providers", "providers_none")
        return
    try:
        with ThreadPoolExecutor(len(used)) as pool:
            found = list(pool.map(lambda key: _ask(registry, key), used))
        for key, (finding, _) in zip(used, found, strict=True):
            yield finding
            yield from _of_profile(registry.profile(key))
    finally:
        registry.close()
    yield from _of_clocks([answer for _, answer in found if answer is not None])


def of_dagster(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Say whether the UI answers, and what stands in the way of Dagster's own storage."""
    home = environ.get("DAGSTER_HOME")
    if home is not None and not os.access(Path(home) / "dagster.yaml", os.R_OK):
        yield wrong("pipelines", "dagster_home", path=home)
    elif home is not None and (why := _wrong_storage(environ.get("DAGSTER_PG_URL"))):
        yield wrong("pipelines", "dagster_storage", why=why)
    place = settings.dagster_place
    try:
        httpx2.get(f"{place}/server_info", timeout=_PATIENCE_S, trust_env=False).raise_for_status()
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        yield watch("pipelines", "dagster_silent", place=place, why=_of_silence(error)[0])
    else:
        yield good("pipelines", "dagster_good", place=place)


def _certificate_end(host: str, port: int) -> datetime:
    """Return until when the certificate is good; raises what the handshake does."""
    context = ssl.create_default_context()
    with (
        socket.create_connection((host, port), timeout=_PATIENCE_S) as plain,
        context.wrap_socket(plain, server_hostname=host) as secured,
    ):
        certificate = secured.getpeercert(binary_form=True)
    assert certificate is not None  # verified, so there is one
    return x509.load_der_x509_certificate(certificate).not_valid_after_utc


def _of_silence(error: Exception) -> tuple[str, str]:
    """Return why an address does not answer, and what mends it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        said = error.verify_message.rstrip(".") or "it is not trusted"
        return (
            f"its certificate is refused ({said})",
            "Put a certificate there that browsers trust.",
        )
    words = str(error)
    if isinstance(error, socket.gaierror) or "Name or service" in words or "resolve" in words:
        return _UNKNOWN_NAME, "Correct the address, or see whether DNS works."
    if isinstance(error, ConnectionRefusedError) or "refused" in words:
        return "nothing listens there", "Start what should answer there, or correct the address."
    if isinstance(error, TimeoutError | httpx2.TimeoutException):
        return (
            "no answer comes back",
            "From inside this may be right; ask for it from a browser outside.",
        )
    return "no connection comes about", "Look into the log of the proxy or server there."


def _is_set_up(registry: ProviderRegistry, key: str) -> bool:
    try:
        registry.credentials(key)
    except DCarbonError:
        return False
    return True


def _ask(registry: ProviderRegistry, key: str) -> tuple[Finding, _Answer | None]:
    """Ask a utility without any credential but the client certificate; any answer is one."""
    profile = registry.profile(key)
    host = urlsplit(profile.resource_url).netloc
    said = {"provider": profile.known_as, "host": host}
    began = datetime.now(UTC)
    try:
        socket.getaddrinfo(urlsplit(profile.resource_url).hostname, None)
        answer = registry.transport(key).request(
            "GET", profile.resource_url, accept="*/*", classify=lambda _: None
        )
    except OSError:
        mend = f"Set DCARBON_PROVIDERS__{key.upper()}__BASE_URL to what the utility told you."
        finding = wrong("providers", "provider_unreached", **said, why=_UNKNOWN_NAME, mend=mend)
        return finding, None
    except DCarbonError as error:
        mend = "Compare address, CA_FILE and client certificate with what the utility told you."
        why = f"no connection over TLS that can be trusted ({error})"
        return wrong("providers", "provider_unreached", **said, why=why, mend=mend), None
    took = datetime.now(UTC) - began
    milliseconds = round(took.total_seconds() * 1000)
    finding = good("providers", "provider_reached", **said, milliseconds=milliseconds)
    return finding, _Answer(host, took, clocks_apart(answer.headers.get("date"), began, took))


def clocks_apart(stated: str | None, began: datetime, took: timedelta) -> timedelta | None:
    """Return how far the clock that was ``stated`` is outside the time of asking."""
    try:
        theirs = parsedate_to_datetime(stated or "")
    except ValueError:
        return None
    ended = began + took
    return max(began - theirs - timedelta(seconds=1), theirs - ended, timedelta())


def _of_profile(profile: UtilityProfile) -> Iterator[Finding]:
    is_stand_in = urlsplit(profile.resource_url).hostname in LOOPBACK_HOSTS
    if is_stand_in or not profile.unconfirmed:
        return
    fields = sorted(profile.unconfirmed, key=lambda name: (name not in _FIRST_FIELDS, name))
    rest = len(fields) - _SOME_FIELDS
    yield watch(
        "providers",
        "profile_unconfirmed",
        provider=profile.known_as,
        key=profile.key.upper(),
        first=fields[0].upper(),
        fields=", ".join(fields[:_SOME_FIELDS]) + (f" and {rest} more" if rest > 0 else ""),
    )


def _of_clocks(answers: Sequence[_Answer]) -> Iterator[Finding]:
    stated = [(each.host, each.apart) for each in answers if each.apart is not None]
    for host, apart in stated:
        if apart > CLOCKS_APART:
            seconds = f"{apart.total_seconds():,.0f}"
            yield watch("clock", "clock_utility", host=host, seconds=seconds)
    greatest = max((apart for _, apart in stated), default=None)
    if greatest is not None and greatest <= CLOCKS_APART:
        seconds = f"{greatest.total_seconds():,.0f}"
        yield good("clock", "clock_utilities", seconds=seconds, count=len(stated))


def _wrong_storage(url: str | None) -> str | None:
    if not url:
        return "is not set, and dagster.yaml reads it"
    try:
        driver = make_url(url).drivername
    except (ArgumentError, ValueError):
        return "is no address of a database"
    if driver != "postgresql+psycopg2":
        return "names another driver than Dagster's storage works with"
    return None
