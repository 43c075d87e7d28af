"""Addresses of static files that change with their content, so that browsers may keep them."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from flask import current_app, url_for


def address(name: str) -> str:
    """Return the address of a file in ``static/``, with the hash of its bytes."""
    return url_for("static", filename=name, v=_digest(Path(current_app.static_folder or ""), name))


@cache
def _digest(folder: Path, name: str) -> str:
    return hashlib.sha256((folder / name).read_bytes()).hexdigest()[:16]
