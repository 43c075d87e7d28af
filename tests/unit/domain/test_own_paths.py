"""Nobody is sent elsewhere by a link or a form of ours."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcarbon.domain.own_paths import own_path

HERE = "https://dcarbon.example"


@pytest.mark.parametrize(
    "path", ["/", "/facilities", "/facilities?after=1&q=a%20b", "/a/b#c", "/" + "a" * 499]
)
def test_a_path_of_ours_is_kept(path: str) -> None:
    assert own_path(path) == path


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "facilities",
        "https://evil.example/",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        " //evil.example",
        "/a\r\nSet-Cookie: a=b",
        "javascript:alert(1)",
        "/\u2028/evil.example",
        "/" + "a" * 500,
    ],
)
def test_what_may_lead_elsewhere_is_refused(text: str | None) -> None:
    assert own_path(text) is None


@given(st.text(alphabet=st.sampled_from("/\\:@.?#%\t\n\r evilHTPS0[]"), max_size=30))
def test_whatever_is_kept_stays_on_our_host(text: str) -> None:
    kept = own_path(text)

    if kept is not None:
        # As a browser does: backslashes are slashes, tabs and line ends are dropped.
        read = kept.replace("\\", "/").translate({9: None, 10: None, 13: None})
        target = urlsplit(urljoin(HERE + "/sign-in", read))
        assert (target.scheme, target.netloc) == ("https", "dcarbon.example")
