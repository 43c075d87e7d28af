"""Paths of our own pages that travel through forms and links: never somebody else's address."""

from __future__ import annotations

_LONGEST = 500


def own_path(text: str | None) -> str | None:
    r"""Return ``text`` if a browser takes it for a page of ours, ``None`` otherwise.

    Browsers read ``//host`` and ``/\host`` as another host, and drop tabs and line ends anywhere
    in an address (WHATWG URL 4.4), so all of those are refused. Of what is left, a single slash
    begins a path of the host it came from.
    """
    if not text or len(text) > _LONGEST or not text.startswith("/") or not text.isprintable():
        return None
    if text.startswith("//") or "\\" in text or not text.isascii():
        return None
    return text
