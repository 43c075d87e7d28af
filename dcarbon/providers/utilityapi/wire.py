"""UtilityAPI's JSON on the wire: decoding with stable error codes, and lenient reading of values.

Readings are read strictly, all else leniently: its lists, types and notes grow without notice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from dcarbon.domain.errors import UnreadablePayload

_T = TypeVar("_T")
_PATH = re.compile(r"`(\$[^`]{0,200})`$")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Note:
    """A note of an authorization or a meter. ``type`` is an open set; ``at`` is UTC if readable."""

    type: str
    message: str | None = None
    at: datetime | None = None
    extra: Mapping[str, object] = field(default_factory=dict)


def decode(decoder: msgspec.json.Decoder[_T], content: bytes) -> _T:
    """Decode one document.

    Raises :class:`UnreadablePayload`: ``malformed_json`` when it is not JSON, or
    ``unexpected_json`` with the member's path. No text of the document gets into the error, which
    is why the causes, which quote it, are left behind.
    """
    try:
        return decoder.decode(content.removeprefix(_BYTE_ORDER_MARK))
    except msgspec.ValidationError as error:
        path = _PATH.search(str(error))
        raise unexpected(path[1] if path else "$") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise malformed() from None


def malformed() -> UnreadablePayload:
    return UnreadablePayload("not JSON", code="malformed_json")


def unexpected(path: str) -> UnreadablePayload:
    """Return the error for a member that is missing, of another type or out of range."""
    return UnreadablePayload(f"unexpected member at {path}", code="unexpected_json")


def text(value: object) -> str | None:
    """Return a text or number as text without NUL, which no database takes; else ``None``."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value).replace("\x00", "").strip() or None


def texts(value: object) -> tuple[str, ...]:
    members = value if isinstance(value, list) else []
    return tuple(found for member in members if (found := text(member)) is not None)


def moment(value: object) -> datetime | None:
    """Return an ISO 8601 time with offset as UTC, ``None`` for anything else."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
        return found.astimezone(UTC) if found.utcoffset() is not None else None
    except (ValueError, OverflowError):
        return None


def clean(value: Any) -> Any:
    """Return JSON as it may be stored: no NUL anywhere, no blanks around keys.

    One official example spells a key ``"eta "`` (utilityapi reference 9).
    """
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, list):
        return [clean(member) for member in value]
    if isinstance(value, dict):
        return {clean(key).strip(): clean(member) for key, member in value.items()}
    return value


def notes(value: object) -> tuple[Note, ...]:
    """Read a list of notes; what is not a note is left out, a bad time is ``None``."""
    members = value if isinstance(value, list) else []
    return tuple(_note(clean(member)) for member in members if isinstance(member, dict))


def _note(members: dict[str, object]) -> Note:
    known = {"type", "msg", "ts"}
    return Note(
        type=text(members.get("type")) or "unknown",
        message=text(members.get("msg")),
        at=moment(members.get("ts")),
        extra={key: value for key, value in members.items() if key not in known},
    )
