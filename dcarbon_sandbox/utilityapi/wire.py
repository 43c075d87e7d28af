"""How values look on the wire: times, listings, pages, filters, errors, bodies."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import orjson
from flask import Response, request

from dcarbon_sandbox.utilityapi.service import Record, Service

DOCS = "https://utilityapi.com/docs"
API = "/api/v2"
_SHORT_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:?\d{2})?")


@dataclass
class ApiError(Exception):
    """An answer that is an error object (reference section 4)."""

    status: int
    error: str
    description: str
    url: str | None = None

    def response(self) -> Response:
        body = {"error": self.error, "error_description": self.description, "url": self.url}
        return answer(body, self.status)


def invalid(description: str, page: str | None = None) -> ApiError:
    return ApiError(400, "invalid_param", description, f"{DOCS}/{page}" if page else None)


def missing(name: str) -> ApiError:
    return ApiError(400, "required_param_missing", f"Parameter {name!r} is required.")


def not_found(what: str) -> ApiError:
    return ApiError(404, "not_found", f"{what} not found.")


def answer(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, content_type="application/json")


def require_token(service: Service) -> None:
    """Accept the API token as a bearer header or as ``access_token``; 401 otherwise."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        given = request.args.get("access_token", "")
    expected = service.setting("token").encode()
    if not hmac.compare_digest(given.strip().encode(), expected):
        raise ApiError(401, "unauthorized", "A valid API token is required.")


def body_of_request() -> Record:
    """Return the JSON object sent, whatever its Content-Type; nothing sent is an empty object."""
    raw = request.get_data(cache=True)
    if not raw.strip():
        return {}
    try:
        body = orjson.loads(raw)  # refuses what could not be written again: NaN, lone surrogates
    except orjson.JSONDecodeError as error:
        raise invalid("The body must be valid JSON.") from error
    if not isinstance(body, dict):
        raise invalid("The body must be a JSON object.")
    return body


def many(name: str) -> list[str]:
    """Return a multi-valued filter: comma-joined, repeated, or both; empty values are absent."""
    parts = (part.strip() for value in request.args.getlist(name) for part in value.split(","))
    return [part for part in parts if part]


def flag(name: str) -> bool | None:
    value = request.args.get(name, "").strip().lower()
    if value in {"", "null"}:
        return None
    if value not in {"true", "false", "1", "0"}:
        raise invalid(f"{name} must be true or false.")
    return value in {"true", "1"}


def whole_number(name: str) -> int | None:
    value = request.args.get(name, "").strip()
    if not value:
        return None
    if not (value.isascii() and value.isdecimal() and len(value) < 10) or int(value) < 1:
        raise invalid(f"{name} must be a whole number above zero.")
    return int(value)


def moment(name: str, zone: str) -> float | None:
    """Return a time parameter as epoch seconds; a short date is local midnight in ``zone``."""
    # A plus sign in a query is a blank once decoded; clients that forget to quote it exist.
    text = request.args.get(name, "").strip().replace(" ", "+")
    if not text:
        return None
    try:
        if _SHORT_DATE.fullmatch(text):
            return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()
        if _ISO.fullmatch(text):
            parsed = datetime.fromisoformat(text)
            return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        pass
    raise invalid(f"{name} must be an ISO 8601 time or YYYY-MM-DD.", "api/intervals/list#param")


def local_time(zone: str, epoch: float) -> str:
    """Print an instant with six decimals and the zone's offset at that instant."""
    return datetime.fromtimestamp(epoch, ZoneInfo(zone)).isoformat(timespec="microseconds")


def platform_time(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="microseconds")


def page_size(service: Service, key: str) -> int:
    asked = whole_number("limit")
    size: int = service.setting("page_sizes")[key]
    return size if asked is None else min(asked, size)


def next_url(service: Service, after: str) -> str:
    """Return the absolute address of the page after ``after``, with the filters of this one."""
    kept = [(name, value) for name, value in request.args.items(multi=True) if name != "after"]
    query = urlencode([*kept, ("after", after)])
    return f"{service.base_url().rstrip('/')}{request.path.rstrip('/')}?{query}"


def page(service: Service, key: str, records: Iterable[Record]) -> tuple[list[Record], str | None]:
    """Cut one page out of records that are newest first; uids grow with time."""
    after = request.args.get("after", "").strip()
    if after and not (after.isascii() and after.isdecimal()):
        raise invalid("after must be a uid.")
    rest = (item for item in records if not after or int(item["uid"]) < int(after))
    size = page_size(service, key)
    taken = [item for item, _ in zip(rest, range(size + 1), strict=False)]
    following = next_url(service, taken[size - 1]["uid"]) if len(taken) > size else None
    return taken[:size], following


def listing(key: str, items: Sequence[Any], following: str | None) -> Response:
    return answer({key: items, "next": following})


def newest_first(records: dict[str, Record], uids: Sequence[str] | None = None) -> list[Record]:
    """Return the records, or those of them that ``uids`` names, newest first."""
    if uids is None:
        return list(reversed(records.values()))
    known = {uid for uid in uids if uid in records}
    return [records[uid] for uid in sorted(known, key=int, reverse=True)]
