"""What both ways to authorise have in common: messages, and the page people come back to."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, g, make_response, render_template
from pydantic import Field

from dcarbon.services.authorizations import Completed, SessionStatus, Started
from dcarbon_api import problems
from dcarbon_api.context import current_runtime
from dcarbon_api.fields import AnswerModel, RequestModel


class StartedAnswer(AnswerModel):
    """Where to send the person now, and what to ask the status with."""

    redirect_url: str = Field(
        alias="redirectUrl", description="The utility's page; open it in the person's browser."
    )
    session_id: UUID = Field(alias="sessionId")

    @classmethod
    def of(cls, started: Started) -> StartedAnswer:
        return cls(redirect_url=started.redirect_url, session_id=started.session_id)


class StatusQuery(RequestModel):
    session_id: UUID = Field(alias="sessionId", description="As answered by start.")


class StatusAnswer(AnswerModel):
    """How an attempt to authorise stands."""

    status: str = Field(
        description="pending, authorized, failed, expired or revoked.", examples=["authorized"]
    )
    provider: str = Field(examples=["pge"])
    error_message: str | None = Field(
        alias="errorMessage", description="For people: what happened, what to do next."
    )
    error_code: str | None = Field(
        alias="errorCode", description="For programs; never changes its meaning."
    )
    progress: dict[str, Any] = Field(description="How far the first collection is.")

    @classmethod
    def of(cls, status: SessionStatus) -> StatusAnswer:
        return cls(
            status=status.status,
            provider=status.provider,
            error_message=status.error_message,
            error_code=status.error_code,
            progress=dict(status.progress),
        )


def return_page(completed: Completed) -> Response:
    """Return the page a person sees after the utility: what happened and what to do next."""
    error = completed.error
    status = 200
    if error is not None:
        status, g.problem_code = problems.status_of(error), error.code
    page = render_template(
        "pages/returned.html", completed=completed, utility=_utility(completed), error=error
    )
    response = make_response(page, status)
    # The address holds the utility's single-use code: it must not travel on.
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _utility(completed: Completed) -> str | None:
    if completed.provider is None:
        return None
    return current_runtime().providers.profile(completed.provider).name
