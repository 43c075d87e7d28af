"""The sandbox as a program: real sockets, TLS, client certificates, mail, a restart."""

from __future__ import annotations

import json
import os
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path

import httpx2
import pytest
from cryptography import x509

from dcarbon_sandbox.authority import ensure_authority
from dcarbon_sandbox.green_button.profiles import PROFILES
from dcarbon_sandbox.server import Endpoints, Ports, Running, running

ANY = Ports(https=0, http=0, smtp=0)
PGE = PROFILES["pge"]
TOKEN = {"grant_type": "client_credentials"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("sandbox"), ports=ANY) as serving:
        yield serving


def trusting(endpoints: Endpoints, *, certificate: bool) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=endpoints.ca)
    if certificate:
        context.load_cert_chain(endpoints.client_certificate, endpoints.client_key)
    return context


@pytest.fixture
def client(served: Running) -> Iterator[Callable[..., httpx2.Client]]:
    """Return a maker of HTTPS clients that trust the sandbox; all are closed afterwards."""
    made = []

    def make(*, certificate: bool = True) -> httpx2.Client:
        context = trusting(served.endpoints, certificate=certificate)
        made.append(httpx2.Client(verify=context, base_url=served.endpoints.https, trust_env=False))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_pge_answers_with_a_client_certificate_and_refuses_without(
    client: Callable[..., httpx2.Client],
) -> None:
    auth = (PGE.client_id, PGE.client_secret)

    with_it = client().post(PGE.token_path, data=TOKEN, auth=auth)
    without = client(certificate=False).post(PGE.token_path, data=TOKEN, auth=auth)

    assert with_it.status_code == 200
    assert with_it.headers["Server"] == "Mulesoft-API-Gateway"
    assert (without.status_code, without.text) == (400, "Invalid Certificate")


def test_a_certificate_of_another_authority_is_refused(served: Running, tmp_path: Path) -> None:
    other = ensure_authority(tmp_path)
    context = ssl.create_default_context(cafile=served.endpoints.ca)
    context.load_cert_chain(other.client, other.client_key)

    with (
        httpx2.Client(verify=context, base_url=served.endpoints.https, trust_env=False) as http,
        pytest.raises(httpx2.TransportError),
    ):
        http.get(f"{PGE.base_path}/ReadServiceStatus")


def test_nobody_trusts_the_sandbox_by_accident(served: Running) -> None:
    with (
        httpx2.Client(base_url=served.endpoints.https, trust_env=False) as http,
        pytest.raises(httpx2.ConnectError, match="certificate verify failed"),
    ):
        http.get("/")


def test_pages_come_without_tls_and_the_api_does_not(served: Running) -> None:
    with httpx2.Client(base_url=served.endpoints.http, trust_env=False) as http:
        pages = [http.get(path).status_code for path in ("/", "/sandbox/", "/mails")]
        api = http.post(PGE.token_path, data=TOKEN)

    assert pages == [200, 200, 200]
    assert (api.status_code, api.text) == (403, "This is served over HTTPS only.")


def test_connections_are_kept_open(served: Running) -> None:
    context = trusting(served.endpoints, certificate=False)
    port = int(served.endpoints.https.rsplit(":", 1)[1])
    request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

    with (
        socket.create_connection(("127.0.0.1", port), timeout=60) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as tls,
    ):
        answers = []
        for _ in range(2):
            tls.sendall(request)
            received = b""
            while b"</html>" not in received:
                received += tls.recv(65536)
            answers.append(received.split(b"\r\n", 1)[0])

    assert answers == [b"HTTP/1.1 200 OK"] * 2


def test_a_cut_connection_ends_in_the_middle_of_the_body(
    served: Running, client: Callable[..., httpx2.Client]
) -> None:
    http = client()
    served.sandbox.faults.add("cut", path_prefix=PGE.token_path)
    auth = (PGE.client_id, PGE.client_secret)

    with pytest.raises(httpx2.RemoteProtocolError):
        http.post(PGE.token_path, data=TOKEN, auth=auth)

    assert http.post(PGE.token_path, data=TOKEN, auth=auth).status_code == 200


