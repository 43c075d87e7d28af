"""JSON in and out by orjson: exact times, UUIDs and numpy columns; strict on the way in."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson
from flask import Response
from flask.json.provider import JSONProvider
from pydantic import BaseModel

OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z
MEDIA_TYPE = "application/json"


class OrjsonProvider(JSONProvider):
    """Flask's way to JSON. What is not JSON (NaN, broken surrogates, deep nesting) is refused."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        del kwargs
        return encoded(obj).decode()

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        del kwargs
        return orjson.loads(s)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        return raw(encoded(self._prepare_response_obj(args, kwargs)))


def encoded(value: object) -> bytes:
    return orjson.dumps(value, default=_text_of, option=OPTIONS)


def answer(model: BaseModel, status: int = 200) -> Response:
    """Return a model as the answer, under the names the API shows."""
    return raw(model.model_dump_json(by_alias=True).encode(), status)


def raw(content: bytes, status: int = 200) -> Response:
    """Return bytes that are JSON already."""
    return Response(content, status, mimetype=MEDIA_TYPE)


def _text_of(value: object) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(type(value).__name__)
