"""Pages of a list by key: ``after`` is opaque, so that what it holds may change."""

from __future__ import annotations

import base64
import binascii
from uuid import UUID

from pydantic import Field

from dcarbon.domain.errors import InvalidInput
from dcarbon_api.fields import RequestModel

_UUID_BYTES = 16


class PageQuery(RequestModel):
    """Which part of a list."""

    after: str | None = Field(
        default=None,
        max_length=64,
        description="`next` of the page before; without it, the first page.",
        examples=["AZMJxRo8cZ2bq0oD1p0xkg"],
    )
    limit: int = Field(default=25, ge=1, le=100, description="Most entries to answer with.")


def opaque(key: UUID | None) -> str | None:
    """Return a key as programs see it."""
    return base64.urlsafe_b64encode(key.bytes).decode().rstrip("=") if key else None


def key_of(after: str | None) -> UUID | None:
    """Return the key behind ``after``. Raises :class:`InvalidInput` (``after_invalid``)."""
    if after is None:
        return None
    try:
        content = base64.b64decode(f"{after}==", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        content = b""
    if len(content) != _UUID_BYTES:
        raise InvalidInput(
            "not a key of ours",
            code="after_invalid",
            display_message="'after' is not one we gave: take `next` of the page before as it is.",
        )
    return UUID(bytes=content)
