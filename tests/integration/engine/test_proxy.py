"""What nginx writes down with our configuration: no secret that an address may hold."""

from __future__ import annotations

import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2

from deploy import configuration

SECRET = "nobody-else-may-read-this"
KEEPING_SECRETS = (
    f"/sign-in/{SECRET}",
    f"/invitations/{SECRET}/accept",
    f"/deletion-receipts/{SECRET}/receipt.pdf",
    f"/green-button/callback?code={SECRET}",
)
PATIENCE_S = 20.0


@contextmanager
def running(home: Path, ports: Mapping[str, int]) -> Iterator[str]:
    """Run nginx without the web app behind it; gives where it answers."""
    (home / "logs").mkdir(parents=True)
    public_url = f"https://127.0.0.1:{ports['https']}"
    file = configuration.proxy(home, ports=ports, public_url=public_url, certificate="", key="")
    command = [configuration.program("nginx"), "-p", str(home), "-c", str(file)]
    with (home / "logs" / "proxy.log").open("wb") as said:
        process = subprocess.Popen(command, stderr=said)
        try:
            wait_until_it_listens(ports["https"])
            yield public_url
        finally:
            process.terminate()
            process.wait()


def free_ports(*names: str) -> dict[str, int]:
    with ExitStack() as held:
        taken = {name: held.enter_context(socket.socket()) for name in names}
        for each in taken.values():
            each.bind(("127.0.0.1", 0))
        return {name: each.getsockname()[1] for name, each in taken.items()}


def test_no_secret_of_an_address_is_logged_even_while_the_web_app_is_down(home: Path) -> None:
    ports = free_ports("web", "http", "https")
    with running(home, ports) as public_url:
        trusted = ssl.create_default_context(cafile=str(home / "tls" / "ca.pem"))
        with httpx2.Client(verify=trusted, base_url=public_url, trust_env=False) as client:
            asked = (*KEEPING_SECRETS, "/facilities/7")
            answers = [client.get(path).status_code for path in asked]
            plain = client.get(f"http://127.0.0.1:{ports['http']}{KEEPING_SECRETS[0]}")

    logs = home / "logs"
    logged = (logs / "nginx-access.log").read_text(encoding="utf-8")
    said = (logs / "proxy.log").read_text(encoding="utf-8")
    assert (answers, plain.status_code) == ([502] * 5, 308)
    assert SECRET not in logged + said
    places = [line.split()[3] for line in logged.splitlines()]
    assert places == [
        "/sign-in/-",
        "/invitations/-",
        "/deletion-receipts/-",
        "/green-button/callback",
        "/facilities/7",
        "/sign-in/-",
    ]


def wait_until_it_listens(port: int) -> None:
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < until
            time.sleep(0.05)
        else:
            return
