"""SMTP over verified TLS, and nothing else: without TLS no mail leaves."""

from __future__ import annotations

import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from types import TracebackType
from typing import Self
from uuid import UUID

from dcarbon.domain.errors import InvalidInput, MailRefused, MailServerUnavailable, SettingsInvalid
from dcarbon.settings import Settings, missing

TIMEOUT_S = 30.0
"""For every step of the conversation; a mail has eight at most."""
_USUAL_PORTS = {"starttls": 587, "tls": 465}
_LASTING = range(500, 600)
_LONGEST_ADDRESS = 254


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail to send. ``id`` makes its Message-ID, so that a second copy can be told."""

    id: UUID
    to: str
    subject: str
    text: str
    html: str
    written_at: datetime

    def __repr__(self) -> str:
        return f"Letter({self.id})"


class MailTransport:
    """One connection to the mail server of the settings, opened with the first letter.

    ``timeout_s`` is for every step of the conversation.
    """

    def __init__(self, settings: Settings, *, timeout_s: float = TIMEOUT_S) -> None:
        if settings.mail_host is None:
            raise missing("mail_host", "It names the SMTP server.")
        if settings.mail_from is None:
            raise missing("mail_from", "It is the sender: DCarbon <mail@dcarbon.example>.")
        self._settings, self._host = settings, settings.mail_host
        self._sender = sender(settings.mail_from)
        self._context = _tls(settings)
        self._timeout_s = timeout_s
        self._client: smtplib.SMTP | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Say goodbye to the server, if it still listens."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(OSError):
                client.quit()
            client.close()

    def connect(self) -> None:
        """Connect, secure the connection and sign in. Raises :class:`MailServerUnavailable`."""
        self._connected()

    def send(self, letter: Letter) -> None:
        """Hand one letter to the server.

        Raises :class:`MailRefused` when the server will never take it, and
        :class:`MailServerUnavailable` when a later try may succeed. The words of both are free of
        addresses and of what the server said, which may repeat them.
        """
        message = compose(letter, self._sender)
        client = self._connected()
        try:
            client.send_message(message, self._sender.addr_spec, [letter.to])
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            raise _verdict(error, codes[0]) from None
        except smtplib.SMTPDataError as error:
            raise _verdict(error, error.smtp_code) from None
        except smtplib.SMTPNotSupportedError as error:
            raise MailRefused(_named(error)) from None  # an address this server cannot spell
        except OSError as error:
            self.close()
            raise MailServerUnavailable(_named(error)) from None

    def _connected(self) -> smtplib.SMTP:
        if self._client is None:
            try:
                self._client = self._connect()
            except OSError as error:
                raise MailServerUnavailable(_named(error)) from None
        return self._client

    def _connect(self) -> smtplib.SMTP:
        settings = self._settings
        port, timeout = port_of(settings), self._timeout_s
        client: smtplib.SMTP
        if settings.mail_security == "tls":
            client = smtplib.SMTP_SSL(self._host, port, timeout=timeout, context=self._context)
        else:
            client = smtplib.SMTP(self._host, port, timeout=timeout)
        try:
            if settings.mail_security == "starttls":
                client.starttls(context=self._context)  # raises where it is not offered
            if settings.mail_username and settings.mail_password:
                client.login(settings.mail_username, settings.mail_password.get_secret_value())
        except OSError:
            client.close()
            raise
        return client


def port_of(settings: Settings) -> int:
    """Return the port that is set, else the usual one of the security chosen."""
    return settings.mail_port or _USUAL_PORTS[settings.mail_security]


def compose(letter: Letter, from_: Address) -> EmailMessage:
    """Return the letter as a message with a text and an HTML part."""
    message = EmailMessage(policy=SMTP)
    message["From"] = from_
    message["To"] = recipient(letter.to)
    message["Subject"] = letter.subject
    message["Date"] = letter.written_at
    message["Message-ID"] = f"<{letter.id}@{from_.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    return message


def recipient(address: str) -> Address:
    """Return an address mail can go to: exactly one, without a name.

    Raises :class:`InvalidInput` (``mail_address_invalid``).
    """
    try:
        found = Address(addr_spec=address.strip())
        is_good = found.username and "." in found.domain and found.addr_spec.isprintable()
    except (MessageError, ValueError, IndexError):
        is_good = False
    if not is_good or len(address) > _LONGEST_ADDRESS:
        raise InvalidInput("not an address mail can go to", code="mail_address_invalid")
    return found


def sender(value: str) -> Address:
    """Return the sender of the settings, a name or none. Raises :class:`SettingsInvalid`."""
    header = SMTP.header_factory("Sender", value)
    if len(value.splitlines()) == 1 and not header.defects and len(header.addresses) == 1:
        found: Address = header.addresses[0]
        if found.username and found.domain:
            return found
    raise _wrong("DCARBON_MAIL_FROM is not one address, as DCarbon <mail@dcarbon.example> is.")


def _tls(settings: Settings) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.mail_ca_file is not None:
        try:
            context.load_verify_locations(settings.mail_ca_file)
        except OSError as error:
            raise _wrong("DCARBON_MAIL_CA_FILE names no file with certificates.") from error
    return context


def _wrong(message: str) -> SettingsInvalid:
    return SettingsInvalid(message, display_message=message)


def _verdict(error: smtplib.SMTPException, code: int) -> MailRefused | MailServerUnavailable:
    if code in _LASTING:
        return MailRefused(_named(error, code))
    return MailServerUnavailable(_named(error, code), is_about_one=True)


def _named(error: OSError, code: int | None = None) -> str:
    number = code if code is not None else getattr(error, "smtp_code", None)
    return f"{type(error).__name__} {number}" if number else type(error).__name__
