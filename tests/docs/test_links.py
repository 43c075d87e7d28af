"""Every link between documents leads somewhere, and every document is reached from the README."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from tests.docs.blocks import PROJECT, Document, documents

_LINK = re.compile(r"\]\(([^)\s]+)\)")


def test_every_link_leads_to_something() -> None:
    headings = {one.name: _anchors(one) for one in documents()}

    wrong = []
    for document in documents():
        for line, target, anchor in _links(document):
            exists = (PROJECT / target).exists()
            if not exists or (anchor and anchor not in headings.get(target, ())):
                wrong.append(f"{document.name}:{line} {target}#{anchor}")

    assert not wrong


def test_every_document_is_reached_from_the_readme() -> None:
    known = {one.name: one for one in documents()}
    reached, waiting = set(), ["README.md"]
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        reached.add(name)
        waiting += [target for _, target, _ in _links(known[name]) if target in known]

    assert reached == set(known)


def _links(document: Document) -> Iterator[tuple[int, str, str]]:
    """Yield line, file from the project's folder, and anchor of each link within the project."""
    for number, line in enumerate(document.prose.split("\n"), 1):
        for link in _LINK.findall(line):
            if re.match(r"[a-z]+:", link):
                continue
            path, _, anchor = link.partition("#")
            here = posixpath.dirname(document.name)
            target = posixpath.normpath(posixpath.join(here, path)) if path else document.name
            yield number, target, anchor


def _anchors(document: Document) -> set[str]:
    """Return the anchors of a document's headings, as the usual viewers make them."""
    headings = re.findall(r"^#+ (.+)$", document.prose, re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", heading)).strip().lower().replace(" ", "-")
        for heading in headings
    }
