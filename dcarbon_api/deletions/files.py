"""Receipts of deletions as files."""

from __future__ import annotations

from flask import Response

from dcarbon.services import deletion_receipts
from dcarbon.services.deletion_receipts import Receipt

JSON, PDF = "application/json", "application/pdf"


def as_json(receipt: Receipt) -> Response:
    """Send the receipt as it was written."""
    return _file(receipt.content, JSON, f"{receipt.file_name}.json")


def as_pdf(receipt: Receipt) -> Response:
    """Send the receipt to be read and filed."""
    return _file(deletion_receipts.pdf(receipt), PDF, f"{receipt.file_name}.pdf")


def _file(content: bytes, media_type: str, name: str) -> Response:
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
    }
    return Response(content, mimetype=media_type, headers=headers)
