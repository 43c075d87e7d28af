"""The sandbox's own certificate authority: one CA, one server and one client certificate.

The product trusts ``ca.pem`` by a setting only; nothing is installed anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from dcarbon_sandbox.state import write_atomically

_LIFETIME = timedelta(days=397)  # the longest most clients accept for a server certificate
_SPARE = timedelta(days=7)
_SERVER_NAMES: tuple[x509.GeneralName, ...] = (
    x509.DNSName("localhost"),
    x509.IPAddress(ip_address("127.0.0.1")),
    x509.IPAddress(ip_address("::1")),
)


@dataclass(frozen=True)
class Authority:
    """Where the files are. ``client.*`` is what the product presents for mutual TLS."""

    ca: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path


def ensure_authority(directory: Path) -> Authority:
    """Return the authority in ``directory``, made anew where missing or about to expire."""
    files = Authority(
        ca=directory / "ca.pem",
        server=directory / "server.pem",
        server_key=directory / "server.key",
        client=directory / "client.pem",
        client_key=directory / "client.key",
    )
    if not _usable(files):
        _create(files)
    return files


def _usable(files: Authority) -> bool:
    paths = (files.ca, files.server, files.server_key, files.client, files.client_key)
    if not all(path.exists() for path in paths):
        return False
    certificates = [
        x509.load_pem_x509_certificate(path.read_bytes())
        for path in (files.ca, files.server, files.client)
    ]
    return all(c.not_valid_after_utc - _SPARE > datetime.now(UTC) for c in certificates)


def _create(files: Authority) -> None:
    # The CA's key is never written: a leaked one would let anybody speak as a trusted server.
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca = _ca_certificate(ca_key)
    write_atomically(files.ca, _pem(ca), mode=0o644)
    for path, key_path, name in (
        (files.server, files.server_key, "DCarbon sandbox server"),
        (files.client, files.client_key, "DCarbon sandbox client"),
    ):
        key = ec.generate_private_key(ec.SECP256R1())
        write_atomically(path, _pem(_leaf(name, key, ca, ca_key)), mode=0o644)
        write_atomically(key_path, _key_pem(key))


def _builder(
    subject: str, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _ca_certificate(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = "DCarbon sandbox authority"
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        _builder(name, issuer, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )


def _leaf(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    # Both uses on both: the sandbox is a client too when it delivers notifications.
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    return (
        _builder(name, ca.subject, key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.SubjectAlternativeName(_SERVER_NAMES), critical=False)
        .add_extension(issuer_key, critical=False)
        .sign(ca_key, hashes.SHA256())
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
