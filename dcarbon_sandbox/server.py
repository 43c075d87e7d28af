"""Serving the sandbox: HTTPS for programs, plain loopback for people's browsers, SMTP for mail."""

from __future__ import annotations

import logging
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson
from cheroot.ssl.builtin import BuiltinSSLAdapter
from cheroot.wsgi import Server
from flask import Flask

from dcarbon_sandbox.app import Options, Sandbox, create_app
from dcarbon_sandbox.authority import Authority, ensure_authority
from dcarbon_sandbox.clock import SandboxClock
from dcarbon_sandbox.mails import MailSink, smtp_server
from dcarbon_sandbox.state import SandboxState, write_atomically

__all__ = ["Endpoints", "Ports", "Running", "create_app", "running"]

_log = logging.getLogger(__name__)
_THREADS = 24
_BACKLOG = 256


@dataclass(frozen=True)
class Ports:
    """Preferred ports; a free one is taken where the preferred is in use. 0: any free one."""

    https: int = 8443
    http: int = 8480
    smtp: int = 8025


@dataclass(frozen=True)
class Endpoints:
    """Where a running sandbox is, as written to ``endpoints.json``."""

    https: str
    http: str
    smtp: str
    ca: str
    client_certificate: str
    client_key: str
    pid: int


@dataclass(frozen=True)
class Running:
    """A sandbox that answers."""

    endpoints: Endpoints
    app: Flask
    sandbox: Sandbox


@dataclass
class _Addresses:
    """Where the servers ended up; known only after they are bound."""

    https: str = ""
    http: str = ""


class _QuietServer(Server):
    """Logs instead of writing to standard error; a cut connection is not worth a traceback."""

    def error_log(self, msg: str = "", level: int = 20, traceback: bool = False) -> None:  # noqa: FBT001, FBT002 — cheroot's signature
        _log.log(level, "%s", msg, exc_info=traceback)


@contextmanager
def running(
    directory: Path,
    *,
    ports: Ports | None = None,
    host: str = "127.0.0.1",
    options: Options | None = None,
    clock: SandboxClock | None = None,
) -> Iterator[Running]:
    """Serve until the block ends. Keeps its files in ``directory``; see ``endpoints.json`` there.

    Raises ``OSError`` when no port can be bound.
    """
    wanted = ports or Ports()
    authority = ensure_authority(directory)
    state = SandboxState(directory / "state")
    addresses = _Addresses()
    app = create_app(
        state,
        base_url=lambda: addresses.https,
        pages_url=lambda: addresses.http,
        clock=clock,
        options=options,
        tls=_notifying(authority),
    )
    sandbox: Sandbox = app.extensions["sandbox"]
    with _closing(sandbox), _started(app, host, wanted.https, authority) as https_port:
        addresses.https = f"https://{host}:{https_port}"
        with (
            _started(app, host, wanted.http, None) as http_port,
            _mail(sandbox.mails, host, wanted.smtp, authority) as smtp_port,
        ):
            addresses.http = f"http://{host}:{http_port}"
            endpoints = _endpoints(addresses, f"smtp://{host}:{smtp_port}", authority)
            with _announced(directory / "endpoints.json", endpoints):
                yield Running(endpoints, app, sandbox)


@contextmanager
def _closing(sandbox: Sandbox) -> Iterator[None]:
    try:
        yield
    finally:
        sandbox.close()


@contextmanager
def _announced(path: Path, endpoints: Endpoints) -> Iterator[None]:
    write_atomically(path, orjson.dumps(asdict(endpoints), option=orjson.OPT_INDENT_2))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def _started(app: Flask, host: str, port: int, authority: Authority | None) -> Iterator[int]:
    """Run one web server and yield the port it got; with an authority it speaks TLS."""
    server = _bound(app, host, port, authority)
    thread = threading.Thread(target=server.serve, name="web", daemon=True)
    thread.start()
    try:
        yield int(server.bind_addr[1])
    finally:
        server.stop()
        thread.join(timeout=5)


def _bound(app: Flask, host: str, port: int, authority: Authority | None) -> Server:
    # Tried beforehand: cheroot leaks its socket when it cannot bind.
    with _listening(host, port) as trial:
        free = port and int(trial.getsockname()[1])
    server = _QuietServer(
        (host, free),
        app,
        numthreads=_THREADS,
        server_name=host,
        request_queue_size=_BACKLOG,
        timeout=30,
        shutdown_timeout=2,
    )
    if authority is not None:
        server.ssl_adapter = _tls_adapter(authority)
    server.prepare()
    return server


def _tls_adapter(authority: Authority) -> BuiltinSSLAdapter:
    """Ask for a client certificate without insisting: the application decides who needs one."""
    adapter = BuiltinSSLAdapter(str(authority.server), str(authority.server_key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(authority.server, authority.server_key)
    context.load_verify_locations(authority.ca)
    context.verify_mode = ssl.CERT_OPTIONAL
    adapter.context = context
    return adapter


def _notifying(authority: Authority) -> ssl.SSLContext:
    """Return how notifications are delivered: usual trust plus our own, and our certificate."""
    context = ssl.create_default_context()
    context.load_verify_locations(authority.ca)
    context.load_cert_chain(authority.server, authority.server_key)
    return context


@contextmanager
def _mail(sink: MailSink, host: str, port: int, authority: Authority) -> Iterator[int]:
    """Run the mail sink and yield the port it got."""
    listening = _listening(host, port)
    certificate = (str(authority.server), str(authority.server_key))
    server = smtp_server(sink, listening, certificate=certificate)
    server.start()
    try:
        yield server.port
    finally:
        server.stop()


def _listening(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port))
    except OSError:
        return socket.create_server((host, 0))


def _endpoints(addresses: _Addresses, smtp: str, authority: Authority) -> Endpoints:
    return Endpoints(
        https=addresses.https,
        http=addresses.http,
        smtp=smtp,
        ca=str(authority.ca.resolve()),
        client_certificate=str(authority.client.resolve()),
        client_key=str(authority.client_key.resolve()),
        pid=os.getpid(),
    )
