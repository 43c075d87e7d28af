"""The blocks of one document as one shell script, what it printed, and what it should have."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tests.docs.blocks import Block

_LIMIT_S = 180
_RUN = {"sh", "python", "sql"}


class StoryFailed(AssertionError):
    """A block did not do what the document says."""


def runnable(block: Block) -> bool:
    """Say whether the block does something: runs, or leaves a file."""
    return block.writes or (block.mark in _RUN and "not-run" not in block.options)


def tell(
    name: str, blocks: Sequence[Block], *, folder: Path, environ: Mapping[str, str]
) -> dict[int, str]:
    """Run the blocks of a document in ``folder``; return what each printed, by its line.

    Raises :class:`StoryFailed` with the place and what was printed.
    """
    script = "set -eu\n" + "".join(_step(block) for block in blocks if runnable(block))
    process = subprocess.Popen(
        ["/bin/sh", "-c", script],
        cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, start_new_session=True, errors="replace",
    )  # fmt: skip
    try:
        said, _ = process.communicate(timeout=_LIMIT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        said, _ = process.communicate()
        said += f"\n(stopped after {_LIMIT_S} s)"
    finally:
        with suppress(ProcessLookupError):  # whatever the document started and did not stop
            os.killpg(process.pid, signal.SIGKILL)
    printed = _by_line(said)
    if process.returncode != 0:
        line = max(printed, default=0)
        block = next((one for one in blocks if one.line == line), None)
        raise StoryFailed(
            f"{name}:{line} ended with {process.returncode}\n"
            f"{block.text if block else script}---\n{printed.get(line, said)}"
        )
    return printed


def missing(expected: str, printed: str) -> str | None:
    """Return the first line of ``expected`` that was not printed, in order; ``…`` is anything."""
    left = iter(line.strip() for line in printed.splitlines())
    for line in filter(None, map(str.strip, expected.splitlines())):
        wanted = ".*".join(re.escape(part) for part in line.split("…"))
        if not any(re.fullmatch(wanted, one) for one in left):
            return line
    return None


def missing_member(shown: str, printed: str) -> str | None:
    """Return the first member of the JSON shown that no JSON object printed has."""
    wanted = _members(json.loads(shown))
    lacking: list[list[str]] = [wanted]
    for one in _objects(printed):
        found = set(_members(one))
        lacking.append([member for member in wanted if member not in found])
    fewest = min(lacking, key=len)
    return fewest[0] if fewest else None


def _objects(printed: str) -> Iterator[object]:
    """Yield the JSON objects in what was printed: answers end without a new line."""
    decoder, place = json.JSONDecoder(), printed.find("{")
    while place >= 0:
        try:
            found, after = decoder.raw_decode(printed, place)
            yield found
        except json.JSONDecodeError:
            after = place + 1
        place = printed.find("{", after)


def _members(value: object, place: str = "") -> list[str]:
    """Return the names of all members as ``outer.inner``; those of a list's things are its own."""
    if isinstance(value, dict):
        return [
            name
            for key, inner in value.items()
            for name in (f"{place}{key}", *_members(inner, f"{place}{key}."))
        ]
    if isinstance(value, list):
        return [name for one in value for name in _members(one, place)]
    return []


def _step(block: Block) -> str:
    """Return the shell's words for one block, after a line that says which."""
    said = f"printf '\\n@@ %s\\n' {block.line}\n"
    if block.mark == "diff":
        file = shlex.quote(block.options["file"])
        return said + _here(f'"$PYTHON" -m tests.docs.change {file}', block.text)
    if block.writes:
        return f"{said}mkdir -p {shlex.quote(str(Path(block.options['file']).parent))}\n" + _here(
            f"cat > {shlex.quote(block.options['file'])}", block.text
        )
    if block.mark == "python":
        return said + _here('"$PYTHON" -', block.text)
    if block.mark == "sql":
        return said + _here('"$PYTHON" -m tests.docs.query', block.text)
    if "fails" in block.options:
        status = block.options["fails"]
        return (
            f"{said}set +e; ( set -e\n{block.text}); ended=$?; set -e\n"
            f'[ "$ended" -eq {status} ] || {{ echo "ended with $ended, not {status}"; exit 99; }}\n'
        )
    return said + block.text


def _here(command: str, text: str) -> str:
    return f"{command} <<'@@end'\n{text}@@end\n"


def _by_line(said: str) -> dict[int, str]:
    parts = re.split(r"^@@ (\d+)\n", said, flags=re.MULTILINE)
    return {int(line): text for line, text in _pairs(parts[1:])}


def _pairs(parts: list[str]) -> Iterator[tuple[str, str]]:
    yield from zip(parts[::2], parts[1::2], strict=True)
