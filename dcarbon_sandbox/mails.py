"""The mail sink: takes every mail by SMTP, delivers none, shows all on a page."""

from __future__ import annotations

import asyncio
import email
import email.policy
import socket
import ssl
import uuid
from collections.abc import Coroutine, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from flask import Blueprint, Response, abort, jsonify, make_response, render_template

from dcarbon_sandbox.clock import SandboxClock
from dcarbon_sandbox.state import SandboxState

_SECTION = "mails"
_KEPT = 500
_LARGEST = 10 * 2**20


@dataclass(frozen=True)
class Mail:
    """A mail as people read it. ``at`` is the sandbox's time of arrival, ISO 8601."""

    id: str
    at: str
    sender: str
    to: list[str]
    subject: str
    text: str
    html: str


class MailSink:
    """Keeps the latest mails in the sandbox's state."""

    def __init__(self, state: SandboxState, clock: SandboxClock) -> None:
        self._state, self._clock = state, clock

    def add(self, sender: str, to: Sequence[str], content: bytes) -> Mail:
        """Keep a mail, given as it came over the wire."""
        mail = _readable(sender, to, content, self._clock.now())
        with self._state.changing(_SECTION) as section:
            kept = section.setdefault("list", [])
            kept.append(asdict(mail))
            del kept[:-_KEPT]
        return mail

    def all(self) -> list[Mail]:
        """Return the mails, newest first."""
        with self._state.lock:
            return [Mail(**entry) for entry in self._state.section(_SECTION).get("list", [])][::-1]

    def clear(self) -> None:
        with self._state.changing(_SECTION) as section:
            section["list"] = []

    async def handle_DATA(  # noqa: N802 — aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Take a mail (aiosmtpd's handler)."""
        content = envelope.content
        raw = content if isinstance(content, bytes) else (content or "").encode()
        self.add(envelope.mail_from or "", envelope.rcpt_tos, raw)
        return "250 Kept, not delivered"


def _readable(sender: str, to: Sequence[str], content: bytes, at: datetime) -> Mail:
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return Mail(
        id=uuid.uuid4().hex,
        at=at.isoformat(timespec="seconds"),
        sender=sender,
        to=list(to),
        subject=str(message.get("Subject", "")),
        text=_body(message, "plain"),
        html=_body(message, "html"),
    )


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    if part is None:
        return ""
    try:
        return str(part.get_content())
    except (LookupError, UnicodeError):  # a charset nobody knows
        payload = part.get_payload(decode=True)
        return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""


class SmtpServer(Controller):
    """aiosmtpd on a socket that is bound already: only so can a free port be had for sure."""

    def __init__(self, listening: socket.socket, handler: MailSink, **settings: Any) -> None:
        host, port = listening.getsockname()[:2]
        super().__init__(handler, hostname=host, port=port, **settings)
        self._listening = listening

    def _create_server(self) -> Coroutine[Any, Any, asyncio.AbstractServer]:
        return self.loop.create_server(self._factory_invoker, sock=self._listening)


def smtp_server(
    sink: MailSink, listening: socket.socket, *, certificate: tuple[str, str]
) -> SmtpServer:
    """Return the SMTP server, not started. STARTTLS is offered, not demanded."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*certificate)
    return SmtpServer(
        listening,
        sink,
        tls_context=tls,
        data_size_limit=_LARGEST,
        server_hostname="sandbox.localhost",
    )


def blueprint(sink: MailSink) -> Blueprint:
    """Return the pages ``/mails`` and the JSON under ``/sandbox/mails``."""
    pages = Blueprint("mails", __name__)

    @pages.get("/mails")
    def index() -> str:
        return render_template("sandbox/mails.html", mails=sink.all())

    @pages.get("/mails/<mail_id>")
    def show(mail_id: str) -> str:
        return render_template("sandbox/mail.html", mail=_found(sink, mail_id))

    @pages.get("/mails/<mail_id>/html")
    def html(mail_id: str) -> Response:
        response = make_response(_found(sink, mail_id).html)
        # A mail is foreign text: it may look as it likes, but do nothing.
        response.headers["Content-Security-Policy"] = (
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox allow-popups"
        )
        return response

    @pages.get("/sandbox/mails")
    def listed() -> Response:
        return jsonify({"mails": [asdict(mail) for mail in sink.all()]})

    @pages.delete("/sandbox/mails")
    def clear() -> Any:
        sink.clear()
        return "", 204

    return pages


def _found(sink: MailSink, mail_id: str) -> Mail:
    for mail in sink.all():
        if mail.id == mail_id:
            return mail
    return abort(404)
