"""What is asked and answered about a person's own account."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from dcarbon_api.fields import AnswerModel, Line, RequestModel


class NewToken(RequestModel):
    """An API token to make. It cannot allow more than what asks for it, nor for longer."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "Nightly export", "scopes": ["read"], "days": 90}]}
    )

    name: Annotated[Line, Field(min_length=1)]
    scopes: Annotated[list[Literal["read", "write"]], Field(min_length=1, max_length=2)]
    days: int | None = Field(
        default=None,
        ge=1,
        le=3660,
        description="How long it works; without it as long as what asks for it.",
    )


class TokenAnswer(AnswerModel):
    """An API token; its secret is never shown again."""

    id: UUID
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class NewTokenAnswer(TokenAnswer):
    secret: str = Field(description="Shown in this answer only: keep it safe.")


class TokensAnswer(AnswerModel):
    tokens: list[TokenAnswer]


class SessionAnswer(AnswerModel):
    """A browser that is signed in."""

    id: UUID
    how: str = Field(examples=["link", "invitation", "oidc"])
    ip: str | None
    browser: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    is_current: bool


class SessionsAnswer(AnswerModel):
    sessions: list[SessionAnswer]


class AccountAnswer(AnswerModel):
    """Who asks."""

    id: UUID
    email: str
    name: str
    account_kind: str = Field(examples=["commercial", "residential"])
    is_admin: bool
