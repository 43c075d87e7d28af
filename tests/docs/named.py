"""What documents name: commands with their options, settings, addresses, files, targets."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from tests.docs.blocks import Document

_PROGRAMS = {"dcarbon", "dcarbon-sandbox"}
_SEPARATORS = {"|", "||", "&&", ";", "&", "(", ")", ">", "<", ">>", "2>"}
_METHODS = r"(?:(?:GET|POST|PUT|PATCH|DELETE) )?"


def lines(document: Document) -> Iterator[tuple[int, str]]:
    """Yield each line of shell in the document with its number, and what its backticks hold."""
    yield from document.spans
    for block in document.blocks:
        if block.mark == "sh":
            # A line that goes on with a backslash counts as one, where it begins.
            joined = re.sub(r"\\\n\s*", " ", block.text)
            yield from ((block.line, line) for line in joined.split("\n"))


def commands(line: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the calls of our programs in a line of shell: program and arguments."""
    lexer = shlex.shlex(line.replace("$(", " ( "), posix=True, punctuation_chars=True)
    lexer.commenters = "#"
    try:
        words = list(lexer)
    except ValueError:  # a quotation that goes on in the next line
        words = line.split()
    call: tuple[str, list[str]] | None = None
    starts = True
    for word in words:
        program = word.removeprefix(".venv/bin/")
        if word in _SEPARATORS:
            if call:
                yield call
            call, starts = None, True
        elif call:
            call[1].append(word)
        elif starts and program in _PROGRAMS:
            call = (program, [])
        else:
            starts = starts and bool(re.fullmatch(r"\w+=.*|if|then|do|while|!|exec|sudo", word))
    if call:
        yield call


def settings(document: Document) -> Iterator[tuple[int, str]]:
    """Yield every whole name that begins as settings in the environment do."""
    for number, line in enumerate(document.text.split("\n"), 1):
        for name in re.findall(r"\bDCARBON_[A-Z0-9_]*[A-Z0-9]\b(?!_?…|_?<)", line):
            yield number, name


def addresses(document: Document) -> Iterator[tuple[int, str]]:
    """Yield what stands between backticks and looks like an address of ours, without its query."""
    for number, span in document.spans:
        if found := re.fullmatch(rf"{_METHODS}(/[a-z][^\s#?]*)(?:[#?]\S*)?", span):
            yield number, found[1]


def targets(document: Document) -> Iterator[tuple[int, str]]:
    """Yield every target after ``make``."""
    for number, line in lines(document):
        if found := re.match(r"make(?: +(?!-)([a-z][\w-]*))?(?: |$)", line):
            yield number, found[1] or ""
