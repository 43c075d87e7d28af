"""Every error as the asker sees it: application/problem+json (RFC 9457), or a page for browsers.

``detail`` is always a display message; what happened inside goes to the log with the request id.
"""

from __future__ import annotations

import math
import traceback
from collections.abc import Mapping
from typing import Any

import structlog
from flask import Flask, Response, g, make_response, render_template, request
from pydantic import BaseModel, Field
from sqlalchemy.exc import InterfaceError, OperationalError
from werkzeug.exceptions import HTTPException

from dcarbon.domain import texts
from dcarbon.domain.errors import (
    AnswersInvalid,
    AuthorizationDeclined,
    ClientCredentialsRejected,
    ContractViolation,
    DCarbonError,
    InvalidInput,
    InvalidTransition,
    NotFound,
    ProviderUnavailable,
    ReauthorizationRequired,
    TooManyRequests,
)
from dcarbon.domain.own_paths import own_path
from dcarbon.providers.oidc import CompanySignInRefused
from dcarbon_api.json_answers import encoded
from dcarbon_api.security import request_ids
from dcarbon_api.security.access import AdminNeeded
from dcarbon_api.security.asking import prefers_page
from dcarbon_api.security.bearer import ScopeMissing, Unauthenticated
from dcarbon_api.security.csrf import FormRefused

MEDIA_TYPE = "application/problem+json"
_RETRY_AFTER_S = 60
_DATABASE_RETRY_S = 5
_SERVER_ERROR = 500
_UNAVAILABLE = 503

STATUSES: Mapping[type[DCarbonError], int] = {
    Unauthenticated: 401,
    ScopeMissing: 403,
    AdminNeeded: 403,
    FormRefused: 403,
    CompanySignInRefused: 403,
    NotFound: 404,
    InvalidTransition: 409,
    ReauthorizationRequired: 409,
    AuthorizationDeclined: 409,
    InvalidInput: 422,
    TooManyRequests: 429,
    ClientCredentialsRejected: 502,
    ContractViolation: 502,
    ProviderUnavailable: 503,
    DCarbonError: _SERVER_ERROR,
}
"""HTTP status by error class; a class not named here takes that of its nearest parent."""

_STATUS_OF_CODE = {
    "metrics_refused": 403,
    "operator_needed": 403,
    "owner_needed": 403,
    "signature_invalid": 403,
    "landing_unavailable": 503,
    "not_ready": 503,
}
"""Where the code says more than the class: who sent it is wrong, not what was sent."""

TITLES = {
    400: "The request could not be read",
    401: "Signing in is needed",
    403: "This is not allowed",
    404: "Not found",
    405: "This method is not offered here",
    409: "This does not fit the present state",
    413: "The request is too large",
    415: "This media type is not accepted",
    422: "Something in the request is missing or wrong",
    429: "Too often in a short time",
    500: "Something went wrong on our side",
    502: "The utility's side does not work as agreed",
    503: "Temporarily not possible",
}

_ON_PAGES = {
    "route_unknown": "There is no page at this address. Please check it, or start from the first "
    "page.",
    "token_missing": "You were signed out meanwhile; nothing was changed. Sign in and send it "
    "again.",
}
"""What a page says where the words of the catalogue are for programs."""

_HTTP_CODES = {
    400: "json_malformed",
    404: "route_unknown",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "media_type_unsupported",
}
"""What Flask itself refuses, in our codes."""

log = structlog.get_logger(__name__)


class FieldProblem(BaseModel):
    """What is wrong with one member of the request."""

    field: str
    problem: str


class Problem(BaseModel):
    """What went wrong, in the form of RFC 9457."""

    type: str = Field(description="Where this kind of problem is explained.")
    title: str
    status: int
    detail: str = Field(description="What happened and what to do next.")
    code: str = Field(description="A stable word for programs.")
    request_id: str = Field(description="Name it when you ask for help.")
    errors: list[FieldProblem] | None = Field(
        default=None, description="The members concerned, where the request was wrong."
    )


class RequestInvalid(InvalidInput):
    """The person asking acts: members of the request are missing, unknown or of the wrong kind."""

    code = "request_invalid"

    def __init__(self, fields: list[FieldProblem]) -> None:
        words = "; ".join(f"{item.field} {item.problem}" for item in fields)
        super().__init__("request invalid", display_message=f"{words}.")
        self.fields = fields


def register(app: Flask) -> None:
    """Answer every error of the application here."""
    app.register_error_handler(DCarbonError, known)
    app.register_error_handler(HTTPException, of_http)
    for away in (InterfaceError, OperationalError):
        app.register_error_handler(away, database_away)
    app.register_error_handler(Exception, unexpected)


