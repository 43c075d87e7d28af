"""Static files: addresses that change with their content, hashes browsers check, icons inline."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import cache
from pathlib import Path

from flask import current_app, url_for
from markupsafe import Markup

_COMMENTS = re.compile(r"<!--.*?-->", re.DOTALL)
_OPENING = re.compile(r"<svg\b[^>]*>", re.DOTALL)


def address(name: str) -> str:
    """Return the address of a file in ``static/``, with the hash of its bytes."""
    return url_for("static", filename=name, v=_digest(_folder(), name))


def integrity(name: str) -> str:
    """Return what the ``integrity`` attribute says of a file in ``static/`` (W3C SRI)."""
    return _integrity(_folder(), name)


def vendored(package: str, file: str) -> str:
    """Return the name in ``static/`` of a package's file, whatever version is taken in."""
    return f"vendor/{_places(_folder())[package]}/{file}"


def icon(name: str, *, size: int = 20) -> Markup:
    """Return a vendored icon as inline SVG, ``size`` pixels high; it is decoration, never words."""
    body = _drawing(_folder(), vendored("tabler-icons", f"{name}.svg"))
    return Markup(  # noqa: S704 — our own files
        f'<svg class="icon" width="{size}" height="{size}" viewBox="0 0 24 24" fill="none" '
        'stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" '
        f'aria-hidden="true" focusable="false">{body}'
    )


def _folder() -> Path:
    return Path(current_app.static_folder or "")


@cache
def _digest(folder: Path, name: str) -> str:
    return hashlib.sha256((folder / name).read_bytes()).hexdigest()[:16]


@cache
def _integrity(folder: Path, name: str) -> str:
    digest = hashlib.sha384((folder / name).read_bytes()).digest()
    return f"sha384-{base64.b64encode(digest).decode()}"


@cache
def _places(folder: Path) -> dict[str, str]:
    packages = json.loads((folder / "vendor" / "manifest.json").read_text(encoding="utf-8"))
    return {each["name"]: f"{each['name']}-{each['version']}" for each in packages}


@cache
def _drawing(folder: Path, name: str) -> str:
    """Return what is inside an SVG file, with its end tag."""
    text = _COMMENTS.sub("", (folder / name).read_text(encoding="utf-8"))
    return " ".join(_OPENING.sub("", text, count=1).split())
