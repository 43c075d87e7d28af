"""An object store is paid by the request, and each takes its time: what a payload costs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from dcarbon.db.landing_zone import LandingZone
from tests.support.object_store import CREDENTIALS, ObjectStore

Asked = list[tuple[str, str]]


@pytest.fixture
def empty_store(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[LandingZone, Asked]]:
    """A store that has nothing and takes everything; what it was asked is written down."""
    asked: Asked = []

    class Taking(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            asked.append((self.command, self.path))
            self._answer(404)

        def do_PUT(self) -> None:
            asked.append((self.command, self.path))
            if length := self.headers["Content-Length"]:
                self.rfile.read(int(length))
            else:
                self._skip_chunks()
            self._answer(200)

        def _skip_chunks(self) -> None:
            while size := int(self.rfile.readline().split(b";")[0], 16):
                self.rfile.read(size + 2)
            while self.rfile.readline().strip():
                pass

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("ETag", '"x"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Taking)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
    try:
        store = ObjectStore(f"http://127.0.0.1:{server.server_port}")
        yield LandingZone(store.uri("landing")), asked
    finally:
        server.shutdown()
        server.server_close()


def test_a_payload_costs_one_question_and_one_write(
    empty_store: tuple[LandingZone, Asked],
) -> None:
    zone, asked = empty_store

    digest = zone.put(b"an answer")

    name = digest.hex()
    path = f"/payloads/landing/{name[:2]}/{name[2:4]}/{name}.zst"
    assert [(verb, where.partition("?")[0]) for verb, where in asked] == [
        ("HEAD", path),
        ("PUT", path),
    ]
