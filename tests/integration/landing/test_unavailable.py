"""A place that cannot be used says why, and never that payloads are lost or damaged."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from dcarbon.db import landing_places
from dcarbon.db.landing_zone import LandingZone
from dcarbon.domain.errors import LandingUnavailable, PayloadCorrupt, SettingsInvalid
from tests.integration.landing.conftest import Stored
from tests.support.object_store import ObjectStore

DIGEST = hashlib.sha256(b"any").digest()
USES: dict[str, Callable[[LandingZone], object]] = {
    "put": lambda zone: zone.put(b"any"),
    "get": lambda zone: zone.get(DIGEST),
    "look": lambda zone: zone.look(),
    "list": lambda zone: zone.digests("00"),
    "shelves": lambda zone: zone.shelves(),
}


@contextmanager
def answering(status: int, code: str) -> Iterator[str]:
    """Serve an object store that refuses everything with one code."""

    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815 — the library's names

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("use", ["put", "get", "look"])
def test_a_bucket_that_does_not_exist_is_no_lost_payload(
    object_store: ObjectStore, use: str
) -> None:
    zone = LandingZone(object_store.uri("any", bucket="no-such-bucket"))

    with pytest.raises(LandingUnavailable) as unavailable:
        USES[use](zone)

    assert unavailable.value.reason == "the bucket does not exist"


@pytest.mark.usefixtures("object_store")
@pytest.mark.parametrize("use", USES)
def test_refused_credentials_are_named(use: str) -> None:
    with answering(403, "AccessDenied") as endpoint:
        zone = LandingZone(ObjectStore(endpoint).uri("any"))
        with pytest.raises(LandingUnavailable) as unavailable:
            USES[use](zone)

    assert unavailable.value.reason == "the credentials do not give the right to do this"
    assert unavailable.value.code == "landing_unavailable"
    assert "payloads/any" in str(unavailable.value)


@pytest.mark.usefixtures("object_store")
def test_an_object_store_that_is_away_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens
        zone = LandingZone(ObjectStore(f"http://127.0.0.1:{taken.getsockname()[1]}").uri("any"))
        with pytest.raises(LandingUnavailable) as unavailable:
            zone.exists(DIGEST)

    assert unavailable.value.reason == "it does not answer"


def test_a_connection_that_breaks_while_reading_is_no_damaged_payload(in_bucket: Stored) -> None:
    """Reading fails on the way as it does in the bytes: only the latter accuses the payload."""
    way = OSError("When reading: AWS Error NETWORK_CONNECTION during GetObject operation: reset")

    with pytest.raises(LandingUnavailable):
        landing_places.require_reached(way)
    landing_places.require_reached(OSError("ZSTD decompress failed: Data corruption detected"))
    digest = in_bucket.zone.put(os.urandom(100))
    in_bucket.write(digest, b"not compressed")
    with pytest.raises(PayloadCorrupt):
        in_bucket.zone.get(digest)


def test_a_folder_that_cannot_be_written_is_named(in_folder: Stored) -> None:
    with in_folder.files.open_output_stream("arriving") as stream:
        stream.write(b"a file where a folder should be")

    with pytest.raises(LandingUnavailable) as unavailable:
        in_folder.zone.put(b"any")

    assert unavailable.value.reason in ("File exists", "Not a directory")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("s3://key:hidden@bucket/x", "AWS_ACCESS_KEY_ID"),
        ("s3:///x", "names no bucket"),
        ("s3://bucket/x?acces_key=1", "unknown options: acces_key"),
        ("s3://bucket?endpoint_override=http://minio.example.test:9000", "without TLS"),
        ("ftp://example.test/x", "none we can open"),
    ],
)
def test_an_address_that_cannot_be_is_refused_before_it_is_used(address: str, said: str) -> None:
    with pytest.raises(SettingsInvalid) as invalid:
        LandingZone(address)

    assert said in invalid.value.display_message
    assert "hidden" not in invalid.value.display_message
