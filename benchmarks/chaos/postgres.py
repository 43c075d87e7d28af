"""Holds an embedded server: ``python -m benchmarks.chaos.postgres DIRECTORY`` until it is ended."""

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
    with embedded.server(directory) as urls:
        beside = directory / f".{ADDRESSES}"
        beside.write_text(json.dumps(urls))
        beside.replace(directory / ADDRESSES)
        stop.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
