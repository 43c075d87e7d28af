"""One run over many partitions: side by side, each with its own end, none holding up the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextvars import copy_context
from typing import TypeVar

import dagster as dg

from dcarbon.domain.errors import DCarbonError

T = TypeVar("T")


def each(
    keys: Sequence[str], work: Callable[[str], T], *, workers: int
) -> Iterator[tuple[str, Future[T]]]:
    """Do ``work`` for every key; yield each key with its finished future, soonest first.

    A run that is stopped lets what is under way finish and begins nothing more.
    """
    pool = ThreadPoolExecutor(max_workers=workers)
    try:
        # Each knows of which run it is: threads do not by themselves.
        futures = {pool.submit(copy_context().run, work, key): key for key in keys}
        for future in as_completed(futures):
            yield futures[future], future
    finally:
        pool.shutdown(cancel_futures=True)


def fail_if_broken(broken: Mapping[str, BaseException]) -> None:
    """End the run in failure when something of ours broke; the partitions that went well stay."""
    if not broken:
        return
    first = next(iter(broken.values()))
    words = first.display_message if isinstance(first, DCarbonError) else type(first).__name__
    raise dg.Failure(
        description=f"{len(broken)} of this run's partitions broke on our side. First: {words}",
        metadata={"broken": sorted(broken), "errors": sorted({_code(e) for e in broken.values()})},
    ) from first


def _code(error: BaseException) -> str:
    return error.code if isinstance(error, DCarbonError) else type(error).__name__
