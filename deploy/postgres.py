"""Holds the embedded server: ``python -m deploy.postgres DIRECTORY`` until it is told to stop.

For one machine only: it listens on a local socket. Several machines share a server of their own.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path

from dcarbon.db import embedded

ADDRESSES = "addresses.json"


def main(directory: Path) -> None:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stop.set())
    addresses, beside = directory / ADDRESSES, directory / f".{ADDRESSES}"
    with embedded.server(directory) as urls:
        beside.write_text(json.dumps(urls), encoding="utf-8")
        beside.replace(addresses)
        stop.wait()
        addresses.unlink(missing_ok=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
