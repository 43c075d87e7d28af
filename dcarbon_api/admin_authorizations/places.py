"""Places in a sorted list as they stand in addresses: opaque, and without anybody's name.

A list sorted by user or facility is left at an authorization alone: what it is sorted by is looked
up again. The other keys are times, ranks and utilities.
"""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from dcarbon.domain.errors import InvalidInput
from dcarbon.services.authorization_lists import BY_NAME, Place, Sort

_TIMES = frozenset({Sort.CREATED, Sort.LAST_SYNC})
_RANKS = frozenset({Sort.STATUS, Sort.HEALTH})


def written(place: Place, sort: Sort) -> str:
    """Return a place as it stands in an address."""
    content = orjson.dumps([sort.value, place.authorization_id.hex, place.key])
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def read(after: str, sort: Sort) -> Place:
    """Return the place. Raises :class:`InvalidInput` (``after_invalid``), also for another sort."""
    try:
        padded = after + "=" * (-len(after) % 4)
        content = base64.b64decode(padded, altchars=b"-_", validate=True)
        return _place(orjson.loads(content), sort)
    except (binascii.Error, ValueError, TypeError, AttributeError):
        raise InvalidInput("not a place of this list", code="after_invalid") from None


def _place(content: Any, sort: Sort) -> Place:
    of_sort, identity, key = content
    if of_sort != sort.value:
        raise ValueError(of_sort)
    return Place(UUID(identity), _key(key, sort))


def _key(key: Any, sort: Sort) -> Any:
    if sort in BY_NAME:
        if key is not None:
            raise ValueError(key)
        return None
    if sort in _TIMES:
        at = datetime.fromisoformat(key)
        if at.tzinfo is None:
            raise ValueError(key)
        return at
    # A rank is never true or false, and PostgreSQL refuses NUL in text.
    if type(key) is not (int if sort in _RANKS else str) or "\0" in str(key):
        raise TypeError(key)
    return key
