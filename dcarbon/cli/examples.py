"""Examples at the end of a command's help, each in a line of its own."""

from __future__ import annotations


def of(*lines: str) -> str:
    """Return the epilog of a command: what one may type."""
    # The mark keeps click from filling the lines up into one paragraph.
    return "\n".join(["\b", "Examples:" if len(lines) > 1 else "Example:", *_indented(lines)])


def _indented(lines: tuple[str, ...]) -> list[str]:
    return [f"  {line}" for line in lines]
