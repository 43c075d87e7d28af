"""Holds the embedded server: ``python -m deploy.postgres DIRECTORY`` until it is told to stop.

For one machine only: it listens on a local socket. Several machines share a server of their own.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path

import psycopg

from dcarbon.db import embedded

ADDRESSES = "addresses.json"
CONNECTIONS = 250
"""Eight runs of up to 21 connections each, the web app's workers, Dagster."""


def main(directory: Path) -> None:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stop.set())
    with embedded.server(directory) as urls:
        is_roomy = _give_room(urls[embedded.PRODUCT_DATABASE])
        if is_roomy:
            _hold(directory, urls, stop)
    if not is_roomy:  # the number counts from the next start on
        with embedded.server(directory) as urls:
            _hold(directory, urls, stop)


def _give_room(url: str) -> bool:
    """Return whether the server takes enough connections; have it do so when it starts anew."""
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute("show max_connections").fetchone()
        if found is not None and int(found[0]) >= CONNECTIONS:
            return True
        connection.execute(f"alter system set max_connections = {CONNECTIONS}".encode())
    return False


def _hold(directory: Path, urls: dict[str, str], stop: threading.Event) -> None:
    addresses = directory / ADDRESSES
    beside = directory / f".{ADDRESSES}"
    beside.write_text(json.dumps(urls), encoding="utf-8")
    beside.replace(addresses)
    stop.wait()
    addresses.unlink(missing_ok=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