def status_of(error: DCarbonError) -> int:
    """Return the HTTP status of an error."""
    if error.code in _STATUS_OF_CODE:
        return _STATUS_OF_CODE[error.code]
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def known(error: DCarbonError) -> Response:
    """Answer a failure the product knows."""
    status = status_of(error)
    if status >= _SERVER_ERROR:
        log.warning("request_not_served", code=error.code, error_type=type(error).__name__)
    # A failure of ours may name settings or keys; its class has words for everybody.
    words = type(error).display_message if status == _SERVER_ERROR else error.display_message
    fields = _fields_of(error)
    response = _response(status, error.code, words, kind=type(error).code, fields=fields)
    response.headers.update(_headers(error))
    return response


def _fields_of(error: DCarbonError) -> list[FieldProblem] | None:
    if isinstance(error, RequestInvalid):
        return error.fields
    if isinstance(error, AnswersInvalid):
        return [FieldProblem(field=name, problem=words) for name, words in error.fields.items()]
    return None


def of_http(error: HTTPException) -> Response:
    """Answer what Flask itself refuses: unknown routes, methods, sizes, media types."""
    if error.response is not None:
        return make_response(error.response)
    status = error.code or _SERVER_ERROR
    code = _HTTP_CODES.get(status, "request_refused")
    response = _response(status, code, texts.of(code).message)
    for name, value in error.get_headers():
        if name.lower() in {"allow", "location", "retry-after"}:
            response.headers[name] = value
    return response


def database_away(error: InterfaceError | OperationalError) -> Response:
    """Answer while the database restarts: later is another matter, so providers ask again."""
    log.error("database_away", error_type=type(error.orig or error).__qualname__)
    response = _response(_UNAVAILABLE, "not_ready", texts.of("not_ready").message)
    response.headers["Retry-After"] = str(_DATABASE_RETRY_S)
    return response


def unexpected(error: Exception) -> Response:
    """Answer a failure nobody foresaw, without a word of what is inside."""
    # Texts of foreign exceptions quote values (a database shows the row): only type and place.
    frames = traceback.extract_tb(error.__traceback__)
    where = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    log.error("request_failed", error_type=type(error).__qualname__, where=where)
    return _response(_SERVER_ERROR, DCarbonError.code, DCarbonError.display_message)


def catalogue() -> list[tuple[str, int, str]]:
    """Return code, status and words of every kind of problem, for the page that explains them."""
    kinds = {code: (status, texts.of(code).message) for status, code in _HTTP_CODES.items()}
    waiting: list[type[DCarbonError]] = [DCarbonError]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        status = next(STATUSES[parent] for parent in kind.__mro__ if parent in STATUSES)
        kinds.setdefault(kind.code, (_STATUS_OF_CODE.get(kind.code, status), kind.display_message))
    return sorted((code, status, words) for code, (status, words) in kinds.items())


def _response(
    status: int,
    code: str,
    detail: str,
    *,
    kind: str | None = None,
    fields: list[FieldProblem] | None = None,
) -> Response:
    g.problem_code = code
    problem = Problem(
        type=f"/docs#problem-{kind or code}",
        title=TITLES.get(status, "The request was refused"),
        status=status,
        detail=detail,
        code=code,
        request_id=request_ids.current(),
        errors=fields,
    )
    if prefers_page():
        problem = problem.model_copy(update={"detail": _ON_PAGES.get(code, detail)})
        page = render_template("pages/problem.html", problem=problem, next=_page_before())
        return make_response(page, status)
    content: dict[str, Any] = problem.model_dump(exclude_none=True)
    return Response(encoded(content), status, mimetype=MEDIA_TYPE)


def _page_before() -> str | None:
    """Return the address of the page of ours that this was sent from, if the browser says so."""
    sent_from = request.referrer or ""
    here = request.host_url.rstrip("/")
    return own_path(sent_from.removeprefix(here)) if sent_from.startswith(f"{here}/") else None


def _headers(error: DCarbonError) -> dict[str, str]:
    if isinstance(error, TooManyRequests):
        return {"Retry-After": str(max(1, math.ceil(error.retry_after.total_seconds())))}
    if isinstance(error, ProviderUnavailable):
        wait = error.retry_after.total_seconds() if error.retry_after else _RETRY_AFTER_S
        return {"Retry-After": str(max(1, math.ceil(wait)))}
    if isinstance(error, ScopeMissing):
        return {
            "WWW-Authenticate": f'Bearer realm="dcarbon", error="insufficient_scope", '
            f'scope="{error.scope}"'
        }
    if isinstance(error, Unauthenticated):
        named = ', error="invalid_token"' if error.code == "token_invalid" else ""
        return {"WWW-Authenticate": f'Bearer realm="dcarbon"{named}'}
    return {}
