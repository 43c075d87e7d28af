"""An export as an answer that is sent while it is made."""

from __future__ import annotations

from flask import Response

from dcarbon.services.exports import Export


def attachment(export: Export) -> Response:
    """Send a file to be kept under its name. The server closes it when the asker goes away."""
    response = Response(export.chunks, content_type=export.media_type)
    response.headers["X-Readings"] = str(export.plan.readings)
    _name(response, export.file_name)
    return response


def text(content: str, file_name: str) -> Response:
    """Send a text to be kept under its name."""
    response = Response(content, content_type="text/plain; charset=utf-8")
    _name(response, file_name)
    return response


def _name(response: Response, file_name: str) -> None:
    # The name has letters, digits, hyphens and one dot: nothing in it needs quoting.
    response.headers["Content-Disposition"] = f'attachment; filename="{file_name}"'
