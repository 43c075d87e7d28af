"""Kinds of values that requests are made of."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def _printable(value: str) -> str:
    # PostgreSQL refuses NUL in text, and nobody means a control character in a name.
    if _CONTROL.search(value):
        msg = "must not hold control characters"
        raise ValueError(msg)
    return value


Line = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=200),
    AfterValidator(_printable),
]
"""One line of text, perhaps empty."""

Word = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=64),
    AfterValidator(_printable),
]
"""A key or a code."""


class RequestModel(BaseModel):
    """What a request says: unknown members are refused, so that a typing error is noticed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class AnswerModel(BaseModel):
    """What we answer, read from the views of the services."""

    model_config = ConfigDict(from_attributes=True, frozen=True, populate_by_name=True)
