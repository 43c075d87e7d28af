"""What a protocol's fetching yields to the collection: bytes to ingest, or the word to wait."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from dcarbon.providers.columns import ParsedPayload
from dcarbon.providers.transport import RawPayload


@dataclass(frozen=True, slots=True)
class Fetched:
    """One response to land and parse."""

    raw: RawPayload
    parser: str
    parse: Callable[[bytes | Path], ParsedPayload]
    describes_only: bool = False
    """Customer data: more about meters that the usage data named."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The provider prepares its answer: look again then, or when it notifies us."""

    reason: str
    again_at: datetime


Step = Fetched | Waiting

LOOK_AGAIN = timedelta(seconds=20)
