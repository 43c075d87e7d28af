"""``python -m tests.docs.query``: SQL from standard input, in the demo's database, rolled back."""

from __future__ import annotations

import sys
from pathlib import Path

import psycopg

from dcarbon.db import embedded


def main() -> None:
    with (
        embedded.server(Path(".dcarbon")) as urls,
        psycopg.connect(urls[embedded.PRODUCT_DATABASE]) as connection,
    ):
        found = connection.execute(sys.stdin.read().encode())
        for row in found.fetchall() if found.description else []:
            sys.stdout.write(" | ".join(str(value) for value in row) + "\n")
        connection.rollback()


if __name__ == "__main__":
    main()