def test_a_taken_port_is_replaced_by_a_free_one(served: Running, tmp_path: Path) -> None:
    taken = {
        name: int(getattr(served.endpoints, name).rsplit(":", 1)[1])
        for name in ("https", "http", "smtp")
    }

    with running(tmp_path, ports=Ports(**taken)) as second:
        found = {name: int(getattr(second.endpoints, name).rsplit(":", 1)[1]) for name in taken}

    assert not set(found.values()) & set(taken.values())


def test_mail_is_kept_and_shown(served: Running) -> None:
    message = EmailMessage()
    message["Subject"] = "Please sign in"
    message["From"] = "dcarbon@sender.example"
    message["To"] = "sunny@customer.example"
    message.set_content("Open http://127.0.0.1/sign-in")
    message.add_alternative("<p>Open it <script>bad()</script></p>", subtype="html")
    port = int(served.endpoints.smtp.rsplit(":", 1)[1])

    with smtplib.SMTP("127.0.0.1", port, timeout=60) as smtp:
        smtp.starttls(context=trusting(served.endpoints, certificate=False))
        smtp.send_message(message)

    with httpx2.Client(base_url=served.endpoints.http, trust_env=False) as http:
        mail = http.get("/sandbox/mails").json()["mails"][0]
        page = http.get(f"/mails/{mail['id']}").text
        html = http.get(f"/mails/{mail['id']}/html")
    assert mail["subject"] == "Please sign in"
    assert mail["to"] == ["sunny@customer.example"]
    assert "Open http://127.0.0.1/sign-in" in mail["text"]
    assert "sign-in" in page
    assert "default-src 'none'" in html.headers["Content-Security-Policy"]


def test_an_authority_is_used_again(tmp_path: Path) -> None:
    first = ensure_authority(tmp_path)
    before = first.ca.read_bytes()

    second = ensure_authority(tmp_path)

    assert second.ca.read_bytes() == before
    assert first.client_key.stat().st_mode & 0o077 == 0
    server = x509.load_pem_x509_certificate(first.server.read_bytes())
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "localhost" in names.get_values_for_type(x509.DNSName)


def test_the_program_survives_a_restart_with_its_tokens(tmp_path: Path) -> None:
    """Started, asked for an authorization, ended by a signal, started again: the token works."""
    first = _start(tmp_path)
    try:
        with _http(tmp_path) as http:
            created = http.post(
                "/sandbox/authorizations", json={"utility": "pge", "login": "sunny"}
            )
            token = created.json()["authorizations"][0]
    finally:
        assert _end(first) == 0
    assert not (tmp_path / "endpoints.json").exists()

    second = _start(tmp_path)
    try:
        with _http(tmp_path) as http:
            path = httpx2.URL(token["resourceURI"]).path
            headers = {"Authorization": f"Bearer {token['access_token']}"}
            window = {
                "published-min": "2026-01-05T08:00:00Z",
                "published-max": "2026-01-06T08:00:00Z",
            }
            answer = http.get(path, headers=headers, params=window)
    finally:
        assert _end(second) == 0

    assert answer.status_code == 200
    assert b"IntervalReading" in answer.content


def _start(directory: Path) -> subprocess.Popen[bytes]:
    ports = ["--https-port", "0", "--http-port", "0", "--smtp-port", "0"]
    command = [sys.executable, "-m", "dcarbon_sandbox", "serve", "--directory", str(directory)]
    process = subprocess.Popen([*command, *ports], stdout=subprocess.DEVNULL)
    limit = time.monotonic() + 60
    while not (directory / "endpoints.json").exists():
        assert process.poll() is None, "the program ended"
        assert time.monotonic() < limit, "the program did not start"
        time.sleep(0.05)
    return process


def _http(directory: Path) -> httpx2.Client:
    endpoints = Endpoints(**json.loads((directory / "endpoints.json").read_bytes()))
    context = trusting(endpoints, certificate=True)
    return httpx2.Client(verify=context, base_url=endpoints.https, trust_env=False)


def _end(process: subprocess.Popen[bytes]) -> int:
    os.kill(process.pid, signal.SIGTERM)
    return process.wait(timeout=60)
