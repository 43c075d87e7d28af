"""The way out: one connection, verified TLS, one address, clean headers."""

from __future__ import annotations

import asyncio
import smtplib
import socket
import ssl
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from dcarbon.domain.errors import InvalidInput, SettingsInvalid
from dcarbon.services import mails
from dcarbon.services.mail_transport import Letter, compose, sender
from dcarbon.services.runtime import Runtime
from dcarbon_sandbox.authority import Authority, ensure_authority
from dcarbon_sandbox.mails import MailSink, SmtpServer
from tests.integration.conftest import NOW
from tests.integration.services.mails.parts import (
    DONE,
    TO,
    Postmaster,
    queued,
    row_of,
    serving,
    with_settings,
)


def certificate_for(name: str, directory: Path) -> Path:
    """Return a file with a key and a certificate that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = directory / "elsewhere.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return file


@contextmanager
def listening_with(
    kind: type[SmtpServer], postmaster: Postmaster, authority: Authority | None, **rest: Any
) -> Iterator[int]:
    if authority is not None:
        rest["tls_context"] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        rest["tls_context"].load_cert_chain(authority.server, authority.server_key)
    server = kind(socket.create_server(("127.0.0.1", 0)), postmaster, **rest)
    server.start()
    try:
        yield server.port
    finally:
        server.stop()


class ImplicitTls(SmtpServer):
    """The sink behind TLS from the first byte."""

    def __init__(self, listening: socket.socket, handler: MailSink, **settings: Any) -> None:
        super().__init__(listening, handler)
        self.ssl_context = settings["tls_context"]

    def _create_server(self) -> Coroutine[Any, Any, asyncio.AbstractServer]:
        return self.loop.create_server(
            self._factory_invoker, sock=self._listening, ssl=self.ssl_context
        )


def test_many_mails_go_over_one_connection(
    runtime: Runtime, postmaster: Postmaster, monkeypatch: pytest.MonkeyPatch
) -> None:
    greetings = []
    connect = smtplib.SMTP.connect

    def counted(self: smtplib.SMTP, *arguments: Any, **named: Any) -> Any:
        greetings.append(self)
        return connect(self, *arguments, **named)

    monkeypatch.setattr(smtplib.SMTP, "connect", counted)
    for number in range(5):
        queued(runtime, to=f"reader{number}@example.test")

    mails.send_due(runtime)

    assert len(postmaster.all()) == 5
    assert len(greetings) == 1


def test_a_server_with_a_certificate_of_another_authority_gets_no_mail(
    runtime: Runtime, postmaster: Postmaster, tmp_path: Path
) -> None:
    stranger = ensure_authority(tmp_path / "stranger")
    mail_id = queued(runtime)

    outcome = mails.send_due(with_settings(runtime, mail_ca_file=stranger.ca))

    assert (outcome.sent, outcome.is_reachable) == (0, False)
    assert row_of(runtime, mail_id).last_error == "SSLCertVerificationError"
    assert postmaster.all() == []


def test_a_trusted_certificate_for_another_name_is_refused(
    runtime: Runtime, postmaster: Postmaster, authority: Authority, tmp_path: Path
) -> None:
    queued(runtime)
    elsewhere = certificate_for("mail.elsewhere.example", tmp_path)

    impostor = replace(authority, server=elsewhere, server_key=elsewhere)
    with serving(postmaster, impostor) as port:
        trusting = with_settings(runtime, mail_port=port, mail_ca_file=elsewhere)
        outcome = mails.send_due(trusting)

    assert (outcome.sent, outcome.is_reachable) == (0, False)
    assert postmaster.all() == []


def test_tls_from_the_first_byte_works_too(
    runtime: Runtime, postmaster: Postmaster, authority: Authority
) -> None:
    queued(runtime)

    with listening_with(ImplicitTls, postmaster, authority) as port:
        outcome = mails.send_due(with_settings(runtime, mail_port=port, mail_security="tls"))

    assert outcome.sent == 1
    assert len(postmaster.all()) == 1


@pytest.mark.parametrize(("password", "sent"), [("right", 1), ("wrong", 0)])
def test_the_server_is_told_our_name_and_password(
    runtime: Runtime, postmaster: Postmaster, authority: Authority, password: str, sent: int
) -> None:
    mail_id = queued(runtime)
    known = {"mail_username": "dcarbon", "mail_password": SecretStr(password)}

    def check(*arguments: Any) -> AuthResult:
        given: LoginPassword = arguments[-1]
        return AuthResult(success=given.password == b"right", handled=False)

    with listening_with(
        SmtpServer, postmaster, authority, authenticator=check, auth_required=True
    ) as port:
        outcome = mails.send_due(with_settings(runtime, mail_port=port, **known))

    assert (outcome.sent, outcome.is_reachable) == (sent, bool(sent))
    assert row_of(runtime, mail_id).last_error == (None if sent else "SMTPAuthenticationError 535")


def test_without_tls_no_mail_leaves(runtime: Runtime, postmaster: Postmaster) -> None:
    mail_id = queued(runtime)

    with listening_with(SmtpServer, postmaster, None) as port:
        outcome = mails.send_due(with_settings(runtime, mail_port=port))

    assert (outcome.sent, outcome.is_reachable) == (0, False)
    assert row_of(runtime, mail_id).last_error == "SMTPNotSupportedError"
    assert postmaster.all() == []


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nobody",
        "a@b",
        "ann@example.test\r\nBcc: many@example.test",
        "ann@example.test\nBcc: many@example.test",
        "ann@example.test, ben@example.test",
        "Ann <ann@example.test>",
        "<ann@example.test>",
        "ann@exa mple.test",
        f"{'a' * 250}@example.test",
    ],
)
def test_what_is_not_one_address_is_refused(runtime: Runtime, address: str) -> None:
    with runtime.sessions() as session, pytest.raises(InvalidInput) as caught:
        mails.queue(session, to=address, kind="authorization_done", context=DONE, now=NOW)

    assert caught.value.code == "mail_address_invalid"


def test_a_name_with_line_breaks_puts_no_header_into_the_mail(
    runtime: Runtime, postmaster: Postmaster
) -> None:
    with runtime.sessions.begin() as session:
        mails.queue(
            session,
            to=TO,
            kind="authorization_done",
            context={**DONE, "facility": "Roof\r\nBcc: many@example.test\r\n\r\nHello"},
            now=NOW,
        )

    mails.send_due(runtime)

    (arrived,) = postmaster.all()
    assert arrived.to == [TO]
    assert arrived.subject == "Roof Bcc: many@example.test Hello is authorized with PG&E"
    assert arrived.text.startswith("Roof Bcc:")


def test_a_mail_keeps_its_message_id_over_every_try(runtime: Runtime) -> None:
    mail_id = queued(runtime)
    row = row_of(runtime, mail_id)
    letter = Letter(row.id, TO, row.subject, row.text_body, row.html_body, row.created_at)

    message = compose(letter, sender("DCarbon <mail@dcarbon.example>"))

    assert message["Message-ID"] == f"<{mail_id}@dcarbon.example>"
    assert message["From"] == "DCarbon <mail@dcarbon.example>"
    assert message["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize("wrong", [None, "", "DCarbon", "a@b.test, c@d.test", "a@b.test\r\nX: y"])
def test_a_sender_that_is_missing_or_wrong_stops_the_mailer(
    runtime: Runtime, wrong: str | None
) -> None:
    queued(runtime)

    with pytest.raises(SettingsInvalid, match="DCARBON_MAIL_FROM"):
        mails.send_due(with_settings(runtime, mail_from=wrong))
