"""What a protocol offers the collection: steps of bytes to ingest, or the word to wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

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
    is_polled: bool = False
    """Nobody notifies us: looking again and again is done ever more rarely."""


Step = Fetched | Waiting


class Source(Protocol):
    """One customer's data at a provider, asked for piece by piece.

    What is there is yielded before anything is raised. Every method raises what the provider's
    clients raise, when its steps are taken.
    """

    @property
    def parts(self) -> Sequence[str]:
        """What is asked for on its own, known after :meth:`look`: each meter, or all in one."""

    def look(self) -> Iterator[Step]:
        """Yield what says which meters there are: first of all, once per collection."""

    def readings(self, part: str, start: datetime, end: datetime) -> Iterator[Step]:
        """Yield the readings of one part in ``[start, end)``."""

    def describe(self) -> Iterator[Step]:
        """Yield more about meters that the readings named."""

    def conclude(self, *, is_silent: bool) -> None:
        """Raise what stands in the way although everything that is there was fetched.

        ``is_silent`` says that readings were asked for and none came.
        """


EVERY_METER = "*"
"""The one part of a provider that answers for all meters of a customer at once."""
LOOK_AGAIN = timedelta(seconds=20)
