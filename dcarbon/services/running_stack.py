"""What ``dcarbon up`` leaves beside its files while it runs: where its parts are, no secrets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from dcarbon.db import embedded

_NAME = "running.json"


@dataclass(frozen=True, slots=True)
class RunningStack:
    """Where the parts of a running ``dcarbon up`` are reached, and the process that runs them."""

    pid: int
    web: str
    dagster: str
    sandbox: str | None
    """``None``: it was started without the stand-in utilities."""


@contextmanager
def announced(directory: Path, stack: RunningStack) -> Iterator[None]:
    """Write down that the stack runs; at the end it does not any more."""
    file = directory / _NAME
    file.write_text(json.dumps(asdict(stack)), encoding="utf-8")
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def find(directory: Path) -> RunningStack | None:
    """Return the stack that runs on this directory; ``None`` when there is none any more."""
    try:
        found = RunningStack(**json.loads((directory / _NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return found if embedded.is_there(found.pid) else None
