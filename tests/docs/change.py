"""``python -m tests.docs.change FILE``: lines to add and take away, as a document shows them.

Only lines count, no numbers: what the lines without ``+`` say has to stand in the file once.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path


def changed(text: str, change: str) -> str:
    """Return the text with each hunk of the change made; hunks begin with ``@@``."""
    for hunk in re.split(r"^@@.*\n", change, flags=re.MULTILINE):
        lines = hunk.splitlines(keepends=True)
        before = "".join(line[1:] for line in lines if not line.startswith("+"))
        after = "".join(line[1:] for line in lines if not line.startswith("-"))
        if hunk.strip():
            if text.count(before) != 1:
                raise SystemExit(f"stands there {text.count(before)} times:\n{before}")
            text = text.replace(before, after)
    return text


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(changed(path.read_text("utf-8"), sys.stdin.read()), "utf-8")
