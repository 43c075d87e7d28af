"""What is left of a collection: every part for itself, the newest piece of all of them first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from dcarbon.db.authorizations import Authorization
from dcarbon.services import collection_pieces
from dcarbon.services.collection_jobs import Job

END = datetime(2026, 11, 20, tzinfo=UTC)
PIECES = tuple((END - timedelta(days=n + 1), END - timedelta(days=n)) for n in range(3))


@pytest.mark.parametrize(
    ("done", "left"),
    [
        ({}, [("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2), ("b", 2)]),
        ({"a": 3}, [("b", 0), ("b", 1), ("b", 2)]),
        ({"a": 1, "b": 2}, [("a", 1), ("a", 2), ("b", 2)]),
        ({"a": 3, "b": 3}, []),
    ],
)
def test_a_part_that_comes_later_gets_all_its_pieces(
    done: dict[str, int], left: list[tuple[str, int]]
) -> None:
    job = Job(Authorization(), PIECES[-1][0], END, uuid4(), None)
    job.pieces, job.parts, job.done = PIECES, ("a", "b"), done

    assert collection_pieces._left(job) == left
