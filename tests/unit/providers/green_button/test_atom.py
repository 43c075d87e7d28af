"""A client sees of a feed only its next page, its number of entries and their ids."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcarbon.providers.green_button.atom import count_entries, next_page, resource_ids

FEED = b"""<?xml version="1.0"?>
<a:feed xmlns:a="http://www.w3.org/2005/Atom">
 <a:link rel="self" href="/r/UsagePoint"/>
 <a:link rel="next" href="/r/UsagePoint?page=2"/>
 <a:entry><a:link rel="up" href="/r/UsagePoint"/>
  <a:link rel="self" href="https://placeholder.example/r/RetailCustomer/1/UsagePoint/AB-1%2B"/></a:entry>
 <a:entry><a:link rel="self" href="UsagePoint/02?x=1"/></a:entry>
 <a:entry><a:link rel="self" href="/r/UsagePoint/.."/></a:entry>
 <a:entry><a:link rel="self" href="/r/UsagePoint/02"/></a:entry>
 <a:entry><a:link rel="self" href="/r/UsagePoint/02/MeterReading/5"/></a:entry>
</a:feed>"""


def test_ids_come_from_self_links_whatever_their_host() -> None:
    assert resource_ids(FEED, "UsagePoint") == ("AB-1%2B", "02")
    assert resource_ids(FEED, "MeterReading") == ("5",)


def test_the_next_page_stands_before_the_entries() -> None:
    assert next_page(FEED) == "/r/UsagePoint?page=2"


def test_a_next_link_inside_an_entry_is_not_the_feeds() -> None:
    inside = FEED.replace(b'<a:link rel="next" href="/r/UsagePoint?page=2"/>', b"").replace(
        b'rel="up"', b'rel="next"'
    )

    assert next_page(inside) is None


def test_entries_are_counted_in_any_prefix() -> None:
    assert count_entries(FEED) == 5
    assert count_entries(FEED.replace(b"a:entry", b"entry")) == 5
    assert count_entries(b"<entryPoint/><entries>") == 0


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"next",
        b"<html>next",
        b"<feed><link rel='next'",
        b'<!DOCTYPE f [<!ENTITY e "x">]><feed>next</feed>',
        b"\xff\xfe next",
        b"<next>" + b"<a>" * 100_000,
    ],
)
def test_what_is_not_a_feed_has_nothing_to_see(content: bytes) -> None:
    assert next_page(content) is None
    assert resource_ids(content, "UsagePoint") == ()


def test_real_files_have_no_next_page(samples: Path) -> None:
    files = sorted(samples.glob("*.xml"))

    assert files
    assert [path.name for path in files if next_page(path.read_bytes())] == []
