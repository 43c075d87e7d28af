"""``python -m dcarbon``: the command, for programs that know the interpreter only."""

from __future__ import annotations

from dcarbon.cli import main

if __name__ == "__main__":
    main()
