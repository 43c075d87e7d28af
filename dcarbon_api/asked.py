"""What the address of a page asks for, beyond what the route itself says."""

from __future__ import annotations

from uuid import UUID

from flask import request

from dcarbon.domain.errors import NotFound


def uuid_argument(name: str) -> UUID | None:
    """Return an identifier of ours from the query; what is none names nothing: ``NotFound``."""
    text = request.args.get(name, "")
    try:
        return UUID(text) if text else None
    except ValueError as error:
        raise NotFound(f"{name} is no identifier") from error
