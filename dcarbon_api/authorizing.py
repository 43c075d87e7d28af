"""What both ways to authorise have in common: messages, and the page people come back to."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from pydantic import Field

from dcarbon.services import late_returns
from dcarbon.services.authorizations import Completed, SessionStatus, Started
from dcarbon_api import problems
from dcarbon_api.context import current_runtime
from dcarbon_api.fields import AnswerModel, RequestModel
from dcarbon_api.security import sessions


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


def return_page(completed: Completed) -> ResponseReturnValue:
    """Answer the return of a person: the facility's own page for who is signed in, else one that
    says what happened and what to do next.
    """
    error = completed.error
    if completed.session_id is None and error is not None:
        late_returns.note(current_runtime(), request.args.get("state"), error)
    there = _page_of_ours(completed)
    if there is not None:
        return redirect(there, 303)
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


def _page_of_ours(completed: Completed) -> str | None:
    """Return where a signed-in person goes on: an address that holds nothing of the utility's."""
    actor = sessions.signed_in()
    if actor is None:
        return None
    facility_id = completed.facility_id
    with current_runtime().sessions() as session:
        if facility_id is None:
            state = request.args.get("state")
            facility_id = late_returns.facility_of(session, state, actor=actor)
        elif not late_returns.is_visible(session, facility_id, actor=actor):
            return None
    failed = completed.error.code if completed.error is not None else None
    if facility_id is None:
        return url_for("connection.not_taken", failed=failed)
    return url_for("connection.outcome", facility_id=facility_id, failed=failed)


def _utility(completed: Completed) -> str | None:
    if completed.provider is None:
        return None
    return current_runtime().providers.profile(completed.provider).name
