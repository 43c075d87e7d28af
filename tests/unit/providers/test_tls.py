"""TLS as it really is: a server on loopback with an authority of its own."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from dcarbon.domain.errors import ProviderUnavailable, SettingsInvalid
from dcarbon.providers.transport import Transport


@dataclass(frozen=True)
class Authority:
    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def file(self) -> Path:
        return self.folder / "ca.pem"

    def issue(self, name: str) -> Path:
        """Write certificate and key of ``name`` for 127.0.0.1 into one file."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(name, self.certificate.subject, key)
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
        path = self.folder / f"{name}.pem"
        path.write_bytes(_pem(builder.sign(self.key, hashes.SHA256())) + _pem_key(key))
        return path


def _builder(
    name: str, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _pem_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    folder = tmp_path_factory.mktemp("authority")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
    builder = _builder("test authority", name, key)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    certificate = builder.sign(key, hashes.SHA256())
    (folder / "ca.pem").write_bytes(_pem(certificate))
    return Authority(folder, key, certificate)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        connection = self.connection
        assert isinstance(connection, ssl.SSLSocket)
        peer = connection.getpeercert() or {}
        body = str(peer.get("subject", "nobody")).encode()
        promised = len(body) + (100 if self.path == "/cut" else 0)
        self.send_response(200)
        self.send_header("Content-Length", str(promised))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 — inherited name
        """Keep quiet."""


@pytest.fixture
def server(authority: Authority, request: pytest.FixtureRequest) -> Iterator[str]:
    """Serve HTTPS; a parameter names the highest TLS version."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.issue("server"))
    context.load_verify_locations(authority.file)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.maximum_version = getattr(request, "param", ssl.TLSVersion.MAXIMUM_SUPPORTED)
    httpd = HTTPServer(("127.0.0.1", 0), _Handler)
    httpd.handle_error = lambda *_: None  # type: ignore[method-assign]
    httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"https://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def test_a_server_of_an_unknown_authority_is_not_spoken_to(server: str) -> None:
    with Transport(server) as transport, pytest.raises(ProviderUnavailable) as caught:
        transport.request("GET", "/", accept="*/*")

    assert not caught.value.may_have_arrived


def test_an_authority_from_the_settings_is_trusted(server: str, authority: Authority) -> None:
    with Transport(server, ca_file=authority.file) as transport:
        response = transport.request("GET", "/", accept="*/*")

    assert response.content == b"nobody"


def test_the_environment_adds_no_authority(
    server: str, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))

    with Transport(server) as transport, pytest.raises(ProviderUnavailable):
        transport.request("GET", "/", accept="*/*")


def test_the_host_name_is_checked(server: str, authority: Authority) -> None:
    named = server.replace("127.0.0.1", "localhost")

    with Transport(named, ca_file=authority.file) as transport, pytest.raises(ProviderUnavailable):
        transport.request("GET", "/", accept="*/*")


def test_the_client_certificate_is_shown(server: str, authority: Authority) -> None:
    certificate = authority.issue("dcarbon-client")

    with Transport(
        server, ca_file=authority.file, client_certificate=certificate, client_key=certificate
    ) as transport:
        response = transport.request("GET", "/", accept="*/*")

    assert b"dcarbon-client" in response.content


@pytest.mark.parametrize("server", [ssl.TLSVersion.TLSv1_2], indirect=True)
def test_tls_1_2_is_enough(server: str, authority: Authority) -> None:
    with Transport(server, ca_file=authority.file) as transport:
        assert transport.request("GET", "/", accept="*/*").status == 200


def test_a_connection_cut_in_the_body_is_no_answer(server: str, authority: Authority) -> None:
    with Transport(server, ca_file=authority.file) as transport, pytest.raises(ProviderUnavailable):
        transport.request("GET", "/cut", accept="*/*")


def test_a_closed_port_is_a_provider_that_is_down(server: str, authority: Authority) -> None:
    closed = "https://127.0.0.1:1"

    with Transport(closed, ca_file=authority.file) as transport:  # noqa: SIM117
        with pytest.raises(ProviderUnavailable) as caught:
            transport.request("GET", "/", accept="*/*")

    assert server != closed
    assert not caught.value.may_have_arrived


def test_an_encrypted_key_is_refused_without_asking_anybody(authority: Authority) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    encrypted = authority.folder / "encrypted.pem"
    encrypted.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"word"),
        )
    )

    with pytest.raises(SettingsInvalid):
        Transport(
            "https://x.example",
            client_certificate=authority.issue("someone"),
            client_key=encrypted,
        )
