"""What tests of mail share: a real SMTP server with moods, a clock, shorthands."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from aiosmtpd.smtp import SMTP, Envelope
from aiosmtpd.smtp import Session as SmtpSession

from dcarbon.db.mails import Mail
from dcarbon.services import mails
from dcarbon.services.runtime import Runtime
from dcarbon_sandbox.authority import Authority
from dcarbon_sandbox.clock import SandboxClock
from dcarbon_sandbox.mails import Mail as SunkMail
from dcarbon_sandbox.mails import MailSink, smtp_server
from dcarbon_sandbox.server import Endpoints
from dcarbon_sandbox.state import SandboxState
from tests.integration.conftest import NOW

LINK = "https://dcarbon.example/sign-in/s3cr3t"


SIGN_IN = {"link": LINK, "minutes": 15}


DONE = {"facility": "Dach Übersee", "utility": "PG&E"}


TO = "ann@example.test"


class Clock:
    """Time that stands until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


class Postmaster(MailSink):
    """The sandbox's sink, with an answer a test may set for the next recipients."""

    answer: str | None = None

    def __init__(self, state: SandboxState, clock: SandboxClock) -> None:
        super().__init__(state, clock)
        self.got_one = threading.Event()

    def add(self, sender: str, to: Sequence[str], content: bytes) -> SunkMail:
        mail = super().add(sender, to, content)
        self.got_one.set()
        return mail

    async def handle_RCPT(  # noqa: N802 — aiosmtpd's name
        self, _server: SMTP, _session: SmtpSession, envelope: Envelope, address: str, _options: Any
    ) -> str:
        if self.answer:
            return self.answer
        envelope.rcpt_tos.append(address)
        return "250 OK"


@contextmanager
def serving(postmaster: Postmaster, authority: Authority, port: int = 0) -> Iterator[int]:
    listening = socket.create_server(("127.0.0.1", port))
    certificate = (str(authority.server), str(authority.server_key))
    server = smtp_server(postmaster, listening, certificate=certificate)
    server.start()
    try:
        yield server.port
    finally:
        server.stop()


def endpoints(authority: Authority, port: int) -> Endpoints:
    return Endpoints(
        https="https://127.0.0.1:1",
        http="http://127.0.0.1:1",
        smtp=f"smtp://127.0.0.1:{port}",
        ca=str(authority.ca),
        client_certificate=str(authority.client),
        client_key=str(authority.client_key),
        pid=1,
    )


def with_settings(runtime: Runtime, **changes: object) -> Runtime:
    return replace(runtime, settings=runtime.settings.model_copy(update=changes))


def queued(
    runtime: Runtime, *, to: str = TO, kind: str = "authorization_done", **rest: Any
) -> UUID:
    with runtime.sessions.begin() as session:
        context = SIGN_IN if kind == "sign_in" else DONE
        mail = mails.queue(session, to=to, kind=kind, context=context, now=runtime.now(), **rest)
        assert mail is not None
        return mail.id


def together(*tasks: Callable[[], None]) -> None:
    threads = [threading.Thread(target=task) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def row_of(runtime: Runtime, mail_id: UUID) -> Mail:
    with runtime.sessions() as session:
        return session.get_one(Mail, mail_id)
