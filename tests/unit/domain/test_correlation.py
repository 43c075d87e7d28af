"""One id follows from a click to the request to a utility, and is taken over only if it is one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest

from dcarbon.domain import correlation

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("header", "trace", "expected"),
    [
        ("proxy-12345678", None, "proxy-12345678"),
        ("proxy-12345678", f"00-{TRACE}-{SPAN}-01", "proxy-12345678"),
        (None, f"00-{TRACE}-{SPAN}-01", TRACE),
        ("short", f"00-{TRACE}-{SPAN}-00", TRACE),
        (None, f"01-{TRACE}-{SPAN}-01-more", TRACE),
        (None, f"00-{TRACE}-{SPAN}-01-more", None),
        (None, f"ff-{TRACE}-{SPAN}-01", None),
        (None, f"00-{'0' * 32}-{SPAN}-01", None),
        (None, f"00-{TRACE}-{'0' * 16}-01", None),
        (None, f"00-{TRACE.upper()}-{SPAN}-01", None),
        (None, f"00-{TRACE}-{SPAN}", None),
        ("a b c d e f g h", None, None),
        ("x" * 65, "", None),
        ("line\nbreak", None, None),
    ],
)
def test_an_id_from_outside_is_taken_when_it_looks_like_one(
    header: str | None, trace: str | None, expected: str | None
) -> None:
    assert correlation.given(header, trace) == expected


def test_what_is_inside_knows_all_that_is_around_it() -> None:
    with correlation.following("click-1", order="o-1"):
        with correlation.following(None, authorization=7, run=None):
            assert correlation.named() == {
                correlation.ID: "click-1",
                "order": "o-1",
                "authorization": "7",
            }
        with correlation.following("other"):
            assert (correlation.current(), correlation.named()["order"]) == ("other", "o-1")
        assert correlation.named() == {correlation.ID: "click-1", "order": "o-1"}

    assert correlation.current() is None


def test_a_thread_begins_anew_with_the_id_it_is_given() -> None:
    def begun(correlation_id: str | None) -> tuple[str | None, dict[str, str]]:
        correlation.begin(correlation_id)
        return correlation.current(), dict(correlation.named())

    with correlation.following("around", order="o-1"):
        assert copy_context().run(begun, "click-1") == ("click-1", {correlation.ID: "click-1"})
        assert copy_context().run(begun, None) == (None, {})
        assert correlation.current() == "around"


def test_a_thread_of_a_pool_knows_it_from_a_copy_of_the_context() -> None:
    with ThreadPoolExecutor(1) as pool, correlation.following("click-1"):
        bare = pool.submit(correlation.current).result()
        copied = pool.submit(copy_context().run, correlation.current).result()

    assert (bare, copied) == (None, "click-1")
