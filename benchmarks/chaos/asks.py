"""Daily syncs that a round asks for, beside the schedule's own time: a file of partition keys."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

VARIABLE = "CHAOS_ASKS_FILE"


def ask(path: Path, keys: Sequence[str]) -> None:
    """Ask for the sync of these days and shards, in place of what was asked before."""
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(list(keys)))
    beside.replace(path)


def asked() -> list[str]:
    """Return what is asked for, in a process of the installation."""
    path = Path(os.environ[VARIABLE])
    found: list[str] = json.loads(path.read_text()) if path.exists() else []
    return found
